"""Integrators of a trained network, compared by its answers after equally many evaluations of the right-hand side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
import xarray as xr
from rich.table import Table

from oscillo.integrators import Dopri5Spec
from oscillo.network import Network, OscillatorLayerSpec
from oscillo.oscillators import Oscillators
from oscillo.plotting import answers_comparison_figure
from oscillo.preparation import compile_steps
from oscillo.questions.comparison.answering import Answering, Halt, evaluation_of, with_one_evaluation
from oscillo.questions.comparison.answers import Asked, answers_dataset
from oscillo.questions.comparison.reference import LOOSER
from oscillo.questions.comparison.settings import (
    ATOL_SHARE,
    Setting,
    check_integrators,
    check_use,
    flow_of,
    name_of,
    serving,
    settings_of,
    with_fields,
)
from oscillo.questions.comparison.tables import answers_tables
from oscillo.questions.question import Advance, Part, Study
from oscillo.questions.source import Source
from oscillo.training import EvaluationSpec
from oscillo.training.progress import report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from oscillo.questions.comparison.question import Compare

_SAMPLES = 200
_FACTORS = (1.0, 0.5, 0.25)
"""Step sizes that are tried, in those of the trained one."""

_LARGEST = 4
"""The largest budget, in evaluations of the right-hand side that the evaluation takes."""

_FEWEST = 4
"""The smallest budget: a step of `rk4`."""

_CHOSEN = 6
"""Evaluations that a trained integrator is thought to take in a step where it chooses its own."""

_TIGHT = 1e-5
_LOOSE = (1e-2, 1e-3)
"""Tolerance of the reference flow, and those that are tried."""

REFERENCE_PARTS = 2
"""Parts before the settings: the reference flow, and a looser one that says how far it can be trusted."""


class TrainedComparison(Study):
    """Answers the samples of one evaluation with every setting; the first one is the network as it was trained.

    Args:
        question: which settings.
        source: the network, with its weights.

    Raises:
        ValueError: when they cannot be compared on it.
    """

    def __init__(self, question: Compare, source: Source) -> None:
        spec = source.spec
        if source.weights is None:
            raise ValueError(
                "the network has learned nothing yet, and its answers say nothing; take the folder of a run that has "
                "been trained, or `training.start=shipped` where weights are shipped"
            )
        self.name = spec.name
        evaluation = evaluation_of(spec.task.evaluation_specs, question.evaluation)
        samples = _samples(question.samples, evaluation, spec.task.evaluation_samples(evaluation))
        task, model = with_one_evaluation(source, evaluation).learned()
        self.device = next(model.parameters()).device
        network: Network = model.network  # pyright: ignore[reportAssignmentType]
        layer = flow_of(network.layers[network.iterated])
        if layer.oscillators.coupling.delay_range is not None:
            raise ValueError(
                "the coupling has delays, and the solver of the reference flow does not take them; compare a simulation"
            )
        self.trained_step = float(layer.dt.detach())
        declared = spec.network.layers[network.iterated]
        assert isinstance(declared, OscillatorLayerSpec)
        native = with_fields(declared.integrator, step_size=self.trained_step)
        self.native = Setting(native, name_of(native))
        self.settings = self._settings(question, layer.oscillators)
        self.rtol = question.reference_tolerance or _TIGHT
        self._check_reference()
        self.answering = Answering(task, model, evaluation, samples, spec.seed, spec.precision, self.device)
        self._plan(question.evaluations)
        if spec.compile == "on":
            for line in compile_steps(model, spec):
                report(line)
        task.prepare_evaluations(report)
        samples = _samples(question.samples, evaluation, len(task.evaluation_data(evaluation)))
        self.answering = replace(self.answering, samples=samples)
        self.parts = ["reference flow", "reference flow, less tight", *(one.label for one in self.settings)]

    def _settings(self, question: Compare, oscillators: Oscillators) -> list[Setting]:
        """The network as it was trained, and all others."""
        specs = question.integrators or [spec for spec in serving(oscillators, self.trained_step) if not spec.adaptive]
        check_use(specs, {"tolerances": question.tolerances, "step_sizes": question.step_sizes})
        sizes = question.step_sizes or [factor * self.trained_step for factor in _FACTORS]
        tolerances = sorted(question.tolerances or _LOOSE, reverse=True)
        found = settings_of(specs, sorted(sizes, reverse=True), tolerances, self.trained_step)
        others = [one for one in found if one.label != self.native.label]
        check_integrators([self.native, *others], oscillators, torch.float32)
        return [self.native, *others]

    def _check_reference(self) -> None:
        finest = min((one.rtol for one in self.settings if one.spec.adaptive), default=float("inf"))
        objections = Dopri5Spec(rtol=self.rtol, atol=self.rtol * ATOL_SHARE).precision_problems(
            torch.finfo(torch.float32).eps
        )
        if objections:
            raise ValueError(f"the reference flow cannot be solved so tightly: {objections[0]}")
        if self.rtol > finest / 10:
            raise ValueError(
                f"the reference flow has a tolerance of {self.rtol:g}, and one of the compared integrators {finest:g}: "
                "it has to be ten times tighter; take larger `tolerances`, or a smaller `reference_tolerance`"
            )

    def _plan(self, most: int | None) -> None:
        """Say where every setting is read out: at budgets of evaluations that halve from the largest one."""
        answering = self.answering
        self.per_step = [
            0 if one.spec.adaptive else answering.evaluations_of(one.build(torch.float32).to(self.device))
            for one in self.settings
        ]
        native = self.per_step[0] or _CHOSEN
        own = answering.steps * native
        largest = most or _LARGEST * own
        budgets = {largest >> k for k in range(largest.bit_length()) if largest >> k >= min(_FEWEST, largest)}
        self.budgets = sorted(budgets | ({own} if own <= largest else set()))
        if self.budgets[-1] < max(self.per_step):
            raise ValueError(
                f"{self.budgets[-1]} evaluations are less than a single step takes, {max(self.per_step)} in one of the "
                "compared integrators; take more `evaluations`"
            )
        self.own_budget = own
        self.horizon = answering.steps * self.trained_step
        self.halts = [self._halts(number) for number in range(len(self.settings))]
        times = {halt.time for halts in self.halts for halt in halts if halt.time <= self.horizon * (1 + 1e-9)}
        self.reference_halts = [Halt(number, t) for number, t in enumerate(_distinct(times), start=1)]

    def _halts(self, number: int) -> list[Halt]:
        """Where a setting is read out; one that chooses its steps when the trained integrator is, up to the horizon."""
        setting, per_step = self.settings[number], self.per_step[number]
        if per_step:
            steps = sorted({budget // per_step for budget in self.budgets} - {0})
            return [Halt(count, count * setting.step_size) for count in steps]
        native = self.per_step[0] or _CHOSEN
        counts = sorted({n for budget in self.budgets if 0 < (n := budget // native) <= self.answering.steps})
        return [Halt(number, count * self.trained_step) for number, count in enumerate(counts, start=1)]

    def answer(self, part: int, advance: Advance, check: Callable[[], None]) -> Part:
        """The answers of one setting, or of the reference flow."""
        if part < REFERENCE_PARTS:
            rtol = self.rtol * (LOOSER if part else 1)
            spec = Dopri5Spec(step_size=self.trained_step, rtol=rtol, atol=rtol * ATOL_SHARE)
            setting, halts = Setting(spec, "dopri5"), self.reference_halts
        else:
            setting, halts = self.settings[part - REFERENCE_PARTS], self.halts[part - REFERENCE_PARTS]
        integrator = setting.build(torch.float32).to(self.device)
        return self.answering.run(integrator, halts, advance, check)

    def datasets(self, answers: Sequence[Part | str]) -> dict[str, xr.Dataset]:
        """Group `comparison`."""
        evaluation = self.answering.evaluation
        facts = {
            "about": "answers", "network": self.name, "evaluation": evaluation.name, "samples": self.answering.samples,
            "trained_step_size": self.trained_step, "trained_steps": self.answering.steps,
            "trained_evaluations": self.own_budget, "horizon": self.horizon, "precision": self.answering.precision,
            "reference": f"dopri5, rtol {self.rtol:g}", "reference_tolerance": self.rtol,
        }  # fmt: skip
        native = self.per_step[0] or _CHOSEN
        times = [budget // native * self.trained_step for budget in self.budgets]
        asked = Asked(self.settings, self.per_step, self.budgets, times, self.halts, self.reference_halts)
        return {"comparison": answers_dataset(asked, answers, facts)}

    def tables(self, data: Mapping[str, xr.Dataset]) -> list[Table]:
        """One row for each setting."""
        return answers_tables(data["comparison"])

    def metrics(self, data: Mapping[str, xr.Dataset]) -> dict[str, float]:
        """What the network as it was trained has right, and the flow at the same time."""
        found = data["comparison"]
        if "accuracy" not in found:
            return {}
        numbers = {"trained_accuracy": float(found["accuracy"].isel(setting=0).sel(budget=self.own_budget))}
        if "reference_accuracy" in found:
            numbers["flow_accuracy"] = float(found["reference_accuracy"][-1])
        return numbers

    def figures(self, data: Mapping[str, xr.Dataset]) -> Mapping[str, Callable[[], Figure | None]]:
        """Right answers and agreement against evaluations and against time."""
        return {"comparison": partial(answers_comparison_figure, data["comparison"])}


def _samples(wanted: int | None, evaluation: EvaluationSpec, total: int | None) -> int:
    """How many samples are answered.

    Args:
        wanted: as somebody asked for.
        evaluation: whose they are.
        total: how many there are, where that is known.

    Raises:
        ValueError: when there are fewer.
    """
    found = wanted or min(_SAMPLES, total or _SAMPLES)
    if total is not None and found > total:
        raise ValueError(
            f"the evaluation `{evaluation.name}` has {total} samples, and {found} are wanted; take at most {total}"
        )
    return found


def _distinct(times: set[float]) -> list[float]:
    """Rising times, those that differ by rounding alone only once."""
    found: list[float] = []
    for t in sorted(times):
        if not found or t > found[-1] * (1 + 1e-6):
            found.append(t)
    return found
