"""The state itself in place of a natural frequency: what AKOrN's released code does with its frequencies off."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.frequencies.base import Frequency, FrequencySpec, Turn
from oscillo.layout import StateShape
from oscillo.spec import register


@register
class IdentityFrequencySpec(FrequencySpec):
    """Adds x itself to the velocity; no rotation.

    With `projected_euler` a step of size g then acts like one of size g / (1 + g). It is here to reproduce results
    of AKOrN's released code, whose switch for the frequencies leaves an identity behind; for oscillators without
    frequencies take `none`.
    """

    kind: Literal["identity"] = "identity"

    def build(self, shape: StateShape) -> IdentityFrequency:
        """The identity."""
        return IdentityFrequency()


class IdentityFrequency(Frequency):
    """frequency(x) = x, a velocity along the radius."""

    tangent = False

    def forward(self, x: Tensor, turn: Turn) -> Tensor:
        """The state x."""
        return x
