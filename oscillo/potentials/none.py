"""No potential: nothing holds the amplitude, or the manifold does."""

from __future__ import annotations

from typing import Literal

from oscillo.layout import StateShape
from oscillo.potentials.base import PotentialSpec
from oscillo.spec import register


@register
class NoPotentialSpec(PotentialSpec):
    """V = 0."""

    kind: Literal["none"] = "none"

    def build(self, shape: StateShape) -> None:
        """None."""
        return None
