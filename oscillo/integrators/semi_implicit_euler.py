"""Semi-implicit Euler, for oscillators with inertia: the velocity first, then x with the new velocity."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.layout import State
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register


@register
class SemiImplicitEulerSpec(IntegratorSpec):
    """v' = v + dt dv/dt, x' = exp_x(dt v'), of first order: the step of coRNN, HORN and GraphCON as published.

    Without damping it is the symplectic Euler method, whose energy does not drift.
    """

    kind: Literal["semi_implicit_euler"] = "semi_implicit_euler"

    @property
    def order(self) -> int:
        """First."""
        return 1

    def problems(self, oscillators: Oscillators) -> list[str]:
        """It takes a velocity to update first."""
        if oscillators.inertia is None:
            return ["`semi_implicit_euler` updates velocities, and the layer has no `inertia`; take `projected_euler`"]
        return super().problems(oscillators)

    def build(self) -> SemiImplicitEuler:
        """The step."""
        return SemiImplicitEuler(self)


class SemiImplicitEuler(Integrator):
    """v' = v + dt dv/dt, x' = exp_x(dt v'); Rusch and Mishra 2021 (coRNN), eq. 3."""

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step."""
        x, manifold = state["x"], oscillators.manifold
        v = manifold.transport(x, state["v"] + dt * start.rates["v"])
        arrived = {"x": manifold.exponential(x, dt * v), "v": manifold.carry(x, v, dt)}
        return oscillators.settled(state | arrived)
