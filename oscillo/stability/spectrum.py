"""Lyapunov exponents that have been found, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

_GROUPS = 10
"""Groups of blocks whose means give the standard error: the longer a group, the less its mean tells of the next one."""

_SHOWN = 6
"""Exponents that are printed."""


@dataclass(frozen=True, repr=False)
class LyapunovSpectrum:
    """The largest exponents of each sample, per unit of time (for a map, the step size is that unit's share of a step).

    From a trajectory of length T, an exponent nearer to zero than 1/T cannot be told from zero: a disturbance has not
    grown or shrunk by a factor of e. `dimension` and `entropy_rate` take it for zero.
    """

    growth: Tensor
    """Logarithms of how much the directions have grown, by blocks of time, float64 [sample, block, count]."""
    times: Tensor
    """Ends of the blocks, from where counting began, float64 [block]."""
    degrees_of_freedom: int
    """How many exponents a sample has in all."""

    @classmethod
    def sorted(cls, growth: Tensor, times: Tensor, degrees_of_freedom: int) -> LyapunovSpectrum:
        """With the directions of each sample in the order of their growth, largest first.

        They come out of the algorithm so when it goes on long enough; those of nearly the same growth may not.
        """
        order = growth.sum(1, keepdim=True).argsort(dim=2, descending=True, stable=True)
        return cls(growth.gather(2, order.expand_as(growth)), times, degrees_of_freedom)

    @property
    def duration(self) -> float:
        """T, the time that was counted."""
        return float(self.times[-1])

    @cached_property
    def exponents(self) -> Tensor:
        """The exponents, largest first, float64 [sample, count]."""
        return self.growth.sum(1) / self.duration

    @cached_property
    def course(self) -> Tensor:
        """What the exponents were found to be by the end of each block, float64 [sample, block, count]."""
        return self.growth.cumsum(1) / self.times[:, None]

    @cached_property
    def local(self) -> Tensor:
        """The exponents of each block alone, float64 [sample, block, count]."""
        return self.growth / self.times.diff(prepend=self.times.new_zeros(1))[:, None]

    @cached_property
    def standard_error(self) -> Tensor:
        """Of the exponents, from the means of up to 10 groups of blocks, float64 [sample, count]; NaN for one block.

        It is the error of an average over time. On a regular trajectory, where growth comes and goes and does not add
        up, the exponents are nearer to the truth than it says.
        """
        blocks = len(self.times)
        ends = torch.arange(1, min(_GROUPS, blocks) + 1) * blocks // min(_GROUPS, blocks) - 1
        summed = self.growth.cumsum(1)[:, ends].diff(dim=1, prepend=torch.zeros_like(self.growth[:, :1]))
        lengths = self.times[ends].diff(prepend=self.times.new_zeros(1))
        if blocks == 1:
            return torch.full_like(self.exponents, torch.nan)
        return (summed / lengths[:, None]).std(1) / len(ends) ** 0.5

    @cached_property
    def dimension(self) -> Tensor:
        r"""Kaplan and Yorke's dimension (1979), k + (l_1 + ... + l_k) / |l_{k+1}|, float64 [sample].

        k is the largest number of exponents whose sum is not negative. NaN where all sums are that and there are more
        exponents than were asked for.
        """
        sums = self.exponents.cumsum(1)
        k = (sums >= -self._resolution).cumprod(1).sum(1)
        count, most = self.exponents.shape[1], self.degrees_of_freedom
        following = self.exponents.gather(1, k.clamp_max(count - 1)[:, None])[:, 0].abs()
        before = sums.gather(1, (k - 1).clamp_min(0)[:, None])[:, 0].clamp_min(0)
        inside = torch.where(k > 0, k + before / following, 0.0)
        whole = torch.full_like(inside, float(most) if count == most else torch.nan)
        return torch.where(k < count, inside, whole)

    @cached_property
    def entropy_rate(self) -> Tensor:
        """The sum of the positive exponents, float64 [sample], in nats per unit of time.

        It is the entropy of Kolmogorov and Sinai where Pesin's formula (1977) holds, and an upper bound of it elsewhere
        (Ruelle 1978). NaN where the last exponent is positive and there are more than were asked for.
        """
        found = self.exponents.clamp_min(0).sum(1)
        whole = self.exponents.shape[1] == self.degrees_of_freedom
        return found if whole else found.where(self.exponents[:, -1] <= self._resolution, torch.nan)

    def __repr__(self) -> str:
        samples, count = self.exponents.shape
        means = " ".join(f"{value:+.4g}" for value in self.exponents.mean(0)[:_SHOWN])
        more = " ..." if count > _SHOWN else ""
        return f"LyapunovSpectrum({samples} samples over T = {self.duration:g}; means: {means}{more})"

    @property
    def _resolution(self) -> float:
        return 1 / self.duration
