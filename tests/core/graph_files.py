"""Graphs in files that the tests of graph sources read."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oscillo.graphs import GraphSource

N = 6
fresh = count()

weights = st.floats(-1e3, 1e3).filter(lambda weight: abs(weight) > 1e-9)
matrices = arrays(np.float64, (N, N), elements=st.one_of(st.just(0.0), weights))
"""Weighted digraphs; entry [i, j] is what i feels from j."""

edges = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1), weights), max_size=20)


def file_in(folder: Path, suffix: str) -> Path:
    """A file that no other example of the test has used."""
    return folder / f"graph{next(fresh)}{suffix}"


def written(folder: Path, text: str, suffix: str = ".txt", **fields: Any) -> GraphSource:
    path = file_in(folder, suffix)
    path.write_text(text, encoding="utf-8")
    return GraphSource(file=str(path), **fields)


def saved(folder: Path, group: str | None = None, **contents: Any) -> Path:
    path = file_in(folder, ".npz")
    np.savez(path, **{f"{group}/{key}" if group else key: np.array(array) for key, array in contents.items()})
    return path


def listed(rows: list[tuple[int, int, float]]) -> str:
    return "".join(f"{a} {b} {weight!r}\n" for a, b, weight in rows)


def matrix(source: GraphSource, nodes: int = N) -> np.ndarray:
    assert source.problems_of_graph(nodes) == []
    return source.read(nodes).matrix(nodes).toarray()


def lengths_of(source: GraphSource) -> np.ndarray:
    links = source.read(N)
    assert links.lengths is not None
    return links.matrix(N, links.lengths).toarray()


def rows_of(w: np.ndarray) -> list[tuple[int, int, float]]:
    return [(int(j), int(i), float(w[i, j])) for i, j in np.argwhere(w)]
