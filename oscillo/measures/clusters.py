"""Groups of oscillators that turn with one mean frequency."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class FrequencyClusters(NamedTuple):
    """Which oscillators are locked in frequency."""

    labels: Tensor
    """Cluster of each oscillator, int64 [..., oscillator], counted from 0 in the order of frequency."""
    count: Tensor
    """Number of clusters, int64 [...]."""
    largest_share: Tensor
    """Share of the oscillators that are in the largest cluster, float64 [...]."""


def frequency_clusters(frequencies: Tensor, tolerance: float) -> FrequencyClusters:
    """Cut the sorted frequencies where the gap between neighbours exceeds the tolerance.

    A cluster is a chain of small gaps, so it may be wider than the tolerance. Labels have no gradient.

    Args:
        frequencies: mean frequencies [..., oscillator]; one that is not a number is a cluster of its own.
        tolerance: largest gap within a cluster, in units of the frequencies.
    """
    ordered, order = frequencies.detach().sort(dim=-1)
    # Written so that a gap to NaN is a cut, too.
    cuts = ~(ordered.diff(dim=-1) <= tolerance)
    ranks = torch.cat((torch.zeros_like(order[..., :1]), cuts.cumsum(dim=-1)), dim=-1)
    labels = torch.empty_like(ranks).scatter(-1, order, ranks)
    sizes = torch.zeros_like(ranks).scatter_add(-1, ranks, torch.ones_like(ranks))
    return FrequencyClusters(labels, ranks[..., -1] + 1, sizes.amax(dim=-1).double() / frequencies.shape[-1])
