"""Links: the directed, weighted connections that a coupling is made of."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import sparse

from oscillo.graphs.edges import Edges

Normalization = Literal["none", "degree", "strength"]


class Links(NamedTuple):
    """Directed links, sorted by target and then by source; no two have the same ends.

    An undirected edge is two links, one in each direction, and a self-loop is one.
    """

    sources: np.ndarray
    """Oscillator that is felt, int64 [m]."""
    targets: np.ndarray
    """Oscillator that feels it, int64 [m]."""
    weights: np.ndarray
    """float64 [m]."""
    lengths: np.ndarray | None
    """float64 [m], in the source's own unit; None when it gives none."""

    def matrix(self, nodes: int, values: np.ndarray | None = None) -> sparse.csr_array:
        """The links as a matrix [n, n] whose entry [i, j] is what i feels from j; entries at one place are added up.

        The cost is linear in the number of links, where sorting them is not.

        Args:
            nodes: number of nodes n.
            values: what to put in place of the weights, [m].
        """
        entries = self.weights if values is None else values
        return sparse.coo_array((entries, (self.targets, self.sources)), shape=(nodes, nodes)).tocsr()

    def sums(self, nodes: int, values: np.ndarray) -> np.ndarray:
        """Values [m] of links with the same ends added up, in the order of the links that `added_up` gives."""
        return self.matrix(nodes, values).data

    def both_ways(self) -> Links:
        """The links and their reverses, not sorted; a loop is its own reverse."""
        back = self.sources != self.targets
        ends = np.r_[self.sources, self.targets[back]], np.r_[self.targets, self.sources[back]]
        lengths = None if self.lengths is None else np.r_[self.lengths, self.lengths[back]]
        return Links(*ends, np.r_[self.weights, self.weights[back]], lengths)

    def added_up(self, nodes: int) -> Links:
        """The links sorted, and those with the same ends made one.

        Their weights are summed. Their length is the mean weighted by the magnitudes of their weights, because it
        stands for one delay in place of several; the plain mean when all these weights are zero.
        """
        weights = self.matrix(nodes)
        targets = np.repeat(np.arange(nodes, dtype=np.int64), np.diff(weights.indptr))
        sources = weights.indices.astype(np.int64)
        if self.lengths is None:
            return Links(sources, targets, weights.data, None)
        sum_of_lengths = self.sums(nodes, self.lengths)
        if len(sources) == len(self.sources):
            return Links(sources, targets, weights.data, sum_of_lengths)
        shares = np.abs(self.weights)
        sum_of_shares, shared = self.sums(nodes, shares), self.sums(nodes, shares * self.lengths)
        parallel = self.sums(nodes, np.ones(len(shares)))
        lengths = sum_of_lengths / parallel
        weighs = (parallel > 1) & (sum_of_shares > 0)
        lengths[weighs] = shared[weighs] / sum_of_shares[weighs]
        return Links(sources, targets, weights.data, lengths)


def links_of(edges: Edges, nodes: int, *, directed: bool, weighted: bool, normalization: Normalization) -> Links:
    """Edges without problems as links.

    Args:
        edges: what the source tells.
        nodes: number of nodes.
        directed: whether a row of a list or matrix acts in one direction only.
        weighted: False makes every link's weight one, also where it stands for several edges.
        normalization: what the weights of the links that reach a node are divided by: `degree`, their number;
            `strength`, the sum of their magnitudes.
    """
    rows = Links(
        edges.sources, edges.targets, edges.weights if weighted else np.ones(len(edges.sources)), edges.lengths
    )
    if edges.form == "undirected" or (edges.form == "list" and not directed):
        # Adding up one direction alone and then turning it makes both exactly equal, also in their rounding.
        ends = np.minimum(rows.sources, rows.targets), np.maximum(rows.sources, rows.targets)
        rows = Links(*ends, rows.weights, rows.lengths).added_up(nodes).both_ways()
    elif edges.form == "matrix" and not directed:
        below = rows.sources <= rows.targets
        lengths = None if rows.lengths is None else rows.lengths[below]
        rows = Links(rows.sources[below], rows.targets[below], rows.weights[below], lengths).both_ways()
    links = rows.added_up(nodes)
    weights = links.weights if weighted else np.ones(len(links.weights))
    return links._replace(weights=_normalized(links.targets, weights, nodes, normalization))


def _normalized(targets: np.ndarray, weights: np.ndarray, nodes: int, normalization: Normalization) -> np.ndarray:
    if normalization == "none":
        return weights
    reaching = np.bincount(targets, None if normalization == "degree" else np.abs(weights), minlength=nodes)
    return weights / np.where(reaching > 0, reaching, 1.0)[targets]
