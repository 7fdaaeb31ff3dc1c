"""A simulation: the members of an ensemble from their initial states to the end, recorded on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from oscillo.draws import Draws
from oscillo.integrators.dopri5 import Dopri5
from oscillo.integrators.loop import plain_steps, time_of
from oscillo.layout import State
from oscillo.measures import Moments, Running
from oscillo.observables import Moment
from oscillo.recording import RecordingError, TrajectoryStore
from oscillo.simulation.batch import Batch, joined
from oscillo.simulation.design import Design
from oscillo.simulation.ensemble import Member
from oscillo.simulation.observed import SERIES, Group
from oscillo.simulation.recording import SimulationRecording
from oscillo.simulation.standing import Pending, Standing
from oscillo.training import Checkpoints

_STEPS_BETWEEN_MARKS = 64
"""Steps after which it is looked at the latest whether members have diverged."""

_SECONDS_BETWEEN_LOOKS = 0.2
"""Steps that are taken in a row, without looking whether to stop or to commit, take about that long."""


class Simulation:
    """Integrates all members together, batch beside batch, and hands what is observed to a store.

    Args:
        design: what is simulated.
        device: where it runs.

    Raises:
        NotStackable: when members differ in what cannot differ within a batch.
        ValueError: when one of them cannot be built.
    """

    def __init__(self, design: Design, device: torch.device) -> None:
        self.design, self.course, self.device = design, design.course, device
        self.members = design.ensemble.members
        layer = self.layer = design.layer(self.members).to(device)
        self.dt = layer.dt.detach()
        # Times are recorded as they were declared: in float32 a step of 0.05 is not, and `sel(time=20)` would fail.
        self.step_size: float = design.network.layers[0].integrator.step_size  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(layer.integrator, Dopri5):
            layer.integrator.raises = len(self.members) == 1
        self.observed = design.observed(layer)
        self.recording = SimulationRecording(self.observed, design.ensemble)
        self.draws = _draws(self.members, design.seed, device)
        rows = torch.arange(len(self.members), device=device)
        self._batches = [self.batch(some) for some in rows.split(design.batch_size)]
        self._moments = Moments()
        self._saved: dict[str, Any] | None = None

    def batch(self, rows: Tensor) -> Batch:
        """Some of the members.

        Args:
            rows: their numbers, integer [sample].
        """
        arriving = self.design.arriving
        arriving = None if arriving is None else arriving.to(self.device, self.design.dtype).unsqueeze(0)
        return Batch(self.layer, rows, self.draws, arriving=arriving)

    def load(self, checkpoints: Checkpoints) -> None:
        """Read where a run stands, for `run` to go on from there.

        Raises:
            CheckpointError: when that cannot be read.
        """
        self._saved = checkpoints.load(self.device)

    @property
    def work(self) -> float:
        """Numbers in all states times evaluations of the right-hand side, about: what the run will cost."""
        shape, integrator = self.layer.shape, self.layer.integrator
        evaluations = integrator.evaluations or 20  # solvers that choose their steps; a guess
        return float(len(self.members) * shape.positions * shape.channels * self.course.steps * evaluations)

    def compile(self) -> None:
        """Have steps compiled when first taken."""
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
        for batch in self._batches:
            batch.layer.compile(dynamic=False)

    def run(
        self, store: TrajectoryStore, checkpoints: Checkpoints, *, check: Callable[[], None] = lambda: None,
        show: Callable[[int, dict[str, float]], None] = lambda step, numbers: None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Go from where the checkpoint stands, or from the start, to the end.

        Args:
            store: takes what is observed.
            checkpoints: of the run; the last one is the state at the end.
            check: called several times a second; may raise to stop, and what was done is then committed.
            show: told the steps done, and numbers to show.

        Returns:
            The summary, [sample, ...] by name.

        Raises:
            FloatingPointError: when every member has diverged; what was recorded until then and the summary are
                committed.
        """
        self.recording.declare(store)
        standing = self._resumed(store, checkpoints)
        if standing is None:
            self.recording.write_fixed(store)
            standing = Standing.at_start(self.initial_state())
        if len(self._batches) > 1:  # whose steps are written into these tensors, so none may lie in another's memory
            standing.state = {name: value.clone() for name, value in standing.state.items()}
        pending = Pending(self.recording, store, self.design.checkpoint_seconds)
        commit = lambda: self._commit(store, checkpoints, standing, pending)  # noqa: E731
        try:
            self._go(standing, pending, commit, check, show)
        except BaseException:
            if not pending.committing:  # what a commit has left half done is no start for another one
                with suppress(RecordingError, ValueError):  # what is under way says more
                    commit()
            raise
        commit()
        summary = self._summary(standing)
        self.recording.finish(store, summary)
        store.commit()
        standing.refuse_if_all_diverged()
        return summary

    def initial_state(self) -> State:
        """Where all members start, with all that the integrator remembers."""
        given = self.design.initial.states(self.layer, self.draws)
        here = {name: value.to(self.device, self.design.dtype) for name, value in given.items()}
        return self.layer.initial_state(here["x"], here.get("v"))

    def _go(
        self, standing: Standing, pending: Pending, commit: Callable[[], None], check: Callable[[], None],
        show: Callable[[int, dict[str, float]], None],
    ) -> None:  # fmt: skip
        """Take all members to the end, or until there is none left to follow."""
        pace, shown = 1, time.monotonic()
        while standing.step < self.course.steps and not standing.all_diverged:
            began, first = time.monotonic(), standing.step
            self._advance(standing, pending, pace)
            check()
            if pending.due:
                commit()
            now = time.monotonic()
            pace = max(1, min(2 * pace, int((standing.step - first) * _SECONDS_BETWEEN_LOOKS / (now - began + 1e-9))))
            if now - shown > _SECONDS_BETWEEN_LOOKS:
                shown = now
                show(standing.step, pending.numbers)
        self._observe(standing, pending)
        show(standing.step, pending.numbers)

    def _advance(self, standing: Standing, pending: Pending, most: int) -> None:
        """Observe all members where they stand, if that is due, and take some steps until something is due again.

        What is due does not depend on how many steps are taken at once, and so does no number.
        """
        self._observe(standing, pending)
        course, step = self.course, standing.step
        known = (cadence.after(step) for cadence in self.observed.cadences)
        due = min((step for step in known if step is not None), default=course.steps)
        mark = (step // _STEPS_BETWEEN_MARKS + 1) * _STEPS_BETWEEN_MARKS
        end = min(step + most, due, mark, course.steps)
        standing.whole = False
        for batch in self._batches:
            self._take_steps(batch, standing, range(step, end))
        standing.step = end
        if end in (due, mark, course.steps):
            standing.mark(self._time(end))
        standing.whole = True

    @torch.no_grad()
    def _take_steps(self, batch: Batch, standing: Standing, steps: range) -> None:
        state = batch.of(standing.state)
        state = plain_steps(batch.layer, state, batch.stimulus, self.dt, steps, batch.noise(state), spent=True)
        standing.state = batch.put(state, standing.state)

    @torch.no_grad()
    def _observe(self, standing: Standing, pending: Pending) -> None:
        """Measure all members where they stand, as far as something is due and was not measured yet."""
        step = standing.step
        if step <= standing.observed:
            return
        groups = [group for group in self.observed.groups if group.cadence.has(step)]
        summaries = [name for name, (_, cadence) in self.observed.summaries.items() if cadence.has(step)]
        if not groups and not summaries:
            return
        standing.whole, t = False, time_of(step, self.dt)
        moments = [Moment(one.layer, one.of(standing.state), one.stimulus, t) for one in self._batches]
        for group in groups:
            found = self._measured(group, moments)
            pending.take(group.path, self._time(step), found)
            if group.path == SERIES and step >= self.course.transient:
                self._sum_up(standing.running, found)
        if step >= self.course.transient:
            for name in summaries:
                self._summarise(name, standing.running, moments)
        standing.observed, standing.whole = step, True

    @staticmethod
    def _measured(group: Group, moments: list[Moment]) -> dict[str, Tensor]:
        """What a group records at one time, by the names under which it is stored."""
        rows = None if group.rows is None else torch.tensor(group.rows)
        found, names = {}, {(taken.name, variable.name): name for taken, variable, name in group.stored()}
        for taken in group.taken:
            for name, value in joined([taken.measure(moment) for moment in moments]).items():
                found[names[taken.name, name]] = value if rows is None else value[rows.to(value.device)]
        return found

    def _time(self, step: int) -> float:
        """Time of a step, to twelve digits: 0.3 and not 0.30000000000000004."""
        return float(f"{step * self.step_size:.12g}")

    def _sum_up(self, running: Running, found: dict[str, Tensor]) -> None:
        """Take an observation into the means and spreads of series."""
        for name in self.observed.moments:
            prefix, values = f"moments.{name}.", found[name]
            values = values.float() if values.dtype == torch.float16 else values
            kept = _under(running, prefix) or self._moments.start(values)
            running |= {f"{prefix}{key}": value for key, value in self._moments.update(kept, values).items()}

    def _summarise(self, name: str, running: Running, moments: list[Moment]) -> None:
        """Take an observation into a summary."""
        prefix, (summary, _) = f"summary.{name}.", self.observed.summaries[name]
        kept = _under(running, prefix) or joined([summary.start(moment) for moment in moments])
        for moment, batch in zip(moments, self._batches, strict=True):
            kept = batch.put(summary.update(batch.of(kept), moment), kept)
        running |= {f"{prefix}{key}": value for key, value in kept.items()}

    def _summary(self, standing: Standing) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, (summary, _) in self.observed.summaries.items():
            if kept := _under(standing.running, f"summary.{name}."):
                found |= joined([summary.result(batch.of(kept)) for batch in self._batches])
        for name in self.observed.moments:
            if kept := _under(standing.running, f"moments.{name}."):
                result = self._moments.result(kept)
                found |= {f"{name}_mean": result["mean"], f"{name}_std": result["deviation"]}
        marks = {name: standing.marks[name] for name in ("diverged_at", "diverged_oscillator")}
        return found | marks | self._statistics(standing)

    def _statistics(self, standing: Standing) -> dict[str, Tensor]:
        """What the integrator did, as far as it was counted or measured."""
        state, steps = standing.state, torch.full((len(self.members),), standing.step)
        found = {name: state[name] for name in ("rejected", "drift") if name in state}
        evaluations = state.get("evaluations", steps * self.layer.integrator.evaluations)
        return {"steps": state.get("accepted", steps), "evaluations": evaluations} | found

    def _commit(self, store: TrajectoryStore, checkpoints: Checkpoints, standing: Standing, pending: Pending) -> None:
        """Make what was observed and where all members stand what a reader sees and a resumed run starts from."""
        pending.flush()
        store.commit()
        if standing.whole:  # else something broke off within a step, and the run goes on from the checkpoint before
            checkpoints.save(standing.step, standing.content | {"lengths": store.lengths})
        pending.committed()

    def _resumed(self, store: TrajectoryStore, checkpoints: Checkpoints) -> Standing | None:
        saved = self._saved or checkpoints.load(self.device)
        self._saved = None
        store.truncate({} if saved is None else saved["lengths"])
        return None if saved is None else Standing.of(saved)


def _draws(members: Sequence[Member], seed: int, device: torch.device) -> Draws:
    """Keys of the members' random numbers, in a run of that seed."""
    seeds = [member.run_seed(seed) for member in members]
    index = torch.tensor([member.seed for member in members], device=device)
    return Draws(torch.tensor(seeds, device=device) if len(set(seeds)) > 1 else seeds[0], index)


def _under(running: Running, prefix: str) -> Running:
    return {name.removeprefix(prefix): value for name, value in running.items() if name.startswith(prefix)}
