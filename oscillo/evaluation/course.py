"""What is kept of trajectories while they run: energies of all, states of the first ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from oscillo.evaluation.schedule import Schedule
from oscillo.integrators.loop import Measures
from oscillo.layout import State, StateShape
from oscillo.network import NetworkObserver


class Course:
    """Energies and states along the steps, of the trajectories of one block of samples.

    What never came (a trajectory that left early) is not a number.

    Attributes:
        measured: for each layer, by name, [trajectory, step] for steps 0 .. T.
        kept: for each layer, states [row, kept step, ...] of the trajectories that are recorded.

    Args:
        schedule: when what is kept.
        shapes: of one sample's state in each layer.
        row: for each trajectory its row among the recorded ones, or -1, int64 [trajectory].
        measured_at: for each layer, at which steps its energies are wanted.
        device: where energies are collected.
    """

    def __init__(
        self, schedule: Schedule, shapes: Sequence[StateShape], row: Tensor, *,
        measured_at: Sequence[frozenset[int]], device: torch.device,
    ) -> None:  # fmt: skip
        self.schedule, self.row, self.measured_at, self.device = schedule, row, measured_at, device
        self.measured: list[dict[str, Tensor]] = [{} for _ in shapes]
        rows = int((row >= 0).sum())
        self.kept = [
            torch.full((rows, len(steps), *shape.sites, shape.components, shape.oscillators), torch.nan)
            for steps, shape in zip(schedule.state_steps, shapes, strict=True)
        ]

    def wanted(self, layer: int, steps: Iterable[int] | None = None) -> bool:
        """Whether anything of a layer is kept, at one of those steps or at any."""
        states = self.schedule.state_steps[layer] if len(self.kept[layer]) else ()
        kept = self.measured_at[layer].union(states)
        return bool(kept) if steps is None else not kept.isdisjoint(steps)

    def observer(self, members: Tensor, real: int) -> NetworkObserver:
        """An observer of a batch of these trajectories, of which the first `real` ones are not there to fill it up."""
        rows = self.row[members[:real].cpu()]
        places = torch.nonzero(rows >= 0)[:, 0]
        here = members[:real].to(self.device)

        def watch(layer: int, step: int, state: State, measures: Measures) -> None:
            if self.measured_at[layer]:
                for name, value in measures.items():
                    self._numbers(layer, name)[here, step] = value[:real].float()
            steps = self.schedule.state_steps[layer]
            if len(places) and step in steps:
                states = state["x"][places.to(state["x"].device)].float().cpu()
                self.kept[layer][rows[places], steps.index(step)] = states

        return watch

    def _numbers(self, layer: int, name: str) -> Tensor:
        """The table of one measure."""
        table = self.measured[layer]
        if name not in table:
            table[name] = torch.full(
                (len(self.row), self.schedule.steps[layer] + 1), torch.nan, device=self.device
            )  # fmt: skip
        return table[name]

    def cut(self, taken: Tensor) -> None:
        """Forget what the iterated layer did after each trajectory's last step, int64 [trajectory]."""
        number = self.schedule.iterated
        for table in self.measured[number].values():
            steps = torch.arange(table.shape[1], device=table.device)
            table[steps > taken.to(table.device)[:, None]] = torch.nan
        recorded = taken.cpu()[self.row >= 0]
        late = torch.tensor(self.schedule.state_steps[number], dtype=torch.int64) > recorded[:, None]
        self.kept[number][late] = torch.nan
