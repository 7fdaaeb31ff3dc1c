"""Edges as their source tells them, before they are checked and turned into links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

Form = Literal["list", "undirected", "directed", "matrix"]
"""What a row is.

`list`: one edge, and the declaration says whether it has a direction. `undirected`, `directed`: one edge of a graph
that says so itself. `matrix`: one entry of a matrix, which holds both directions of an undirected edge.
"""


class Edges(NamedTuple):
    """The rows of a source, in its order."""

    sources: np.ndarray
    """Node that acts, int64 [m]."""
    targets: np.ndarray
    """Node that feels it, int64 [m]."""
    weights: np.ndarray
    """float64 [m]."""
    lengths: np.ndarray | None
    """float64 [m], in the source's own unit; None when it gives none."""
    form: Form
    """What a row is."""
    origin: str
    """The source as a message names it: a path, or a generator."""
    place: Callable[[int], str]
    """Where a row stands, as a message names it: a file and line, or an edge."""
    nodes: int | None = None
    """Number of nodes, where the source fixes it; a list of edges may leave out nodes without edges."""
