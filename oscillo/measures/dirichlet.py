"""Dirichlet energy: how much neighbours on a graph differ."""

from __future__ import annotations

from torch import Tensor

from oscillo.measures.links import Links


def dirichlet_energy(z: Tensor, links: Links) -> Tensor:
    r"""1/2 \sum_ij w_ij |z_i - z_j|^2 over directed links, [...]: <z, L z> with the Laplacian L of a symmetric graph.

    It vanishes when linked oscillators agree. For phases it is \sum w_ij (1 - cos(theta_i - theta_j)), Kuramoto's
    energy up to a constant. The measure of oversmoothing of Rusch et al. (2022), GraphCON, is 2/n times it.

    Args:
        z: vectors, [..., component, oscillator].
        links: the graph; both directions of an undirected edge.
    """
    square = (z.index_select(-1, links.targets) - z.index_select(-1, links.sources)).square().sum(dim=-2)
    if links.weights is not None:
        square = square * links.weights.to(z.dtype)
    return square.sum(dim=-1) / 2
