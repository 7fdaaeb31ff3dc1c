"""Simplices of three nodes: found as the triangles of a graph, or read from a file."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from oscillo.graphs.links import Links
from oscillo.graphs.text_rows import Columns, line_of, read_rows

COLUMNS = Columns(("i", "j", "k"), ("weight",))
_PATHS_AT_ONCE = 4_000_000
"""Bounds the memory of the search for triangles, to about 0.2 GB."""


def triangles(links: Links, nodes: int) -> np.ndarray:
    r"""All triangles i < j < k of the undirected graph, int64 [k, 3], in lexicographic order.

    Directions, weights and loops do not matter. Every edge points to its end of higher degree, so that no node has
    more than \sqrt{2 m} edges going out; a triangle is then a path of two edges whose ends are joined, and is found
    once, at cost O(m^{3/2}) (Chiba and Nishizeki, 1985; Latapy, 2008).
    """
    proper = links.sources != links.targets
    ones = np.ones(int(proper.sum()))
    graph = Links(links.sources[proper], links.targets[proper], ones, None).both_ways().matrix(nodes)
    by_degree = np.argsort(np.diff(graph.indptr), kind="stable")
    rank = np.argsort(by_degree)
    start, end = (rank[ends] for ends in graph.nonzero())
    out = Links(end[start < end], start[start < end], ones[:0], None).matrix(nodes, np.ones(int((start < end).sum())))
    pointers, ends = out.indptr.astype(np.int64), out.indices.astype(np.int64)
    degrees = np.diff(pointers)
    starts = np.repeat(np.arange(nodes, dtype=np.int64), degrees)
    known = starts * nodes + ends
    found = [np.zeros((0, 3), np.int64)]
    for some in _portions(degrees[ends]):
        first, middle = starts[some], ends[some]
        count = degrees[middle]
        row = np.repeat(np.arange(len(middle)), count)
        last = ends[np.arange(len(row)) + np.repeat(pointers[middle] - (np.cumsum(count) - count), count)]
        closing = first[row] * nodes + last
        closed = known[np.minimum(np.searchsorted(known, closing), len(known) - 1)] == closing
        found.append(np.stack((first[row], middle[row], last), 1)[closed])
    corners = np.sort(by_degree[np.concatenate(found)], axis=1)
    return corners[np.lexsort(corners.T[::-1])]


def _portions(costs: np.ndarray) -> list[slice]:
    """Consecutive portions of rows, each of about the same cost."""
    total = np.cumsum(costs)
    bounds = np.arange(_PATHS_AT_ONCE, total[-1] if len(total) else 0, _PATHS_AT_ONCE)
    cuts = [0, *np.searchsorted(total, bounds).tolist(), len(costs)]
    return [slice(a, b) for a, b in pairwise(cuts) if a < b]


def read_simplices(path: str | Path, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Simplices from a text file with a line `i j k [weight]` for each.

    The order of a simplex's nodes does not matter, and one that is written several times counts with the sum of its
    weights.

    Args:
        path: the file; `#` starts a comment, blanks or commas separate.
        nodes: number of nodes, which are counted from 0.

    Returns:
        The simplices i < j < k in lexicographic order, int64 [k, 3], and their weights, float64 [k].

    Raises:
        OSError: when the file cannot be read.
        ValueError: with every reason why it is not a list of simplices, and the line of each.
    """
    path = Path(path)
    rows = read_rows(path, COLUMNS)
    corners, weights = np.sort(rows.nodes, axis=1), rows.numbers[:, 0]
    unknown = ((corners < 0) | (corners >= nodes)).any(1)
    repeated = (np.diff(corners, axis=1) == 0).any(1)
    reasons = (
        (unknown, f"a node is not one of the {nodes} oscillators, which are counted from 0 to {nodes - 1}"),
        (repeated, "a node stands twice in a simplex"),
        (~np.isfinite(weights), "the weight is not a finite number"),
    )
    problems = [f"{line_of(path, int(np.argmax(bad)))}: {why}" for bad, why in reasons if bad.any()]
    if problems:
        raise ValueError("; ".join(problems))
    distinct, which = np.unique(corners, axis=0, return_inverse=True)
    return distinct, np.bincount(which, weights, minlength=len(distinct))
