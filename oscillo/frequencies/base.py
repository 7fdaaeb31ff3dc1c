"""What a frequency is: how an oscillator turns by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec

Turn = Callable[[Tensor, Tensor], Tensor]
"""The velocity of a state that turns with angular frequencies [..., plane, oscillator]: `Manifold.turn`."""


class FrequencySpec(ComponentSpec):
    """How an oscillator turns by itself."""

    role: ClassVar[str] = "frequency"

    def problems(self, shape: StateShape) -> list[str]:
        """Reasons why this frequency cannot serve oscillators that are seen in that shape; empty when it can."""
        return []

    @property
    def needs_amplitude(self) -> bool:
        """Whether it depends on how long the oscillators' vectors are."""
        return False

    def build(self, shape: StateShape) -> Frequency:
        """The module that gives each oscillator's own velocity."""
        raise NotImplementedError


class Frequency(nn.Module):
    """Maps a state [sample, *sites, component, oscillator] to the velocity it has without the others."""

    tangent = True
    """Whether the velocity is tangent to the manifold at x."""
    vanishes = False
    """Whether the velocity is zero, so that the energy can fall monotonically."""

    def forward(self, x: Tensor, turn: Turn) -> Tensor | None:
        """Velocity that broadcasts against x, in radians (of the vector's turn) per unit of time; None for zero.

        Args:
            x: state on the manifold.
            turn: how states turn on the manifold that they live on.
        """
        raise NotImplementedError
