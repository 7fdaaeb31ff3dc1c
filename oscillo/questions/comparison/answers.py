"""What a comparison leaves of a trained network: answers, energies and costs by setting and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from oscillo.questions.comparison.answering import Halt
from oscillo.questions.comparison.errors import labels_of
from oscillo.questions.comparison.settings import Setting
from oscillo.questions.question import Part

_SAME_TIME = 1e-6
"""Times that differ by less, relatively, are the same."""

_METRIC = "metric/"


@dataclass(frozen=True)
class Asked:
    """What was run, and where it was read out."""

    settings: Sequence[Setting]
    """The first one is the network as it was trained."""
    per_step: Sequence[int]
    """Evaluations of the right-hand side in a step; 0 where a solver chooses its steps."""
    budgets: Sequence[int]
    """Evaluations that may be spent, rising."""
    times: Sequence[float]
    """Where in time the trained integrator is with each budget."""
    halts: Sequence[Sequence[Halt]]
    """Where each setting was read out."""
    reference_halts: Sequence[Halt]
    """Where the reference flow was."""

    def column(self, setting: int, budget: int) -> int | None:
        """Number of the halt that a setting has reached with a budget; None where that takes no step."""
        per_step = self.per_step[setting]
        if per_step:
            steps = [halt.steps for halt in self.halts[setting]]
            count = self.budgets[budget] // per_step
            return steps.index(count) if count else None
        # One that chooses its steps is read out where the trained integrator is with that budget, and not beyond.
        return _halt_at(self.halts[setting], self.times[budget])

    def reference_at(self, t: float) -> int | None:
        """Number of the reference's halt at a time; None beyond its horizon."""
        return _halt_at(self.reference_halts, t)


def _halt_at(halts: Sequence[Halt], t: float) -> int | None:
    """Number of the halt at a time, if there is one."""
    return next((number for number, halt in enumerate(halts) if abs(halt.time - t) <= _SAME_TIME * halt.time), None)


def answers_dataset(asked: Asked, answers: Sequence[Part | str], facts: Mapping[str, Any]) -> xr.Dataset:
    """Group `comparison` of a trained network.

    Args:
        asked: what was run.
        answers: of the reference flow, the looser one, and every setting; a text where it failed.
        facts: attributes.
    """
    reference, looser, *found = answers
    table = _Table(asked, found)
    arrays: dict[str, Any] = table.numbers()
    arrays |= table.agreement(reference, int(facts["trained_evaluations"]))
    arrays |= _of_reference(asked, reference, looser)
    told = {
        "long_name": "budget", "units": "evaluations",
        "description": "evaluations of the right-hand side that may be spent on a sample; a solver that chooses its "
        "steps is read out where the trained integrator is with them",
    }  # fmt: skip
    coords = labels_of(asked.settings, found) | {
        "budget": ("budget", np.array(asked.budgets), told),
        "sample": np.arange(int(facts["samples"])),
        "reference_time": [halt.time for halt in asked.reference_halts],
    }
    lost = {
        f"{name}_failure": text
        for name, text in (("reference", reference), ("looser_reference", looser))
        if isinstance(text, str)
    }
    return xr.Dataset(arrays, coords=coords, attrs={**facts, **lost})


@dataclass(frozen=True)
class _Table:
    """Arrays over setting and budget."""

    asked: Asked
    found: Sequence[Part | str]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.found), len(self.asked.budgets)

    def cells(self) -> list[tuple[int, int, Part, int]]:
        """Setting, budget, what was found, and at which halt; where there is something."""
        return [
            (row, column, one, halt)
            for row, one in enumerate(self.found) if not isinstance(one, str)
            for column in range(self.shape[1]) if (halt := self.asked.column(row, column)) is not None
        ]  # fmt: skip

    def filled(self, name: str) -> np.ndarray:
        """What all settings have under a name, its mean over samples, [setting, budget]."""
        values = np.full(self.shape, np.nan)
        for row, column, one, halt in self.cells():
            values[row, column] = np.mean(one[name][halt])
        return values

    def numbers(self) -> dict[str, Any]:
        """Costs, times, energies and right answers."""
        dims, first = ("setting", "budget"), next((one for one in self.found if not isinstance(one, str)), {})
        times = np.full(self.shape, np.nan)
        for row, column, _, halt in self.cells():
            times[row, column] = self.asked.halts[row][halt].time
        arrays: dict[str, Any] = {
            "time": (dims, times, _told("time reached", "sum of the step sizes", "time")),
            "evaluations": (dims, self.filled("evaluations"), _told("evaluations", "of the right-hand side, mean")),
            "energy": (dims, self.filled("energy"), _told("energy", "mean over samples")),
            "seconds": (dims, self.filled("seconds"), _told("time", "of the steps of all samples, no read-outs", "s")),
        }  # fmt: skip
        if "correct" in first:
            arrays["accuracy"] = (dims, self.filled("correct"), _told("right answers", "share of the samples"))
            samples = np.zeros((*self.shape, first["correct"].shape[1]), dtype=bool)
            for row, column, one, halt in self.cells():
                samples[row, column] = one["correct"][halt]
            arrays["correct"] = ((*dims, "sample"), samples, _told("right", "also false where there is no answer"))
        for name in first if "correct" not in first else ():
            if name.startswith(_METRIC):
                told = _told(name.removeprefix(_METRIC).replace("_", " "), "metric of the task")
                arrays[name.replace("/", "_")] = (dims, self.filled(name), told)
        return arrays

    def agreement(self, reference: Part | str, own: int) -> dict[str, Any]:
        """Answers that are those of the network as it was trained, or of the reference flow at the same time."""
        native = self.found[0]
        if isinstance(native, str) or "prediction" not in native:
            return {}
        trained = np.full((2, *self.shape), np.nan)
        flow = np.full((2, *self.shape), np.nan)
        at = self.asked.column(0, list(self.asked.budgets).index(own)) if own in self.asked.budgets else None
        for row, column, one, halt in self.cells():
            answers = one["prediction"][halt]
            if at is not None:
                trained[:, row, column] = _same(answers, native["prediction"][at])
            place = self.asked.reference_at(self.asked.halts[row][halt].time)
            if place is not None and not isinstance(reference, str):
                flow[:, row, column] = _same(answers, reference["prediction"][place])
        arrays: dict[str, Any] = {}
        for name, values, whom in (
            ("trained", trained, "the network as it was trained, after the steps of the evaluation"),
            ("flow", flow, "the reference flow at the same time; not a number beyond its horizon"),
        ):
            for what, each, words in zip(
                ("samples", "entries"), values, ("whole answers", "single entries"), strict=True
            ):
                told = _told(
                    f"{words} as of the {'trained network' if name == 'trained' else 'flow'}",
                    f"share that is the same as of {whom}",
                )
                arrays[f"same_{what}_{name}"] = (("setting", "budget"), each, told)
        return arrays


def _of_reference(asked: Asked, reference: Part | str, looser: Part | str) -> dict[str, Any]:
    """The reference flow by itself, along time, and how far it can be trusted."""
    if isinstance(reference, str):
        return {}
    dims = ("reference_time",)
    evaluations = _told("evaluations", "of the right-hand side for the reference flow, mean over samples")
    energy = _told("energy of the reference flow", "mean over samples")
    arrays: dict[str, Any] = {
        "reference_evaluations": (dims, reference["evaluations"], evaluations),
        "reference_energy": (dims, reference["energy"].mean(1), energy),
    }
    if "correct" in reference:
        accuracy = reference["correct"].mean(1)
        arrays["reference_accuracy"] = (
            dims,
            accuracy,
            _told("right answers of the reference flow", "share of the samples"),
        )
    if "prediction" in reference and not isinstance(looser, str):
        pairs = zip(reference["prediction"], looser["prediction"], strict=True)
        entries = np.array([_same(one, other)[1] for one, other in pairs])
        words = "share of single entries of answers that a solution of ten times the tolerance has as well"
        arrays["reference_resolved"] = (dims, entries, _told("resolved", words))
    return arrays


def _same(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Shares of samples with the same answer, and of single entries that are the same."""
    same = (one == other).reshape(len(one), -1)
    return float(same.all(1).mean()), float(same.mean())


def _told(long_name: str, description: str, units: str = "1") -> dict[str, str]:
    return {"long_name": long_name, "units": units, "description": description}
