"""The normal distribution."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from oscillo.distributions.base import DistributionSpec
from oscillo.spec import register


@register
class NormalSpec(DistributionSpec):
    """Gaussian numbers."""

    kind: Literal["normal"] = "normal"
    mean: float = Field(default=0.0, allow_inf_nan=False, description="Mean.")
    deviation: float = Field(default=1.0, ge=0, allow_inf_nan=False, description="Standard deviation.")

    def quantile(self, share: Tensor) -> Tensor:
        """mean + deviation Phi^-1(share)."""
        return self.mean + self.deviation * torch.special.ndtri(share)
