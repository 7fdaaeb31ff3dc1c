"""Random draws that depend on what they are for and never on when or beside what they are made.

Every draw is keyed by (seed, dataset index, member, step). The generator is the counter-based Philox 4x32-10
(Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), evaluated for a whole batch at once: the same
sample gets the same numbers in any batch, on any rank, and after a resume.
"""

from __future__ import annotations

from math import pi, prod
from typing import NamedTuple

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_MULTIPLIER = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)


def philox(counter: tuple[Tensor, ...], key: tuple[Tensor | int, Tensor | int]) -> tuple[Tensor, ...]:
    """Philox 4x32-10: four words of 32 random bits for each counter.

    Args:
        counter: four int64 tensors holding 32-bit words; they broadcast.
        key: two 32-bit words.

    Returns:
        Four int64 tensors with values in [0, 2**32).
    """
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        # The signed product wraps beyond 2**63, but its 64 bits are those of the unsigned product.
        first, second = a * _MULTIPLIER[0], c * _MULTIPLIER[1]
        a, b, c, d = (
            ((second >> 32) & _MASK) ^ b ^ k0,
            second & _MASK,
            ((first >> 32) & _MASK) ^ d ^ k1,
            first & _MASK,
        )
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return a, b, c, d


def _words(
    seed: int | Tensor, index: Tensor, member: int | Tensor, step: int | Tensor, purpose: int | Tensor, count: int
) -> Tensor:
    """`count` words of 32 bits for each sample, int64 [sample, count]."""
    index = index.to(torch.int64).reshape(-1, 1)
    as_column = lambda value: torch.as_tensor(value, dtype=torch.int64, device=index.device).reshape(-1, 1)  # noqa: E731
    blocks = torch.arange((count + 3) // 4, device=index.device, dtype=torch.int64)
    zero = torch.zeros_like(index)
    # A first pass turns the key of the sample into 64 bits; a second one counts through its numbers.
    high = (index >> 32) & _MASK
    last = zero + (as_column(purpose) & _MASK)
    seed = as_column(seed) if isinstance(seed, Tensor) else seed
    k = philox(
        (index & _MASK, high ^ (as_column(member) & _MASK), as_column(step) & _MASK, last),
        (seed & _MASK, (seed >> 32) & _MASK),
    )
    words = philox((blocks, zero, k[2], k[3]), (k[0], k[1]))
    return torch.stack(torch.broadcast_tensors(*words), dim=-1).flatten(1)[:, :count]


def uniform(
    seed: int | Tensor, index: Tensor, shape: tuple[int, ...], *, member: int | Tensor = 0, step: int | Tensor = 0,
    purpose: int | Tensor = 0,
) -> Tensor:  # fmt: skip
    """Uniform numbers in (0, 1), one array of `shape` for each sample.

    Args:
        seed: the run's seed, a number or [sample].
        index: dataset index of each sample, integer [sample].
        shape: shape of one sample's array.
        member: member of an ensemble or of a vote, a number or [sample].
        step: optimiser step, epoch or time step the draw is for, a number or [sample].
        purpose: distinguishes draws made for different ends with the same key, a number or [sample].

    Returns:
        float32 [sample, *shape], on the device of `index`.
    """
    words = _words(seed, index, member, step, purpose, prod(shape))
    # float32 rounds the largest word up to one.
    return ((words >> 8).to(torch.float32) + 0.5).mul_(2.0**-24).clamp_max_(1 - 2.0**-24).reshape(-1, *shape)


def uniform_numbers(seed: int, shape: tuple[int, ...], *, purpose: int) -> Tensor:
    """Uniform numbers in (0, 1) that belong to no sample, with 52 random bits each.

    Args:
        seed: of these numbers.
        shape: of the array.
        purpose: distinguishes draws made for different ends with the same seed.

    Returns:
        float64 of `shape`.
    """
    words = _words(seed, torch.zeros(1, dtype=torch.int64), 0, 0, purpose, 2 * prod(shape)).reshape(-1, 2)
    # With 53 bits and the half, float64 would round the largest number up to one.
    return (((words[:, 0] >> 6 << 26) + (words[:, 1] >> 6)).double() + 0.5).mul_(2.0**-52).reshape(shape)


def normal(
    seed: int | Tensor, index: Tensor, shape: tuple[int, ...], *, member: int | Tensor = 0, step: int | Tensor = 0,
    purpose: int | Tensor = 0,
) -> Tensor:  # fmt: skip
    """Standard normal numbers (Box and Muller 1958), keyed as in `uniform`; float32 [sample, *shape]."""
    count = prod(shape)
    half = (count + 1) // 2
    u = uniform(seed, index, (2, half), member=member, step=step, purpose=purpose)
    radius, angle = torch.sqrt(-2.0 * torch.log(u[:, 0])), (2.0 * pi) * u[:, 1]
    pairs = torch.cat((radius * torch.cos(angle), radius * torch.sin(angle)), dim=1)
    return pairs[:, :count].reshape(-1, *shape)


class Draws(NamedTuple):
    """The key of a batch's random numbers: who draws, without saying for what."""

    seed: int | Tensor
    """The run's seed, a number or [sample]."""
    index: Tensor
    """Dataset index of each sample, integer [sample]."""
    member: int | Tensor = 0
    """Member of an ensemble or vote, a number or [sample]."""
    step: int | Tensor = 0
    """Optimiser step or epoch, a number or [sample]."""

    def normal(self, shape: tuple[int, ...], *, purpose: int = 0) -> Tensor:
        """Standard normal numbers, float32 [sample, *shape]."""
        return normal(self.seed, self.index, shape, member=self.member, step=self.step, purpose=purpose)

    def uniform(self, shape: tuple[int, ...], *, purpose: int = 0) -> Tensor:
        """Uniform numbers in (0, 1), float32 [sample, *shape]."""
        return uniform(self.seed, self.index, shape, member=self.member, step=self.step, purpose=purpose)

    def normals(self, shape: tuple[int, ...], purposes: range) -> Tensor:
        """Standard normal numbers for several purposes in a row, [purpose, sample, *shape], as `normal` gives them."""
        count, samples = len(purposes), len(self.index)
        repeated = lambda key: key.repeat(count) if isinstance(key, Tensor) and key.ndim else key  # noqa: E731
        ends = torch.arange(purposes.start, purposes.stop, device=self.index.device).repeat_interleave(samples)
        found = normal(
            repeated(self.seed), self.index.repeat(count), shape, member=repeated(self.member),
            step=repeated(self.step), purpose=ends,
        )  # fmt: skip
        return found.unflatten(0, (count, samples))
