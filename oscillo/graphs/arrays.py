"""Graphs in `.npz` files: a scipy sparse matrix, a matrix of weights, or arrays of edges."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from scipy import sparse

from oscillo.graphs.edges import Edges


def read_arrays(path: Path, group: str | None) -> Edges:
    """Edges of an `.npz` file.

    It holds a matrix of scipy (`scipy.sparse.save_npz`), or `weights` [n, n] with optional `lengths` [n, n], or
    `edges` [m, 2] (source, target) with optional `weights` [m] and `lengths` [m]. Entry [i, j] of a matrix is what i
    feels from j, and an entry that is zero is no link.

    Args:
        path: the file.
        group: what stands before the keys, without the slash: `case118_ieee` for `case118_ieee/edges`.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is no such file, or its arrays do not fit together.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            keys = set(file.files)
            is_sparse = group is None and {"format", "shape", "data"} <= keys
            matrix = sparse.csr_array(sparse.load_npz(path)) if is_sparse else None
            before = "" if group is None else f"{group}/"
            arrays = {name: file[before + name] for name in ("edges", "weights", "lengths") if before + name in keys}
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not an .npz file of arrays: {error}") from error
    if matrix is not None:
        return _of_sparse(path, matrix)
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{path}: `{before}{name}` holds {array.dtype} and not numbers")
    if "edges" in arrays:
        return _of_edges(path, before, arrays)
    if "weights" in arrays:
        return _of_matrix(path, before, arrays)
    raise ValueError(f"{path} has neither `{before}edges` nor `{before}weights`{_hint(keys, group)}")


def _hint(keys: set[str], group: str | None) -> str:
    groups = sorted({key.rsplit("/", 1)[0] for key in keys if key.endswith(("/edges", "/weights"))})
    near = get_close_matches(group or "", groups, n=3) or groups[:8]
    if near:
        return f"; give as `group` one of those it has, such as {', '.join(f'`{name}`' for name in near)}"
    return f"; it has {', '.join(f'`{key}`' for key in sorted(keys)[:8]) or 'nothing'}"


def _of_sparse(path: Path, matrix: sparse.csr_array) -> Edges:
    rows, columns = matrix.shape  # pyright: ignore[reportGeneralTypeIssues]
    if rows != columns:
        raise ValueError(f"{path}: the matrix is [{rows}, {columns}] and not square")
    if matrix.dtype.kind not in "biuf":
        raise ValueError(f"{path}: the matrix holds {matrix.dtype} and not numbers")
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    entries = matrix.tocoo()
    targets, sources = (ends.astype(np.int64) for ends in entries.coords)
    place = _entry(f"{path}: entry ", sources, targets)
    return Edges(sources, targets, entries.data.astype(np.float64), None, "matrix", str(path), place, rows)


def _of_matrix(path: Path, before: str, arrays: dict[str, np.ndarray]) -> Edges:
    matrix, lengths = arrays["weights"], arrays.get("lengths")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{path}: `{before}weights` is {list(matrix.shape)}, and without `{before}edges` it is [n, n]")
    if lengths is not None and lengths.shape != matrix.shape:
        raise ValueError(f"{path}: `{before}lengths` is {list(lengths.shape)}, and the weights {list(matrix.shape)}")
    targets, sources = np.nonzero(matrix)
    of_links = None if lengths is None else lengths[targets, sources].astype(np.float64)
    weights = matrix[targets, sources].astype(np.float64)
    place = _entry(f"{path}: `{before}weights` ", sources, targets)
    return Edges(sources, targets, weights, of_links, "matrix", str(path), place, len(matrix))


def _of_edges(path: Path, before: str, arrays: dict[str, np.ndarray]) -> Edges:
    edges = arrays["edges"]
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(f"{path}: `{before}edges` is {list(edges.shape)} and not [m, 2]")
    if edges.dtype.kind not in "iu":
        raise ValueError(f"{path}: `{before}edges` holds {edges.dtype} and not integers")
    for name in ("weights", "lengths"):
        if name in arrays and arrays[name].shape != (len(edges),):
            shape = list(arrays[name].shape)
            raise ValueError(f"{path}: `{before}{name}` is {shape}, and there are {len(edges)} edges")
    sources, targets = np.ascontiguousarray(edges.T).astype(np.int64)
    weights = arrays.get("weights", np.ones(len(edges))).astype(np.float64)
    lengths = arrays["lengths"].astype(np.float64) if "lengths" in arrays else None
    return Edges(sources, targets, weights, lengths, "list", str(path), lambda row: f"{path}: `{before}edges` [{row}]")


def _entry(what: str, sources: np.ndarray, targets: np.ndarray) -> Callable[[int], str]:
    return lambda row: f"{what}[{targets[row]}, {sources[row]}]"
