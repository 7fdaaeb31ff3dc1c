"""What a distribution is: what numbers are drawn from."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from oscillo.draws import uniform_numbers
from oscillo.spec import ComponentSpec

FREQUENCIES, WEIGHTS = 1 << 17, 1 << 18
"""What numbers are drawn for. Without that, parts with the same seed would share theirs, with one another and with the
initial states of a run of that seed."""


class DistributionSpec(ComponentSpec):
    """What numbers are drawn from."""

    role: ClassVar[str] = "distribution"

    def quantile(self, share: Tensor) -> Tensor:
        """The number that a share in (0, 1) of all numbers lies below."""
        raise NotImplementedError

    def random(self, shape: tuple[int, ...], seed: int, *, purpose: int) -> Tensor:
        """Independent numbers, float64; a seed gives the same ones on every machine.

        Args:
            shape: of the array.
            seed: of these numbers.
            purpose: what they are drawn for, such as `FREQUENCIES`; each end has other numbers of the same seed.
        """
        return self.quantile(uniform_numbers(seed, shape, purpose=purpose))

    def spaced(self, count: int) -> Tensor:
        """The quantiles (i + 1/2) / count in ascending order, float64: a sample without chance in it."""
        return self.quantile((torch.arange(count, dtype=torch.float64) + 0.5) / count)
