"""Euler-Maruyama: Euler's step with noise."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.layout import State
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register


@register
class EulerMaruyamaSpec(IntegratorSpec):
    """x' = retract(x + dt dx/dt + diffusion dW), of weak order 1.

    Strong order 1 in flat space, on the circle and with inertia, where the noise is additive; else 1/2 on spheres.
    There the step follows the Stratonovich equation, whose noise alone is Brownian motion on the sphere.
    """

    kind: Literal["euler_maruyama"] = "euler_maruyama"
    takes_noise: ClassVar[bool] = True

    def problems(self, oscillators: Oscillators) -> list[str]:
        """Noise has to be there."""
        if oscillators.diffusion is None:
            return ["`euler_maruyama` is Euler's step with noise, and the layer has no `noise`; take `projected_euler`"]
        return super().problems(oscillators)

    def build(self) -> EulerMaruyama:
        """The step."""
        return EulerMaruyama(self)


class EulerMaruyama(Integrator):
    """x' = retract(x + dt dx/dt + diffusion dW); Maruyama 1955, Kloeden and Platen 1992, section 10.2."""

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step."""
        assert normals is not None
        moved = oscillators.carried(state, start.rates, dt)
        return oscillators.settled(oscillators.disturbed(moved, torch.sqrt(dt) * normals, of=state))
