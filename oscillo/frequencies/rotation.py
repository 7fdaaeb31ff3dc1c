"""Natural frequencies as planar rotations: `shared` by all oscillators, or one `per_oscillator`."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from oscillo.frequencies.base import Frequency, FrequencySpec
from oscillo.layout import StateShape
from oscillo.spec import register


class _RotationSpec(FrequencySpec):
    init: float = Field(default=1.0, description="Initial angular frequency, in radians per unit of time.")
    learn: bool = Field(default=False, description="Whether the frequency is trained.")

    def problems(self, shape: StateShape) -> list[str]:
        """Planar rotations need an even number of components."""
        if shape.components % 2:
            return [f"planar rotations need an even dimension, and this one is {shape.components}"]
        return []


@register
class SharedFrequencySpec(_RotationSpec):
    """One frequency for every plane of every oscillator (AKOrN's global Omega)."""

    kind: Literal["shared"] = "shared"

    def build(self, shape: StateShape) -> Rotation:
        """A rotation with one number."""
        return Rotation(torch.full((), self.init), learn=self.learn)


@register
class PerOscillatorFrequencySpec(_RotationSpec):
    """A frequency of its own for every plane of every oscillator, the same at all sites."""

    kind: Literal["per_oscillator"] = "per_oscillator"

    def build(self, shape: StateShape) -> Rotation:
        """A rotation with one number for each plane and oscillator."""
        planes = torch.full((shape.components // 2, shape.oscillators), self.init)
        return Rotation(planes, learn=self.learn)


class Rotation(Frequency):
    """frequency(x) = Omega x, with one planar generator [[0, -w], [w, 0]] for each pair of components.

    The components (0, 1), (2, 3), ... are the planes, and a positive w turns counter-clockwise: dx_0 = -w x_1,
    dx_1 = w x_0. Miyato et al. 2025 (AKOrN), section 3; their released code turns the other way.
    """

    def __init__(self, omega: Tensor, *, learn: bool) -> None:
        super().__init__()
        self.omega = nn.Parameter(omega, requires_grad=learn)

    def forward(self, x: Tensor) -> Tensor:
        """Omega x, of the shape of x."""
        even, odd = x[..., 0::2, :], x[..., 1::2, :]
        turned = torch.stack((-self.omega * odd, self.omega * even), dim=-2)
        return turned.flatten(-3, -2)
