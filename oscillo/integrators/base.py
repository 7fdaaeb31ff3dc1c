"""What an integrator is: how time passes for a population of oscillators."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from oscillo.layout import State
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import ComponentSpec


class IntegratorSpec(ComponentSpec):
    """How time passes."""

    role: ClassVar[str] = "integrator"

    takes_noise: ClassVar[bool] = False
    """Whether the integrator can follow a stochastic equation."""
    needs_tangent: ClassVar[bool] = True
    """Whether it follows the flow on the manifold, and cannot serve a velocity that points off it."""
    takes_delays: ClassVar[bool] = True
    """Whether its steps are of one size and begin where the last one ended, as delays need."""
    flows: ClassVar[bool] = True
    """Whether it follows a differential equation."""

    steps: int = Field(default=16, ge=0, description="Steps the layer takes, each of one step size.")
    step_size: float = Field(default=1.0, gt=0, allow_inf_nan=False, description="Step size, in units of time.")
    learn_step_size: bool = Field(default=False, description="Whether the step size is trained.")

    @property
    def order(self) -> int | None:
        """The power of the step size with which its error falls, without noise; None where there is no such thing."""
        return None

    @property
    def adaptive(self) -> bool:
        """Whether it chooses its own steps, so that `rtol` and `atol` say how exact it is, and not the step size."""
        return False

    def problems(self, oscillators: Oscillators) -> list[str]:
        """Reasons why this integrator cannot serve those oscillators; empty when it can."""
        kind, found = getattr(self, "kind", ""), []
        if self.needs_tangent and not oscillators.frequency.tangent:
            found.append(
                f"`{kind}` follows the flow on the manifold, and this frequency points off it; "
                "take `frequency: {kind: none}` or `integrator: {kind: projected_euler}`"
            )
        elif not oscillators.frequency.tangent and oscillators.manifold.winds:
            found.append("this frequency is the state itself, and on the circle that is an angle; take `sphere`")
        elif not oscillators.frequency.tangent and oscillators.inertia is not None:
            found.append("this frequency is a velocity and no force; leave out `inertia`, or take another `frequency`")
        if oscillators.diffusion is not None and not self.takes_noise:
            found.append(
                f"`{kind}` is for equations without noise, and the layer has `noise`; take `euler_maruyama` or `heun`"
            )
        if (delays := oscillators.coupling.delay_range) is not None:
            found += self._delay_problems(kind, *delays)
        return found

    def _delay_problems(self, kind: str, shortest: float, longest: float) -> list[str]:
        if not self.takes_delays:
            return [
                f"`{kind}` chooses its own steps, and what was between them is not kept for delays; take `rk4`, `heun` "
                "or `projected_euler`"
            ]
        if self.learn_step_size:
            return ["with delays the past lies in steps of one size; leave out `learn_step_size`"]
        if shortest < self.step_size * (1 - 1e-9):
            return [f"the shortest delay is {shortest:g}, less than a step of {self.step_size:g}; take shorter steps"]
        return []

    def precision_problems(self, resolution: float) -> list[str]:
        """Reasons why this integrator cannot do what it promises with numbers of that relative resolution."""
        return []

    def build(self) -> Integrator:
        """The module that takes one step."""
        raise NotImplementedError


def tolerance_problems(rtol: float, atol: float, resolution: float) -> list[str]:
    """Reasons why a solver cannot keep the tolerances with numbers of that relative resolution."""
    least = 4 * resolution  # an error is the difference of several rounded numbers
    if max(rtol, atol) >= least:
        return []
    return [
        f"`rtol` {rtol:g} and `atol` {atol:g} are finer than the numbers themselves: states of order one take a "
        f"tolerance of {least:.1g} or more in this precision; take larger ones, or `precision: float64` where that is "
        "finer"
    ]


class Integrator(nn.Module):
    """Takes one step of a population of oscillators; its only parameter is the step size, where that is trained."""

    evaluates_at_start = True
    """Whether a step begins by evaluating the right-hand side at the state it starts from."""

    compilable = True
    """Whether it is made of operations that compile."""

    compiles_itself = False
    """Whether it compiles a part of its step by itself (`compile`), because the step is a loop of unknown length."""

    evaluations = 1
    """Evaluations of the right-hand side in a step, that at the start included; 0 where the state counts them."""

    def __init__(self, spec: IntegratorSpec) -> None:
        super().__init__()
        self.steps, self.flows = spec.steps, spec.flows
        self.step_size = nn.Parameter(torch.tensor(spec.step_size), requires_grad=spec.learn_step_size)

    def begin(self, state: State) -> State:
        """The state with what the integrator remembers from step to step, by names of its own."""
        return state

    def restarted(self, state: State) -> State:
        """A state that somebody moved after the last step, with what the integrator remembers brought up to date."""
        return state

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step, on the manifold.

        Args:
            oscillators: whose right-hand side is followed.
            state: at time t; `x` is [sample, *sites, component, oscillator].
            stimulus: what comes from outside, [sample, *sites, component seen, oscillator], or None.
            t: time, a scalar or [sample, 1, ...].
            dt: step size, a scalar or [sample, 1, ...].
            start: the right-hand side at the state.
            normals: standard normal numbers of the shape of x, where the equation is stochastic.
        """
        raise NotImplementedError
