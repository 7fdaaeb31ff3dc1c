"""Order within communities, and how it differs between them and over time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oscillo.measures.accumulator import Accumulator, Running
from oscillo.measures.moments import Moments


def membership(labels: Tensor) -> Tensor:
    """Share of each oscillator in the mean of its community, float64 [oscillator, community].

    Args:
        labels: community of each oscillator, int64 [oscillator], counted from 0; every number up to the largest occurs.
    """
    belongs = F.one_hot(labels).double()
    return belongs / belongs.sum(dim=0)


def community_order(z: Tensor, membership: Tensor) -> Tensor:
    """Order parameter of each community, [..., community].

    Args:
        z: what others see of the oscillators, [..., component, oscillator].
        membership: as `membership(labels)` gives it, [oscillator, community].
    """
    return torch.linalg.vector_norm(z @ membership.to(z), dim=-2)


class CommunityMoments(Accumulator):
    """Metastability and chimera index of a population of communities (Shanahan 2010, Chaos 20, 013108)."""

    def __init__(self, labels: Tensor) -> None:
        self.membership = membership(labels)
        self.moments = Moments()

    def start(self, z: Tensor) -> Running:
        """Nothing seen yet of vectors [..., component, oscillator]."""
        orders = community_order(z, self.membership)
        return {**self.moments.start(orders), "chimera": torch.zeros_like(orders[..., 0], dtype=torch.float64)}

    def update(self, state: Running, z: Tensor) -> Running:
        """Take in vectors [..., component, oscillator]."""
        orders = community_order(z, self.membership)
        return {**self.moments.update(state, orders), "chimera": state["chimera"] + orders.double().var(dim=-1)}

    def result(self, state: Running) -> Running:
        """What is found, float64.

        Returns:
            `order`, the mean over time of each community's order parameter, [..., community]; `metastability`, its
            variance over time, averaged over communities, [...]; `chimera`, its variance over communities, averaged
            over time, [...].
        """
        moments = self.moments.result(state)
        metastability = moments["variance"].mean(dim=-1)
        return {"order": moments["mean"], "metastability": metastability, "chimera": state["chimera"] / state["count"]}
