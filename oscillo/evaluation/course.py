"""What is kept of trajectories while they run: what votes compare, of all; and observables, of the recorded ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from oscillo.evaluation.schedule import Schedule
from oscillo.evaluation.watched import Watched
from oscillo.integrators.loop import Measures, time_of
from oscillo.layout import State
from oscillo.network import Network
from oscillo.observables import Moment

Answering = Callable[[State], dict[str, Tensor]]
"""What the task finds when a state of the iterated layer is read out, by name, [sample, ...]."""


class Keeping(Protocol):
    """Takes what an observable gave at a step."""

    def __call__(self, watched: Watched, stored: str, rows: Tensor, step: int, values: Tensor) -> None:
        """Keep the values [row, ...] of an array at a step, for those rows of the kept samples of the block."""
        ...


class Course:
    """Energies that votes compare, and observables along the steps, of the trajectories of one block of samples.

    What never came (a trajectory that left early) is not a number.

    Attributes:
        measured: energies of the iterated layer by name, [trajectory, step] for steps 0 .. T.

    Args:
        schedule: when what is done.
        network: whose layers are watched.
        everything: what is recorded.
        sample: for each trajectory its sample's position in the evaluation, int64 [trajectory].
        member: for each trajectory the number of its initial state.
        measured_at: at which steps of the iterated layer energies are compared.
        keep: takes what is recorded.
        gone: which trajectories have left, bool [trajectory]; of those that go on all the same nothing is recorded.
        device: where energies are collected.
    """

    def __init__(
        self, schedule: Schedule, network: Network, everything: Sequence[Watched], sample: Tensor, member: Tensor, *,
        measured_at: frozenset[int], keep: Keeping, gone: Tensor, device: torch.device,
    ) -> None:  # fmt: skip
        self.schedule, self.network, self.device, self.keep, self.gone = schedule, network, device, keep, gone
        self.measured_at, self.trajectories = measured_at, len(sample)
        self.measured: dict[str, Tensor] = {}
        self.everything = [(watched, _rows(watched, sample, member)) for watched in everything]
        self.everything = [(watched, rows) for watched, rows in self.everything if bool((rows >= 0).any())]
        self._steps = [
            frozenset().union(*(watched.steps for watched, _ in self.everything if watched.layer == number))
            for number in range(len(network.layers))
        ]

    def wanted(self, layer: int, steps: Iterable[int] | None = None) -> bool:
        """Whether anything of a layer is kept, at one of those steps or at any."""
        kept = self._steps[layer] | (self.measured_at if layer == self.schedule.iterated else frozenset())
        return bool(kept) if steps is None else not kept.isdisjoint(steps)

    def measures(self, layer: int, step: int) -> bool:
        """Whether what the step measures is asked for there."""
        if layer == self.schedule.iterated and step in self.measured_at:
            return True
        return any(
            watched.needs_measures and watched.layer == layer and step in watched.steps
            for watched, _ in self.everything
        )  # fmt: skip

    def watch(self, members: Tensor, real: int, answers: Answering) -> Watch:
        """An observer of a batch of these trajectories, of which the first `real` ones are not there to fill it up."""
        return Watch(self, members[:real], answers)

    def take(self, layer: int, step: int, measures: Measures, members: Tensor) -> None:
        """Keep energies that are compared."""
        if layer == self.schedule.iterated and step in self.measured_at:
            here = members.to(self.device)
            for name, value in measures.items():
                self._numbers(name)[here, step] = value[: len(members)].float()

    def _numbers(self, name: str) -> Tensor:
        """The table of one measure."""
        if name not in self.measured:
            sizes = (self.trajectories, self.schedule.last + 1)
            self.measured[name] = torch.full(sizes, torch.nan, device=self.device)
        return self.measured[name]

    def cut(self, taken: Tensor) -> None:
        """Forget energies that came after each trajectory's last step, int64 [trajectory]."""
        for table in self.measured.values():
            steps = torch.arange(table.shape[1], device=table.device)
            table[steps > taken.to(table.device)[:, None]] = torch.nan


class Watch:
    """Watches a batch of trajectories, and keeps what is recorded of it.

    Args:
        course: of all trajectories.
        members: numbers of these, int64 [trajectory].
        answers: reads a state out.
    """

    def __init__(self, course: Course, members: Tensor, answers: Answering) -> None:
        self.course, self.members, self.answers = course, members, answers
        self.stimulus: dict[int, Tensor | None] = {}

    def enter(self, layer: int, stimulus: Tensor | None) -> None:
        """Remember what comes from outside."""
        self.stimulus[layer] = stimulus

    def __call__(self, layer: int, step: int, state: State, measures: Measures) -> None:
        """Keep what is recorded of a state of the batch."""
        course, members = self.course, self.members.cpu()
        course.take(layer, step, measures, members)
        for watched, rows in course.everything:
            if watched.layer == layer and step in watched.steps:
                there = torch.where(course.gone[members], -1, rows[members])
                self._record(watched, there, step, state, measures)

    def _record(self, watched: Watched, rows: Tensor, step: int, state: State, measures: Measures) -> None:
        places = torch.nonzero(rows >= 0)[:, 0]
        if not len(places):
            return
        module = self.course.network.layers[watched.layer]
        there = places.to(state["x"].device)
        first = bool((places == torch.arange(len(places))).all())  # then a view does
        part = lambda value: value[: len(places)] if first else value[there]  # noqa: E731
        stimulus = self.stimulus.get(watched.layer)
        moment = Moment(
            module, {name: part(value) for name, value in state.items()}, None if stimulus is None else part(stimulus),
            time_of(step, module.dt.detach()), {name: part(value) for name, value in measures.items()},
            lambda: {name: part(value) for name, value in self.answers(state).items()},
        )  # fmt: skip
        found = watched.taken.measure(moment)
        for variable, stored in watched.arrays:
            self.course.keep(watched, stored, rows[places], step, found[variable.name])


def _rows(watched: Watched, sample: Tensor, member: Tensor) -> Tensor:
    """For each trajectory its row among the samples of the block that are kept, or -1; first initial states alone."""
    kept = [position for position in sample[member == 0].tolist() if position in set(watched.samples)]
    row = {position: number for number, position in enumerate(kept)}
    rows = torch.tensor([row.get(position, -1) for position in sample.tolist()])
    return torch.where(member == 0, rows, -1)
