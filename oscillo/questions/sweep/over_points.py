"""A variable over all points of a sweep, read from the points' runs where it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

_NONE = -1


class OverPoints(BackendArray):
    """What runs have found as one array [*swept, member, ...], without the axis of members where each point has one.

    Args:
        arrays: of the runs that have the variable, [sample, ...]; samples are points, and members within a point.
        points: numbers of the points of each run.
        sizes: lengths of the axes that were swept over.
        each: members of a point.
    """

    def __init__(
        self, arrays: Mapping[int, xr.DataArray], points: Mapping[int, Sequence[int]], sizes: Sequence[int], each: int
    ) -> None:
        first = next(iter(arrays.values()))
        self._arrays, self._over = arrays, (*sizes, each) if each > 1 else tuple(sizes)
        self._run, self._row = (np.full(prod(self._over), _NONE) for _ in range(2))
        for number in arrays:
            rows = (np.asarray(points[number])[:, None] * each + np.arange(each)).ravel()
            self._run[rows], self._row[rows] = number, np.arange(len(rows))
        self.shape = (*self._over, *first.shape[1:])
        whole = bool((self._run != _NONE).all())
        self.dtype = first.dtype if whole else np.result_type(first.dtype, np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        wanted = [np.atleast_1d(np.arange(n)[part]) for n, part in zip(self.shape, key, strict=True)]
        over, inner = wanted[: len(self._over)], wanted[len(self._over) :]
        out = np.full([len(numbers) for numbers in wanted], np.nan if self.dtype.kind == "f" else 0, self.dtype)
        flat = out.reshape(-1, *map(len, inner))
        rows = np.ravel_multi_index(np.ix_(*over), self._over).ravel()
        for number in set(self._run[rows].tolist()) - {_NONE}:
            here = np.flatnonzero(self._run[rows] == number)
            inside = [_span(numbers) for numbers in (self._row[rows[here]], *inner)]
            flat[here] = self._arrays[number].variable[tuple(inside)].values
        return out[tuple(0 if isinstance(part, int | np.integer) else slice(None) for part in key)]


def _span(numbers: np.ndarray) -> slice | np.ndarray:
    """Numbers one after the other as a slice, which is read in one go."""
    if len(numbers) and (np.diff(numbers) == 1).all():
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers
