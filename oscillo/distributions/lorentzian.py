"""The Lorentzian (Cauchy) distribution, for which Kuramoto's transition is known in closed form."""

from __future__ import annotations

from math import pi
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from oscillo.distributions.base import DistributionSpec
from oscillo.spec import register


@register
class LorentzianSpec(DistributionSpec):
    """Lorentzian numbers, with the density (width / pi) / ((x - center)^2 + width^2)."""

    kind: Literal["lorentzian"] = "lorentzian"
    center: float = Field(default=0.0, allow_inf_nan=False, description="Median.")
    width: float = Field(default=1.0, gt=0, allow_inf_nan=False, description="Half width at half maximum, gamma.")

    def quantile(self, share: Tensor) -> Tensor:
        """center + width tan(pi (share - 1/2))."""
        return self.center + self.width * torch.tan(pi * (share - 0.5))
