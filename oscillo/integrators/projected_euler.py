"""Projected Euler: a straight step, then back to the manifold. The Kuramoto step of AKOrN."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.layout import State
from oscillo.manifolds.sphere import Sphere
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register


@register
class ProjectedEulerSpec(IntegratorSpec):
    """x' = retract(x + dt dx/dt), of first order."""

    kind: Literal["projected_euler"] = "projected_euler"
    needs_tangent: ClassVar[bool] = False  # the retraction takes any velocity back to the manifold
    project: bool = Field(
        default=True, description="Whether the force is projected to the tangent space; `false` is AKOrN's ablation."
    )

    @property
    def order(self) -> int:
        """First."""
        return 1

    def problems(self, oscillators: Oscillators) -> list[str]:
        """Only on spheres does the projection change anything, and can it be left out."""
        found = super().problems(oscillators)
        if not self.project and not isinstance(oscillators.manifold, Sphere):
            found.append("only on a `sphere` is there a projection that `project: false` could leave out")
        return found

    def build(self) -> ProjectedEuler:
        """The step."""
        return ProjectedEuler(self)


class ProjectedEuler(Integrator):
    """x' = retract(x + dt dx/dt); Miyato et al. 2025 (AKOrN), eq. 4 and 5."""

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step."""
        return oscillators.settled(oscillators.carried(state, start.rates, dt))
