"""What the structure of a graph tells: its pieces, and an order of its nodes that keeps neighbours together."""

from __future__ import annotations

import numpy as np

from oscillo.graphs.links import Links


def connectivity(links: Links, nodes: int) -> tuple[int, np.ndarray]:
    """Number of pieces, and the piece of each node, int64 [n]; a link joins its ends whatever its direction."""
    from scipy.sparse import csgraph  # which every command would wait for

    pieces, labels = csgraph.connected_components(links.matrix(nodes, np.ones(len(links.sources))), directed=False)
    return int(pieces), labels.astype(np.int64)


def reordering(links: Links, nodes: int) -> np.ndarray:
    """An order of the nodes in which neighbours are near, int64 [n]: the node that comes k-th.

    A sparse product reads the state of every neighbour. Once the states of all nodes are larger than the processor's
    cache, that is from some 10^5 nodes on, near neighbours are read from the cache and far ones from memory. So it
    pays for large lattices, rings, meshes and power grids whose nodes are numbered at random: their links then reach
    over a few rows of the lattice. It brings little where nodes are numbered along the lattice already, and nothing
    on graphs without locality, such as random graphs: there every order has far neighbours.

    With `order = reordering(links, n)`, `state[..., order]` is a state in the new order, and the inverse
    `np.argsort(order)` numbers the ends of the links anew. The method is reverse Cuthill-McKee (Cuthill and McKee,
    1969; George, 1971), which keeps the bandwidth of the matrix small, at cost linear in the links.
    """
    from scipy.sparse import csgraph

    matrix = links.matrix(nodes, np.ones(len(links.sources)))
    return csgraph.reverse_cuthill_mckee(matrix, symmetric_mode=False).astype(np.int64)
