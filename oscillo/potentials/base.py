"""What a potential is: what holds an oscillator's amplitude."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec


class PotentialSpec(ComponentSpec):
    """What holds an oscillator's amplitude."""

    role: ClassVar[str] = "potential"

    def problems(self, shape: StateShape) -> list[str]:
        """Reasons why this potential cannot serve states of that shape; empty when it can."""
        return []

    def build(self, shape: StateShape) -> Potential | None:
        """The potential's module; None for no potential."""
        raise NotImplementedError


class Potential(nn.Module):
    """V(x) of one oscillator, and its gradient, for states [sample, *sites, component, oscillator]."""

    def forward(self, x: Tensor) -> Tensor:
        """V(x), [sample, *sites, 1, oscillator]."""
        raise NotImplementedError

    def gradient(self, x: Tensor) -> Tensor:
        """grad V(x), of the shape of x."""
        raise NotImplementedError
