"""A coupling of one's own: every oscillator feels all others through a few collective modes.

A spec uses it by naming this file: `plugins: [./my_coupling.py]` and then `coupling: {kind: low_rank, rank: 8}`.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from oscillo.couplings import Coupling, CouplingSpec
from oscillo.layout import StateShape
from oscillo.spec import register


# The declaration: what stands in the YAML. `oscillo explain coupling.low_rank --spec my_coupling.yaml` and the errors
# come from these fields and sentences.
@register
class LowRankCouplingSpec(CouplingSpec):
    """All-to-all coupling through a few modes, at a cost linear in the number of oscillators."""

    kind: Literal["low_rank"] = "low_rank"
    rank: int = Field(8, ge=1, description="Number of modes.")
    symmetric: bool = Field(False, description="Whether J_ij = J_ji is enforced, so that there is an energy.")

    # What is wrong although every field is valid by itself. It is told before anything runs.
    def problems(self, shape: StateShape) -> list[str]:
        """There are at most as many modes as oscillators."""
        count = shape.positions * shape.oscillators
        return [f"rank = {self.rank} is more than the {count} oscillators"] if self.rank > count else []

    def build(self, shape: StateShape) -> LowRankCoupling:
        """The coupling with random modes."""
        return LowRankCoupling(shape, self.rank, symmetric=self.symmetric)


# The equation. States are [sample, *sites, component, oscillator]; here sites and oscillators become one axis.
class LowRankCoupling(Coupling):
    r"""y_i = \sum_r u_ri m_r with the modes m_r = \sum_j v_rj x_j; `symmetric` takes u = v (Hopfield 1982)."""

    def __init__(self, shape: StateShape, rank: int, *, symmetric: bool) -> None:
        super().__init__()
        self.shape, self.symmetric = shape, symmetric
        count = shape.positions * shape.oscillators
        self.v = nn.Parameter(torch.randn(rank, count) / count**0.5)
        self.u = None if symmetric else nn.Parameter(torch.randn(rank, count) / rank**0.5)

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field that each oscillator feels, [sample, *sites, component, oscillator]."""
        x = neighbours.movedim(-2, 1).flatten(2)  # [sample, component, site and oscillator]
        y = (x @ self.v.T) @ (self.v if self.u is None else self.u)
        return y.unflatten(2, (*self.shape.sites, self.shape.oscillators)).movedim(1, -2)
