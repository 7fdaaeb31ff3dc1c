"""The layout of state tensors: `[sample, *sites, component, oscillator]`, in memory and on disk.

The component axis stands before the oscillator axis, because sums over a handful of components then run over long
contiguous rows. A feature map `[sample, *sites, channel]` is the same memory: channel = component * oscillators +
oscillator.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from torch import Tensor

State = dict[str, Tensor]
"""A named state: `x`, and where needed `v`, `hidden`, `history`."""


class StateShape(NamedTuple):
    """Shape of one sample's state."""

    sites: tuple[int, ...]
    """Grid of sites, such as (y, x); empty for a network whose nodes are the oscillators."""
    components: int
    """Components of one oscillator's vector."""
    oscillators: int
    """Oscillators at each site."""

    @property
    def channels(self) -> int:
        """Numbers per site: components times oscillators."""
        return self.components * self.oscillators

    @property
    def positions(self) -> int:
        """Number of sites."""
        return prod(self.sites)

    def split(self, features: Tensor) -> Tensor:
        """View a feature map [sample, *sites, channel] as [sample, *sites, component, oscillator]."""
        return features.unflatten(-1, (self.components, self.oscillators))


def join(state: Tensor) -> Tensor:
    """View a state [sample, *sites, component, oscillator] as a feature map [sample, *sites, channel]."""
    return state.flatten(-2)


def tokens(state: Tensor) -> Tensor:
    """View a state [sample, *sites, component, oscillator] as tokens [sample, position, channel]."""
    return state.reshape(state.shape[0], -1, state.shape[-2] * state.shape[-1])


def node_major(state: Tensor) -> Tensor:
    """The same [sample, component, oscillator] with all numbers of one oscillator side by side in memory.

    In memory the axes stand the other way round, so that operations on one component run over samples.
    """
    return state.permute(2, 1, 0).contiguous().permute(2, 1, 0)
