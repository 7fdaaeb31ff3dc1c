"""Edge lists in text: a line `source target [weight [length]]` per edge."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from oscillo.graphs.edges import Edges
from oscillo.graphs.text_rows import Columns, line_of, read_rows

SUFFIXES = (".txt", ".csv", ".edges", ".edgelist", ".tsv")
COLUMNS = Columns(("source", "target"), ("weight", "length"))


def read_edge_list(path: Path) -> Edges:
    """Read an edge list; nodes are counted from 0, and an edge without a weight has weight one.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when a line is no edge, or some edges have a length and others not.
    """
    rows = read_rows(path, COLUMNS)
    without = rows.given < 2
    if without.any() and not without.all():
        first = line_of(path, int(np.argmax(without)))
        raise ValueError(
            f"{first}: the edge has no length, and others have one ({without.sum()} of {len(without)} edges without)"
        )
    sources, targets = np.ascontiguousarray(rows.nodes.T)
    weights, lengths = np.ascontiguousarray(rows.numbers.T)
    has_lengths = len(without) > 0 and not without.any()
    place = partial(line_of, path)
    return Edges(sources, targets, weights, lengths if has_lengths else None, "list", str(path), place)
