"""What a distribution is: what numbers are drawn from."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from oscillo.draws import uniform
from oscillo.spec import ComponentSpec


class DistributionSpec(ComponentSpec):
    """What numbers are drawn from."""

    role: ClassVar[str] = "distribution"

    def quantile(self, share: Tensor) -> Tensor:
        """The number that a share in (0, 1) of all numbers lies below."""
        raise NotImplementedError

    def random(self, shape: tuple[int, ...], seed: int) -> Tensor:
        """Independent numbers, float64; a seed gives the same ones on every machine."""
        return self.quantile(uniform(seed, torch.zeros(1, dtype=torch.int64), shape)[0].double())

    def spaced(self, count: int) -> Tensor:
        """The quantiles (i + 1/2) / count in ascending order, float64: a sample without chance in it."""
        return self.quantile((torch.arange(count, dtype=torch.float64) + 0.5) / count)
