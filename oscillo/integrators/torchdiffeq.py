"""Solvers of the torchdiffeq package, behind the contract of one step."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torchdiffeq import odeint

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register


@register
class Dopri5Spec(IntegratorSpec):
    """Dormand and Prince's method of fifth order; it chooses its own steps within each step of the spec."""

    kind: Literal["dopri5"] = "dopri5"
    rtol: float = Field(default=1e-5, gt=0, description="Relative tolerance of one inner step.")
    atol: float = Field(default=1e-6, gt=0, description="Absolute tolerance of one inner step.")

    def build(self) -> Torchdiffeq:
        """The adapter."""
        return Torchdiffeq(self, rtol=self.rtol, atol=self.atol)


@register
class RK4Spec(IntegratorSpec):
    """A Runge-Kutta method of fourth order: the 3/8 rule, as torchdiffeq has it."""

    kind: Literal["rk4"] = "rk4"

    def build(self) -> Torchdiffeq:
        """The adapter."""
        return Torchdiffeq(self)


class Torchdiffeq(Integrator):
    """One step of the spec as a call of `torchdiffeq.odeint` over [t, t + dt], retracted at its end.

    An adaptive method measures its error over the whole batch, so a sample's result depends, within the tolerance,
    on the samples beside it.
    """

    evaluates_at_start = False
    compilable = False

    def __init__(self, spec: IntegratorSpec, *, rtol: float = 1e-7, atol: float = 1e-9) -> None:
        super().__init__(spec)
        self.method: str = spec.kind  # pyright: ignore[reportAttributeAccessIssue]
        self.rtol, self.atol = rtol, atol

    def forward(
        self, oscillators: Oscillators, x: Tensor, stimulus: Tensor, t: Tensor, dt: Tensor, start: Evaluation
    ) -> Tensor:
        """State after one step.

        Raises:
            FloatingPointError: when the solver's own steps become too small to advance.
        """

        # Time runs from 0 to 1 within the step, so that a trained or per-sample dt stays a factor of the velocity.
        def velocity(s: Tensor, here: Tensor) -> Tensor:
            return dt * oscillators.velocity(here, stimulus, t + s * dt)

        span = torch.tensor([0.0, 1.0], dtype=x.dtype, device=x.device)
        try:
            after = odeint(velocity, x, span, method=self.method, rtol=self.rtol, atol=self.atol)[-1]
        except AssertionError as error:
            raise FloatingPointError(
                f"{self.method} could not advance from t = {float(t.max()):g}: {error}. The largest velocity is "
                f"{float(oscillators.velocity(x, stimulus, t).abs().max()):g}; try a looser rtol and atol"
            ) from error
        assert isinstance(after, Tensor)  # one state in, one state out
        return oscillators.manifold.retract(after)
