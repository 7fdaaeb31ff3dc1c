"""No natural frequency: an oscillator moves only where the others pull it."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.frequencies.base import Frequency, FrequencySpec, Turn
from oscillo.layout import StateShape
from oscillo.spec import register


@register
class NoFrequencySpec(FrequencySpec):
    """Natural frequencies are zero."""

    kind: Literal["none"] = "none"

    def build(self, shape: StateShape) -> NoFrequency:
        """A velocity of zero."""
        return NoFrequency()


class NoFrequency(Frequency):
    """frequency(x) = 0."""

    vanishes = True

    def forward(self, x: Tensor, turn: Turn) -> None:
        """Nothing."""
        return None
