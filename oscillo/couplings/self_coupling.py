"""Self-coupling: what an oscillator feels of itself, such as a pull to chosen directions."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.couplings.linear import LinearCoupling, LinearCouplingSpec
from oscillo.layout import StateShape
from oscillo.spec import register


@register
class SelfCouplingSpec(LinearCouplingSpec):
    """y_i = K M x_i. On the circle M = [[1, 0], [0, 0]] with K > 0 drives phases to 0 or pi: -K/2 sin(2 theta)."""

    kind: Literal["self"] = "self"

    def build(self, shape: StateShape) -> SelfCoupling:
        """The coupling of each with itself."""
        return SelfCoupling(self, shape)


class SelfCoupling(LinearCoupling):
    """y_i = K M x_i."""

    def gather(self, neighbours: Tensor) -> Tensor:
        """The oscillator's own vector."""
        return neighbours

    def reach(self) -> float:
        """One."""
        return 1.0

    def mirrored(self, sign: int) -> bool:
        """Weights are the same both ways."""
        return sign == 1
