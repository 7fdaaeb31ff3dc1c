"""What an integrator is: how time passes for a population of oscillators."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import ComponentSpec


class IntegratorSpec(ComponentSpec):
    """How time passes."""

    role: ClassVar[str] = "integrator"

    steps: int = Field(default=16, ge=0, description="Steps the layer takes, each of one step size.")
    step_size: float = Field(default=1.0, gt=0, description="Step size, in units of time.")
    learn_step_size: bool = Field(default=False, description="Whether the step size is trained.")

    def problems(self, oscillators: Oscillators) -> list[str]:
        """Reasons why this integrator cannot serve those oscillators; empty when it can."""
        if not oscillators.frequency.tangent:
            return [
                f"`{self.kind}` follows the flow on the manifold, and this frequency points off it; "  # pyright: ignore[reportAttributeAccessIssue]
                "take `frequency: {kind: none}` or `integrator: {kind: projected_euler}`"
            ]
        return []

    def build(self) -> Integrator:
        """The module that takes one step."""
        raise NotImplementedError


class Integrator(nn.Module):
    """Takes one step of a population of oscillators; its only parameter is the step size, where that is trained."""

    evaluates_at_start = True
    """Whether a step begins by evaluating the right-hand side at the state it starts from."""

    compilable = True
    """Whether it is made of operations that compile."""

    def __init__(self, spec: IntegratorSpec) -> None:
        super().__init__()
        self.steps = spec.steps
        self.step_size = nn.Parameter(torch.tensor(spec.step_size), requires_grad=spec.learn_step_size)

    def forward(
        self, oscillators: Oscillators, x: Tensor, stimulus: Tensor, t: Tensor, dt: Tensor, start: Evaluation
    ) -> Tensor:
        """State after one step.

        Args:
            oscillators: whose right-hand side is followed.
            x: state at time t, [sample, *sites, component, oscillator].
            stimulus: what comes from outside, of the same shape.
            t: time, a scalar or [sample, 1, ...].
            dt: step size, a scalar or [sample, 1, ...].
            start: the right-hand side at x.
        """
        raise NotImplementedError
