"""The uniform distribution."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from oscillo.distributions.base import DistributionSpec
from oscillo.spec import LocatedError, register


@register
class UniformSpec(DistributionSpec):
    """Numbers spread evenly between two bounds."""

    kind: Literal["uniform"] = "uniform"
    low: float = Field(default=-1.0, allow_inf_nan=False, description="Lower bound.")
    high: float = Field(default=1.0, allow_inf_nan=False, description="Upper bound.")

    @model_validator(mode="after")
    def _ordered(self) -> UniformSpec:
        if self.low > self.high:
            raise LocatedError(f"the upper bound {self.high:g} lies below the lower one, {self.low:g}", "high")
        return self

    def quantile(self, share: Tensor) -> Tensor:
        """low + (high - low) share."""
        return self.low + (self.high - self.low) * share
