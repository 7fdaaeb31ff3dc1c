"""Geodesic Euler: a step along the great circle that the velocity points to."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.layout import State
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register


@register
class GeodesicEulerSpec(IntegratorSpec):
    """x' = exp_x(dt dx/dt), of first order; on the circle it is Euler's step on the angle, exactly.

    With inertia the velocity is carried along the geodesic, so that an oscillator that nothing pushes moves exactly.
    """

    kind: Literal["geodesic_euler"] = "geodesic_euler"

    @property
    def order(self) -> int:
        """First."""
        return 1

    def build(self) -> GeodesicEuler:
        """The step."""
        return GeodesicEuler(self)


class GeodesicEuler(Integrator):
    """x' = exp_x(dt dx/dt), with the manifold's exact exponential map."""

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step."""
        moved = oscillators.carried(state, start.rates, dt)
        return oscillators.settled(moved | {"x": oscillators.manifold.exponential(state["x"], dt * start.velocity)})
