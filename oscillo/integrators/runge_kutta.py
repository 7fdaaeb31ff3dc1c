"""Explicit Runge-Kutta methods of fixed steps, and the stochastic Heun method."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.layout import State
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register


class Tableau(NamedTuple):
    """Coefficients of an explicit Runge-Kutta method (Butcher 1964)."""

    stages: tuple[tuple[float, ...], ...]
    """Weights of the earlier rates in the state of each stage behind the first."""
    times: tuple[float, ...]
    """When these stages are, in steps."""
    weights: tuple[float, ...]
    """Weights of all rates in the step."""


HEUN = Tableau(stages=((1.0,),), times=(1.0,), weights=(1 / 2, 1 / 2))
CLASSIC = Tableau(
    stages=((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)), times=(1 / 2, 1 / 2, 1.0), weights=(1 / 6, 1 / 3, 1 / 3, 1 / 6)
)


@register
class HeunSpec(IntegratorSpec):
    """Heun's method, of second order; with noise the stochastic Heun method.

    With noise it follows the Stratonovich equation. Additive noise on flat manifolds and the circle: strong order 1,
    weak order 2. On spheres, where noise does not commute: strong order 1/2, weak order 1; with inertia strong order 1.
    """

    kind: Literal["heun"] = "heun"
    takes_noise: ClassVar[bool] = True

    @property
    def order(self) -> int:
        """Second."""
        return 2

    def build(self) -> Heun:
        """The step."""
        return Heun(self, HEUN)


@register
class RK4Spec(IntegratorSpec):
    """The classical Runge-Kutta method, of fourth order."""

    kind: Literal["rk4"] = "rk4"

    @property
    def order(self) -> int:
        """Fourth."""
        return 4

    def build(self) -> RungeKutta:
        """The step."""
        return RungeKutta(self, CLASSIC)


class RungeKutta(Integrator):
    """An explicit method whose stages are taken in the space around the manifold, and whose step ends on it.

    The right-hand side goes on smoothly off the manifold and keeps the flow on it, so the order is that of the method
    in flat space (Hairer, Lubich and Wanner 2006, section IV.4, on projection methods).
    """

    def __init__(self, spec: IntegratorSpec, tableau: Tableau) -> None:
        super().__init__(spec)
        self.tableau = tableau
        self.evaluations = len(tableau.weights)

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step."""
        rates = [start.rates]
        for weights, time in zip(self.tableau.stages, self.tableau.times, strict=True):
            here = oscillators.moved(state, combined(rates, weights), dt)
            rates.append(oscillators.evaluate(here, stimulus, t + time * dt).rates)
        return oscillators.settled(oscillators.moved(state, combined(rates, self.tableau.weights), dt))


class Heun(RungeKutta):
    """Heun's method; the noise is weighed at both ends of the step, as the drift is.

    Kloeden and Platen 1992, section 15.1; on manifolds Malham and Wiese 2008.
    """

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step."""
        if normals is None:
            return super().forward(oscillators, state, stimulus, t, dt, start)
        increments = torch.sqrt(dt) * normals
        predicted = oscillators.disturbed(oscillators.moved(state, start.rates, dt), increments, of=state)
        end = oscillators.evaluate(predicted, stimulus, t + dt)
        after = oscillators.moved(state, combined([start.rates, end.rates], self.tableau.weights), dt)
        after = oscillators.disturbed(after, increments / 2, of=state)
        return oscillators.settled(oscillators.disturbed(after, increments / 2, of=predicted))


def combined(rates: list[State], weights: tuple[float, ...]) -> State:
    """Weighted sum of rates."""
    total: State = {}
    for name in rates[0]:
        terms = [weight * rate[name] for rate, weight in zip(rates, weights, strict=True) if weight]
        total[name] = sum(terms[1:], start=terms[0])
    return total
