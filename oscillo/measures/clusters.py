"""Groups of oscillators that are locked together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Clusters(NamedTuple):
    """Which oscillators belong together."""

    labels: Tensor
    """Cluster of each oscillator, int64 [..., oscillator], counted from 0."""
    count: Tensor
    """Number of clusters, int64 [...]."""
    largest_share: Tensor
    """Share of the oscillators that are in the largest cluster, float64 [...]."""


def frequency_clusters(frequencies: Tensor, tolerance: float) -> Clusters:
    """Cut the sorted frequencies where the gap between neighbours exceeds the tolerance.

    A cluster is a chain of small gaps, so it may be wider than the tolerance. Labels are in
    the order of frequency, and have no gradient.

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
    return Clusters(labels, ranks[..., -1] + 1, sizes.amax(dim=-1).double() / frequencies.shape[-1])


def phase_clusters(theta: Tensor, gap: float) -> Clusters:
    """Cut the circle where neighbouring phases are more than a gap apart.

    Labels go counter-clockwise from the widest gap, and have no gradient. Phases all round the circle without a gap are
    one cluster.

    Args:
        theta: phases [..., oscillator], in radians; one that is not a number is a cluster of its own.
        gap: largest distance of neighbours within a cluster, in radians.
    """
    turned = theta.detach().remainder(2 * torch.pi)
    ordered = turned.sort(dim=-1).values  # what is not a number comes last
    last = ordered.nan_to_num(-torch.inf).amax(dim=-1, keepdim=True)
    before = torch.cat((last - 2 * torch.pi, ordered[..., :-1]), dim=-1)
    widest = (ordered - before).nan_to_num(-torch.inf).argmax(dim=-1, keepdim=True)
    return frequency_clusters((turned - ordered.gather(-1, widest)).remainder(2 * torch.pi), gap)


def linked_clusters(linked: Tensor) -> Clusters:
    """Groups of oscillators that are linked to one another, directly or by way of others.

    Labels are in the order of the first oscillator of each group.

    Args:
        linked: whether two oscillators are linked, bool [..., oscillator, oscillator]; one direction is enough.
    """
    n = linked.shape[-1]
    numbers = torch.arange(n, device=linked.device)
    linked = linked | linked.mT | torch.eye(n, dtype=torch.bool, device=linked.device)
    first, before = numbers.expand(linked.shape[:-1]), None
    while before is None or not torch.equal(first, before):
        before = first
        first = torch.where(linked, first.unsqueeze(-2), n).amin(dim=-1)
        # The first of a first is in the same group; this makes long chains short.
        first = first.gather(-1, first)
    leads = first == numbers
    labels = (leads.cumsum(dim=-1) - 1).gather(-1, first)
    sizes = torch.zeros_like(first).scatter_add(-1, first, torch.ones_like(first))
    return Clusters(labels, leads.sum(dim=-1), sizes.amax(dim=-1).double() / n)
