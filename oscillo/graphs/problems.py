"""Reasons why edges cannot be the links between oscillators, each with the place of the first such edge."""

from __future__ import annotations

import numpy as np

from oscillo.graphs.edges import Edges
from oscillo.graphs.links import Links
from oscillo.graphs.structure import connectivity

_ROUNDING = 1e-6
"""Part of its largest entry by which a symmetric matrix may differ from its transpose, as after a mean in float32."""

_SHOWN = 8


def problems_of_edges(
    edges: Edges, nodes: int, *, directed: bool, weighted: bool, signed: bool, connected: bool
) -> list[str]:
    """All reasons at once, in words; empty when there are none.

    Args:
        edges: what the source tells.
        nodes: number of oscillators.
        directed: whether a row of a list or matrix acts in one direction only.
        weighted: whether the weights are used.
        signed: whether they may be negative.
        connected: whether a graph in pieces is refused.
    """
    found = []
    size = nodes if edges.nodes is None else edges.nodes
    if size != nodes:
        found.append(f"{edges.origin} has {size} nodes, and the layer has {nodes} oscillators")
    known = (np.minimum(edges.sources, edges.targets) >= 0) & (np.maximum(edges.sources, edges.targets) < size)
    if not known.all():
        row = int(np.argmin(known))
        ends = (int(edges.sources[row]), int(edges.targets[row]))
        stranger = next(end for end in ends if not 0 <= end < size)
        range_ = f"which are counted from 0 to {size - 1}"
        found.append(_tell(edges, ~known, f"node {stranger} is not one of the {size} oscillators, {range_}"))
    found += _problems_of_numbers(edges, weighted=weighted, signed=signed)
    if edges.form == "undirected" and directed:
        found.append(f"{edges.origin} is undirected and gives its edges no direction: leave out `directed: true`")
    if known.all():
        if not directed:
            found += _problems_of_directions(edges, size, weighted=weighted)
        if connected:
            found += _problems_of_pieces(edges, size)
    return found


def _problems_of_numbers(edges: Edges, *, weighted: bool, signed: bool) -> list[str]:
    found = []
    finite = np.isfinite(edges.weights)
    if not finite.all():
        found.append(_tell(edges, ~finite, f"weight {edges.weights[np.argmin(finite)]:g} is not a finite number"))
    negative = edges.weights < 0
    if weighted and not signed and negative[finite].any():
        worst = negative & finite
        words = f"weight {edges.weights[np.argmax(worst)]:g} is negative, which takes `signed: true`"
        found.append(_tell(edges, worst, words))
    if edges.lengths is not None:
        good = np.isfinite(edges.lengths) & (edges.lengths >= 0)
        if not good.all():
            words = f"length {edges.lengths[np.argmin(good)]:g} is not a finite number from zero on"
            found.append(_tell(edges, ~good, words))
    return found


def _problems_of_directions(edges: Edges, nodes: int, *, weighted: bool) -> list[str]:
    if edges.form == "matrix":
        weights = edges.weights if weighted else np.ones(len(edges.weights))
        checked = (("entry", weights), ("the length at", edges.lengths))
        return [
            words for what, values in checked if values is not None for words in _asymmetry(edges, nodes, what, values)
        ]
    return _problems_of_doubles(edges, nodes) if edges.form == "list" and weighted else []


def _problems_of_doubles(edges: Edges, nodes: int) -> list[str]:
    """Edges of a list that stand there in both directions, as in a list of directed ones."""
    twice, once = (
        _told_twice(edges, nodes),
        "write edges that are meant to be double once, with the sum of their weights",
    )
    if not twice.any():
        return []
    if (twice | (edges.sources == edges.targets)).all():
        words = "holds every edge in both directions, so that each would count twice: set `directed: true`"
        return [f"{edges.origin} {words} (or {once})"]
    back = twice & (edges.sources > edges.targets)
    i, j = int(edges.sources[np.argmax(back)]), int(edges.targets[np.argmax(back)])
    words = f"{i} {j} stands in the list as {j} {i} too, with the same weight, so that the edge would count twice"
    return [f"{_tell(edges, back, words)}: keep one of the two, or set `directed: true` ({once})"]


def _asymmetry(edges: Edges, nodes: int, what: str, values: np.ndarray) -> list[str]:
    if not len(values) or not np.isfinite(values).all():
        return []
    matrix = Links(edges.sources, edges.targets, values, None).matrix(nodes)
    difference = abs(matrix - matrix.T).tocoo()
    if not difference.nnz or difference.data.max() <= _ROUNDING * np.abs(values).max():
        return []
    largest = int(np.argmax(difference.data))
    i, j = sorted(int(ends[largest]) for ends in difference.coords)
    there, back = matrix[i, j], matrix[j, i]
    return [f"{edges.origin}: {what} [{i}, {j}] is {there:g} and [{j}, {i}] is {back:g}: set `directed: true`"]


def _told_twice(edges: Edges, nodes: int) -> np.ndarray:
    """Which rows of a list are of an edge between two nodes whose weight is the same in both directions; bool [m]."""
    up, down = edges.sources < edges.targets, edges.sources > edges.targets
    there = Links(edges.sources[up], edges.targets[up], edges.weights[up], None).added_up(nodes)
    back = Links(edges.targets[down], edges.sources[down], edges.weights[down], None).added_up(nodes)
    ways = (links.sources * nodes + links.targets for links in (there, back))
    both, first, second = np.intersect1d(*ways, assume_unique=True, return_indices=True)
    doubled = both[there.weights[first] == back.weights[second]]
    ends = np.minimum(edges.sources, edges.targets), np.maximum(edges.sources, edges.targets)
    return np.isin(ends[0] * nodes + ends[1], doubled) & (up | down)


def _problems_of_pieces(edges: Edges, nodes: int) -> list[str]:
    pieces, labels = connectivity(Links(edges.sources, edges.targets, edges.weights, None), nodes)
    if pieces <= 1:
        return []
    smallest = np.flatnonzero(labels == np.argmin(np.bincount(labels)))
    shown = ", ".join(map(str, smallest[:_SHOWN].tolist())) + (", ..." if len(smallest) > _SHOWN else "")
    size = f"{len(smallest)} node{'s' * (len(smallest) > 1)}"
    return [f"{edges.origin} is in {pieces} pieces, and `connected: true` wants one; the smallest has {size}: {shown}"]


def _tell(edges: Edges, wrong: np.ndarray, words: str) -> str:
    """The first wrong edge, what is wrong with it, and how many more there are."""
    more = int(wrong.sum()) - 1
    others = f" (and {more} more such edge{'s' * (more > 1)})" if more else ""
    return f"{edges.place(int(np.argmax(wrong)))}: {words}{others}"
