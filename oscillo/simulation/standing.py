"""Where a simulation stands, and what of it is not in the store yet."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from oscillo.layout import State
from oscillo.measures import Running
from oscillo.recording import TrajectoryStore
from oscillo.simulation.observed import SERIES
from oscillo.simulation.recording import SimulationRecording

_BYTES_TOGETHER = 4 * 2**20
"""What is observed goes to the store in pieces of about this size: each costs a little, however small it is."""

_LEAST_SHARE = 10
"""A commit that takes long is not made again before so many times its duration have gone by."""


@dataclass
class Standing:
    """Where a simulation stands."""

    step: int
    observed: int
    """The last step that was observed."""
    state: State
    """Of all members, [sample, ...] by name."""
    running: Running
    """What summaries keep, by their number and name."""
    marks: dict[str, Tensor]
    """Of each sample: `diverged_at`, `diverged_oscillator`; when it was last finite, and how `large` then."""
    whole: bool = True
    """Whether all of this belongs to the step; while steps are taken or something is observed it does not."""

    @classmethod
    def at_start(cls, state: State) -> Standing:
        """Before the first step."""
        samples = len(state["x"])
        never = torch.full((samples,), torch.nan, dtype=torch.float64)
        marks = {
            "diverged_at": never.clone(), "diverged_oscillator": torch.full((samples,), -1),
            "finite_at": torch.zeros_like(never), "large": largest(state["x"]),
        }  # fmt: skip
        return cls(0, -1, state, {}, marks)

    @classmethod
    def of(cls, saved: dict[str, Any]) -> Standing:
        """From a checkpoint."""
        marks = {name: value.cpu() for name, value in saved["marks"].items()}
        return cls(saved["step"], saved["observed"], saved["state"], saved["running"], marks)

    @property
    def content(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        return {
            "step": self.step, "observed": self.observed, "state": self.state, "running": self.running,
            "marks": self.marks,
        }  # fmt: skip

    def mark(self, t: float) -> None:
        """Note which members are finite at a time, and of the others when and where they were first seen not to be."""
        x, marks = self.state["x"], self.marks
        large = largest(x)
        finite, fresh = large.isfinite(), ~large.isfinite() & marks["diverged_at"].isnan()
        marks["finite_at"] = torch.where(finite, t, marks["finite_at"])
        marks["large"] = torch.where(finite, large, marks["large"])
        for sample in fresh.nonzero().flatten().tolist():
            bad = (~torch.isfinite(x[sample])).movedim(-2, 0).any(0).flatten()
            marks["diverged_at"][sample], marks["diverged_oscillator"][sample] = t, int(bad.int().argmax())

    @property
    def all_diverged(self) -> bool:
        """Whether there is nothing left to follow."""
        return not bool(self.marks["diverged_at"].isnan().any())

    def refuse_if_all_diverged(self) -> None:
        """Refuse to call it a result when nothing is left.

        Raises:
            FloatingPointError: with the times, the oscillator, and what may help.
        """
        if not self.all_diverged:
            return
        at = self.marks["diverged_at"]
        last, samples = int(at.argmax()), len(at)
        marks = {name: value[last].item() for name, value in self.marks.items()}
        who = "the trajectory" if samples == 1 else f"all {samples} trajectories diverged; the last, sample {last},"
        raise FloatingPointError(
            f"{who} diverged between t = {marks['finite_at']:g}, when its largest number was {marks['large']:.4g}, "
            f"and t = {marks['diverged_at']:g}: oscillator {marks['diverged_oscillator']} is not a finite number any "
            "more; try a smaller step size, or weaker coupling"
        )


def largest(x: Tensor) -> Tensor:
    """The largest absolute number of each sample, float64 [sample] on the CPU; not finite when one is not."""
    return x.abs().flatten(1).amax(1).double().cpu()


class Pending:
    """What was observed and is not in the store yet.

    Attributes:
        numbers: to show, of the last observation.
        committing: whether something is on its way to the store: a commit, or a part of what the next one will hold.

    Args:
        recording: says what goes where.
        store: takes it.
        seconds: time between commits.
    """

    def __init__(self, recording: SimulationRecording, store: TrajectoryStore, seconds: float) -> None:
        self.recording, self.store, self.seconds = recording, store, seconds
        self.numbers: dict[str, float] = {}
        self.committing = False
        self._clear()
        self._began = self._since = time.monotonic()
        self._pause = seconds

    def _clear(self) -> None:
        groups = [group.path for group in self.recording.observed.groups]
        self._rows: dict[str, list[dict[str, Tensor]]] = {path: [] for path in groups}
        self._times: dict[str, list[float]] = {path: [] for path in groups}
        self._bytes = 0

    def take(self, group: str, t: float, found: dict[str, Tensor]) -> None:
        """Keep what was found at a time, and hand over what has gathered when that is much."""
        held = {name: value.detach().to("cpu", copy=True) for name, value in found.items()}
        self._rows[group].append(held)
        self._times[group].append(t)
        self._bytes += sum(value.numel() * value.element_size() for value in held.values())
        if group == SERIES:
            shown = list(self.recording.observed.moments)[:3]
            self.numbers = {name.replace("_", " "): float(held[name].double().nanmean()) for name in shown}
        if self._bytes > _BYTES_TOGETHER:
            self.committing = True
            self._hand_over()
            self.committing = False

    @property
    def due(self) -> bool:
        """Whether it is time for a commit."""
        return time.monotonic() - self._since > self._pause

    def flush(self) -> None:
        """Hand everything to the store, as the beginning of a commit."""
        self.committing, self._began = True, time.monotonic()
        self._hand_over()

    def committed(self) -> None:
        """Note that a commit has come to its end."""
        self.committing, self._since = False, time.monotonic()
        self._pause = max(self.seconds, _LEAST_SHARE * (self._since - self._began))

    def _hand_over(self) -> None:
        for group, rows in self._rows.items():
            self.recording.append(self.store, group, self._times[group], rows)
        self._clear()
