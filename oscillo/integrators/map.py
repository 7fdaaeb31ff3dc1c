"""The map: no flow, but x' = activation(y + stimulus)."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.layout import State
from oscillo.manifolds import Sphere
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register


@register
class MapSpec(IntegratorSpec):
    """x' = activation(coupling(x, stimulus) + stimulus): a recurrent network's step, with neither frequency nor time.

    The step size only says how far apart in time the states are told to be.
    """

    kind: Literal["map"] = "map"
    flows: ClassVar[bool] = False
    takes_delays: ClassVar[bool] = False

    def problems(self, oscillators: Oscillators) -> list[str]:
        """What a map has no place for."""
        found = super().problems(oscillators)
        if oscillators.manifold.winds:
            found.append("a map takes the field for the next state, and on the circle the state is an angle; take "
                         "`sphere` with `dimension: 2`")  # fmt: skip
        if isinstance(oscillators.manifold, Sphere) and oscillators.activation == "relu":
            found.append("`relu` may leave nothing of a vector, and then there is no point on the sphere; take `tanh`")
        if not oscillators.frequency.vanishes:
            found.append("a map has no time in which to turn; take `frequency: {kind: none}`, or `geodesic_euler`")
        if oscillators.inertia is not None or oscillators.potential is not None:
            found.append("a map has no forces: leave out `inertia` and `potential`, or take `projected_euler`")
        if self.learn_step_size:
            found.append("a map does not depend on the step size; leave out `learn_step_size`")
        return found

    def _delay_problems(self, kind: str, shortest: float, longest: float) -> list[str]:
        return ["a map does not say what was between its steps; leave out `delay`, or take `rk4`, `heun` or "
                "`projected_euler`"]  # fmt: skip

    def build(self) -> Map:
        """The step."""
        return Map(self)


class Map(Integrator):
    """x' = activation(y + stimulus), retracted."""

    evaluates_at_start = False

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step."""
        return oscillators.image(state, stimulus, t)
