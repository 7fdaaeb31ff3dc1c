"""Mean-field coupling: every oscillator feels the average of all."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.couplings.linear import LinearCoupling, LinearCouplingSpec
from oscillo.layout import StateShape
from oscillo.spec import register


@register
class MeanFieldCouplingSpec(LinearCouplingSpec):
    """All-to-all coupling of equal strength, as in Kuramoto's original model."""

    kind: Literal["mean_field"] = "mean_field"

    def build(self, shape: StateShape) -> MeanFieldCoupling:
        """The average."""
        return MeanFieldCoupling(self, shape)


class MeanFieldCoupling(LinearCoupling):
    r"""y_i = (K / n) \sum_j M x_j over all n oscillators of the layer, itself included; the cost is linear in n.

    Kuramoto (1975), eq. 1, in vector form: with x = (cos θ, sin θ) and M = 1 the tangent part of y_i is
    (K / n) \sum_j \sin(θ_j - θ_i).
    """

    def __init__(self, spec: MeanFieldCouplingSpec, shape: StateShape) -> None:
        super().__init__(spec, shape)
        self.axes = (*range(1, 1 + len(shape.sites)), -1)

    def gather(self, neighbours: Tensor) -> Tensor:
        """The mean vector, [sample, 1 for each site, component, 1]."""
        return neighbours.mean(dim=self.axes, keepdim=True)

    def reach(self) -> float:
        """The weights 1/n add up to one."""
        return 1.0

    def mirrored(self, sign: int) -> bool:
        """Weights are the same both ways."""
        return sign == 1
