"""Integrators of a simulation, compared with a tight reference solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from rich.table import Table
from torch import Tensor

from oscillo.integrators import Dopri5Spec
from oscillo.layout import State
from oscillo.manifolds import Manifold
from oscillo.plotting import comparison_course_figure, comparison_figure
from oscillo.questions.comparison.errors import comparison_dataset
from oscillo.questions.comparison.flow import MOVING, DriftWatch, Flow, flow_of_simulation
from oscillo.questions.comparison.reference import DELAYED_SHARE, Reference, saturated_error
from oscillo.questions.comparison.settings import (
    Setting,
    check_integrators,
    check_use,
    flow_of,
    serving,
    settings_of,
    whole,
)
from oscillo.questions.comparison.tables import comparison_tables
from oscillo.questions.question import Advance, Part, Study
from oscillo.questions.source import Source
from oscillo.simulation import Simulation
from oscillo.simulation.plan import design_of
from oscillo.simulation.recording import member_columns
from oscillo.training.progress import report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from oscillo.questions.comparison.question import Compare

_MOST_STEPS = 200
"""Of the spec, up to which a comparison goes unless it is told its horizon."""

_FACTORS = (2.0, 1.0, 0.5, 0.25, 0.125)
"""Step sizes that are tried, in those of the spec."""

_MOST_TIMES, _MOST_BYTES = 64, 256 * 2**20
"""When states are compared: so often at most, and so that the reference's states take no more memory."""

_TIGHT, _TIGHTEST = 1e-11, 1e-13
"""Tolerance of the reference, and the least that float64 can keep over many steps."""

_LOOSE = {torch.float64: (1e-3, 1e-5, 1e-7, 1e-9), torch.float32: (1e-3, 1e-4, 1e-5)}
"""Tolerances that are tried."""

_REPEATS, _SECONDS = 3, 1.0
"""A setting is run again for its time, so often, or until so much time has been spent."""

REFERENCE, LOOSER = 0, 1
"""Parts of the study that come before the settings."""


class SimulatedComparison(Study):
    """Follows one flow with every setting.

    Args:
        question: which settings.
        source: the simulation.

    Raises:
        ValueError: when they cannot be compared on it.
    """

    def __init__(self, question: Compare, source: Source) -> None:
        self.name = source.spec.name
        self.device = source.device()
        if source.spec.compile == "on":
            report("integrators are compared uncompiled: `compile: on` is left to `oscillo run`")
        self.dtype = torch.float32 if question.precision == "float32" else torch.float64
        simulation = Simulation(design_of(source.spec), self.device)
        layer = flow_of(simulation.layer)
        self.spec_step = simulation.step_size
        self.horizon = _horizon(question, simulation)
        self.settings = self._settings(question, simulation)
        oscillators = layer.oscillators
        check_integrators(self.settings, oscillators, self.dtype)
        self.delays = oscillators.coupling.delay_range is not None
        rows = _members(question, simulation)
        self.columns = {
            name: values[rows.cpu().numpy()]
            for name, values in member_columns(simulation.members, simulation.recording.names).items()
        }
        count = self._times(layer.shape.positions * layer.shape.channels * len(rows))
        self.flow = flow_of_simulation(simulation, rows, self.horizon / count, count)
        self.settings = [
            Setting(one.spec.model_copy(update={"step_size": self.flow.interval}), one.name)
            if one.spec.adaptive else one for one in self.settings
        ]  # fmt: skip
        self.reference = self._reference(question.reference_tolerance)
        self._cast = self.flow if self.dtype == torch.float64 else self.flow.cast(self.dtype)
        looser = f"reference again, less tight ({self.reference.kind})"
        angular = type(oscillators.manifold).distance is not Manifold.distance
        self.unit = "rad" if angular else "1"
        self.parts = [f"reference ({self.reference.label})", looser, *(one.label for one in self.settings)]
        self._true: list[State] = []
        self._true_energy: Tensor | None = None

    def _settings(self, question: Compare, simulation: Simulation) -> list[Setting]:
        """All settings; those with a step size reach the horizon in whole steps."""
        step, oscillators = simulation.step_size, simulation.layer.oscillators
        specs = question.integrators or serving(oscillators, step)
        check_use(specs, {"tolerances": question.tolerances, "step_sizes": question.step_sizes})
        sizes = question.step_sizes or _default_sizes(step, self.horizon, oscillators.coupling.delay_range)
        tolerances = sorted(question.tolerances or _LOOSE[self.dtype], reverse=True)
        found = settings_of(specs, sorted(sizes, reverse=True), tolerances, step)
        for setting in found:
            if not setting.spec.adaptive:
                _check_step(setting.step_size, self.horizon)
        return found

    def _times(self, numbers: int) -> int:
        """How often states are compared: at times that every step size hits."""
        counts = [round(self.horizon / one.step_size) for one in self.settings if not one.spec.adaptive]
        common = gcd(*counts) if counts else _MOST_TIMES
        most = max(1, min(_MOST_TIMES, _MOST_BYTES // (8 * numbers)))
        return max(count for count in range(1, min(most, common) + 1) if common % count == 0)

    def _reference(self, tolerance: float | None) -> Reference:
        if self.delays:
            if tolerance is not None:
                raise ValueError(
                    "the coupling has delays, and solvers that keep a tolerance do not take them: the reference is "
                    f"`rk4` with {DELAYED_SHARE} steps in the finest one; leave `reference_tolerance` out"
                )
            return Reference("rk4", np.nan, min(one.step_size for one in self.settings) / DELAYED_SHARE)
        rtol = tolerance or _TIGHT
        finest = min((one.rtol for one in self.settings if one.spec.adaptive), default=np.inf)
        if rtol < _TIGHTEST or Dopri5Spec(rtol=rtol, atol=rtol).precision_problems(torch.finfo(torch.float64).eps):
            raise ValueError(
                f"a reference tolerance of {rtol:g} is finer than float64 can keep over many steps; take "
                f"{_TIGHTEST:g} or more"
            )
        if rtol > finest / 10:
            raise ValueError(
                f"the reference has a tolerance of {rtol:g}, and one of the compared integrators {finest:g}: it has "
                f"to be ten times tighter, or there is nothing to see; take a `reference_tolerance` of "
                f"{max(finest / 100, _TIGHTEST):g}, or larger `tolerances`"
            )
        return Reference("dopri5", rtol, self.flow.interval)

    def answer(self, part: int, advance: Advance, check: Callable[[], None]) -> Part:
        """The reference's states, or errors and costs of a setting."""
        if part == REFERENCE:
            return self._solve(advance, check)
        if part == LOOSER:
            integrator = self.reference.build(looser=True)
            return self._followed(self.flow, integrator, advance, check)
        setting = self.settings[part - 2]
        found = self._followed(self._cast, setting.build(self.dtype), lambda share: advance(share / 2), check)
        return {**found, "seconds": self._timed(setting, check)}

    def take(self, part: int, answer: Part | str) -> None:
        """Keep the reference for the parts behind it."""
        if part > LOOSER:
            return
        if isinstance(answer, str):
            raise ValueError(
                f"the reference solution ({self.reference.label}) failed, and without it there is nothing to compare "
                f"with; try {self._remedy}. The reason: {answer}"
            )
        if part == REFERENCE:
            known = {name: torch.from_numpy(np.array(answer[name])) for name in (*MOVING, "energy") if name in answer}
            here = {name: value.to(self.device) for name, value in known.items()}
            self._true_energy = here.pop("energy", None)
            self._true = [{name: value[k] for name, value in here.items()} for k in range(len(here["x"]))]

    @property
    def _remedy(self) -> str:
        """What brings a better reference."""
        return f"a shorter `horizon`, or {'shorter `step_sizes`' if self.delays else 'another `reference_tolerance`'}"

    def _solve(self, advance: Advance, check: Callable[[], None]) -> Part:
        kept: list[dict[str, Tensor]] = []
        for number, (state, _) in enumerate(self.flow.follow(self.reference.build(looser=False), check)):
            one = {name: state[name].cpu().clone() for name in MOVING if name in state}
            kept.append(one | self._energy(state, number))
            advance(number / self.flow.count)
        return {name: torch.stack([one[name] for one in kept]).numpy() for name in kept[0]}

    def _energy(self, state: State, number: int) -> dict[str, Tensor]:
        """The energy in float64, where there is one of the state alone."""
        if self.delays:
            return {}
        whole_state = {name: state[name].double() for name in MOVING if name in state}
        return {"energy": self.flow.energy(whole_state, number).cpu()}

    @torch.no_grad()
    def _followed(self, flow: Flow, integrator: Any, advance: Advance, check: Callable[[], None]) -> dict[str, Any]:
        """Errors at all times, and what it took."""
        rows: list[dict[str, Any]] = []
        with DriftWatch(flow.layer.oscillators) as watch:
            for number, (state, _) in enumerate(flow.follow(integrator, check)):
                if number == 0:
                    watch.largest = 0.0  # initial states are put on the manifold, and that is no drift
                rows.append(self._errors(state, number))
                advance(number / flow.count)
                last = state
        found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        steps = round(self.horizon / float(flow.layer.dt))
        evaluations = last.get("evaluations", torch.tensor(steps * integrator.evaluations))  # pyright: ignore[reportPossiblyUnboundVariable]
        drift = float(last["drift"].max()) if "ahead.x" in last else watch.largest  # pyright: ignore[reportPossiblyUnboundVariable]
        counted = {name: last[name].double().mean() for name in ("accepted", "rejected") if name in last}  # pyright: ignore[reportPossiblyUnboundVariable]
        taken = counted.get("accepted", np.nan if "evaluations" in last else steps)  # pyright: ignore[reportPossiblyUnboundVariable]
        numbers = {
            "evaluations": evaluations.double().mean(), "steps": taken,
            "rejected": counted.get("rejected", np.nan), "drift": drift,
        }  # fmt: skip
        return found | {name: np.array(float(value)) for name, value in numbers.items()}

    def _errors(self, state: State, number: int) -> dict[str, Any]:
        """How far a state is from the reference: root mean square over oscillators and samples, and the largest."""
        true, manifold = self._true[number], self.flow.layer.oscillators.manifold
        apart = manifold.distance(state["x"].double(), true["x"])
        found: dict[str, Any] = {"error": float(apart.square().mean().sqrt()), "worst": float(apart.max())}
        if "v" in true:
            between = (state["v"].double() - true["v"]).square().sum(-2)
            found["velocity_error"] = float(between.mean().sqrt())
        for energy in self._energy(state, number).values():
            assert self._true_energy is not None
            difference = energy.to(self.device) - self._true_energy[number]
            found |= {"energy": energy.numpy(), "energy_error": float(difference.square().mean().sqrt())}
        return found

    def _timed(self, setting: Setting, check: Callable[[], None]) -> np.ndarray:
        """Seconds of the whole way, the best of a few."""
        best, spent = np.inf, 0.0
        for _ in range(_REPEATS):
            seconds = sum(taken for _, taken in self._cast.follow(setting.build(self.dtype), check))
            best, spent = min(best, seconds), spent + seconds
            if spent > _SECONDS:
                break
        return np.array(best)

    def datasets(self, answers: Sequence[Part | str]) -> dict[str, xr.Dataset]:
        """Group `comparison`."""
        manifold, states = self.flow.layer.oscillators.manifold, torch.stack([true["x"] for true in self._true])
        facts = {
            "about": "simulation", "network": self.name, "reference": self.reference.label, **self.reference.facts,
            "horizon": self.horizon, "spec_step_size": self.spec_step,
            "precision": str(self.dtype).removeprefix("torch."), "saturated_error": saturated_error(manifold, states),
        }  # fmt: skip
        return {
            "comparison": comparison_dataset(
                self.settings, self.flow.times, self.columns, answers, facts, unit=self.unit
            )
        }

    def tables(self, data: Mapping[str, xr.Dataset]) -> list[Table]:
        """One row for each setting."""
        found = data["comparison"]
        if (least := float(found["error"].min())) < found.attrs["reference_error"]:
            report(
                f"the reference ({self.reference.label}) is no better than what is compared with it: its own error is "
                f"about {found.attrs['reference_error']:.1g}, and the least that was found {least:.1g}; where errors "
                f"are below that, nothing can be said; try {self._remedy}"
            )
        return comparison_tables(found)

    def metrics(self, data: Mapping[str, xr.Dataset]) -> dict[str, float]:
        """What the reference is worth, and the least error."""
        found = data["comparison"]
        return {"reference_error": float(found.attrs["reference_error"]), "least_error": float(found["error"].min())}

    def figures(self, data: Mapping[str, xr.Dataset]) -> Mapping[str, Callable[[], Figure | None]]:
        """Errors against costs, and what happens along time."""
        found = data["comparison"]
        return {"comparison": partial(comparison_figure, found), "course": partial(comparison_course_figure, found)}


def _horizon(question: Compare, simulation: Simulation) -> float:
    """Time up to which integrators are compared; it is said where that is not the spec's duration."""
    steps, step = simulation.course.steps, simulation.step_size
    duration, first = (float(f"{count * step:.12g}") for count in (steps, min(steps, _MOST_STEPS)))
    horizon = question.horizon or first
    if horizon > duration * (1 + 1e-9):
        report(
            f"compared up to t = {horizon:g}, beyond the spec's duration of {duration:g}: stimuli may have come to "
            "their end by then"
        )
    elif question.horizon is None and steps > _MOST_STEPS:
        report(
            f"compared up to t = {horizon:g}, the first {_MOST_STEPS} of the spec's {steps:,} steps; `--horizon "
            f"{duration:g}` (in Python `horizon`) takes all of them"
        )
    return horizon


def _default_sizes(step: float, horizon: float, delays: tuple[float, float] | None) -> list[float]:
    """Step sizes around that of the spec, as far as they divide the horizon and are no longer than a delay.

    Raises:
        ValueError: when none does.
    """
    longest = horizon if delays is None else delays[0] * (1 + 1e-9)
    sizes = [factor * step for factor in _FACTORS if factor * step <= longest and whole(horizon / (factor * step))]
    if not sizes:
        raise ValueError(
            f"a horizon of {horizon:g} is no whole number of the spec's steps of {step:g}, nor of halves or doubles of "
            "them; take another `horizon`, or give `step_sizes`"
        )
    return sizes


def _check_step(step: float, horizon: float) -> None:
    if step > horizon * (1 + 1e-9):
        raise ValueError(f"a step of {step:g} is longer than the horizon of {horizon:g}; take shorter ones")
    if not whole(horizon / step):
        near = horizon / round(horizon / step)
        raise ValueError(
            f"steps of {step:g} do not end at the horizon of {horizon:g}, where errors are compared; {near:.12g} does"
        )


def _members(question: Compare, simulation: Simulation) -> Tensor:
    """Numbers of the members that are compared, evenly spread over all."""
    total = len(simulation.members)
    wanted = question.samples or simulation.design.batch_size
    if wanted > total:
        raise ValueError(f"there are {total} members, and {wanted} `samples` are wanted; take at most {total}")
    return torch.linspace(0, total - 1, wanted, device=simulation.device).round().long()
