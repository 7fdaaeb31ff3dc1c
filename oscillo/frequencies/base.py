"""What a frequency is: how an oscillator turns by itself."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec


class FrequencySpec(ComponentSpec):
    """How an oscillator turns by itself."""

    role: ClassVar[str] = "frequency"

    def problems(self, shape: StateShape) -> list[str]:
        """Reasons why this frequency cannot serve states of that shape; empty when it can."""
        return []

    def build(self, shape: StateShape) -> Frequency:
        """The module that gives each oscillator's own velocity."""
        raise NotImplementedError


class Frequency(nn.Module):
    """Maps a state [sample, *sites, component, oscillator] to the velocity it has without the others."""

    tangent = True
    """Whether the velocity is tangent to the manifold at x."""
    vanishes = False
    """Whether the velocity is zero, so that the energy can fall monotonically."""

    def forward(self, x: Tensor) -> Tensor:
        """Velocity that broadcasts against x, in radians (of the unit vector's turn) per unit of time."""
        raise NotImplementedError
