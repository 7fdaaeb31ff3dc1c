"""Projected Euler: a straight step, then back to the manifold. The Kuramoto step of AKOrN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register


@register
class ProjectedEulerSpec(IntegratorSpec):
    """x' = retract(x + dt dx/dt), of first order."""

    kind: Literal["projected_euler"] = "projected_euler"
    project: bool = Field(
        default=True, description="Whether the force is projected to the tangent space; `false` is AKOrN's ablation."
    )

    def problems(self, oscillators: Oscillators) -> list[str]:
        """None: the retraction takes any velocity back to the manifold."""
        return []

    def build(self) -> ProjectedEuler:
        """The step."""
        return ProjectedEuler(self)


class ProjectedEuler(Integrator):
    """x' = retract(x + dt dx/dt); Miyato et al. 2025 (AKOrN), eq. 4 and 5."""

    def forward(
        self, oscillators: Oscillators, x: Tensor, stimulus: Tensor, t: Tensor, dt: Tensor, start: Evaluation
    ) -> Tensor:
        """State after one step."""
        return oscillators.manifold.retract(x + dt * start.velocity)
