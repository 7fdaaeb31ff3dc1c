"""States that are the same up to a common rotation, put together; and how sure a share of samples is."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from oscillo.layout import State
from oscillo.stability.symmetry import Symmetry

_NORMAL_95 = 1.959963984540054


def groups_of(symmetry: Symmetry, state: State, tolerance: float) -> Tensor:
    """Number of the group of each sample, int64 [sample]; groups are counted in the order of their first samples.

    A group is what lies within the tolerance of its first sample.

    Args:
        symmetry: rotations that make no difference.
        state: the samples.
        tolerance: largest distance of an oscillator, in radians or in units of the state.
    """
    x = state["x"]
    group = torch.full((len(x),), -1, dtype=torch.int64, device=x.device)
    left, number = torch.arange(len(x), device=x.device), 0
    while len(left):
        first = {name: value[left[:1]] for name, value in state.items()}
        others = {name: value[left] for name, value in state.items()}
        near = _near(symmetry, others, first, tolerance)
        near[0] = True
        group[left[near]] = number
        left, number = left[~near], number + 1
    return group


def _near(symmetry: Symmetry, state: State, first: State, tolerance: float) -> Tensor:
    """Which samples lie within the tolerance of one, [sample]."""
    if symmetry.is_full or not symmetry.dimension:
        return symmetry.distance(state, first) <= tolerance
    # The best of all rotations is found at once. It leaves no larger sum of squares than the best of some rotations
    # does, and a largest distance is at the most the root of such a sum.
    oscillators = state["x"][0].numel() // state["x"].shape[-2] * len(state)
    near = symmetry.widened.distance(state, first) <= 2 * oscillators**0.5 * tolerance
    some = {name: value[near] for name, value in state.items()}
    near[near.clone()] = symmetry.distance(some, first) <= tolerance
    return near


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22, 209).

    Args:
        count: samples that have it.
        total: samples, at least one.
    """
    share, spread = count / total, _NORMAL_95**2 / total
    centre = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
