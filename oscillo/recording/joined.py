"""Arrays of several runs along a dimension `run`, read from their stores when they are used."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from oscillo.recording.errors import StoreError

RUN = "run"
"""The dimension that runs are joined along."""

_STATE = re.compile(r"y|x|site\d+|component|oscillator")
"""Dimensions that say what a state is. Runs that differ in one are about different things."""

Positions = np.ndarray | None
"""Where entries of the joined axis are in that of one run, -1 for those it lacks; None when they are the same."""


@dataclass(frozen=True)
class Source:
    """Where the runs' datasets of one group come from, for messages."""

    group: str
    names: Sequence[str]

    def refusal(self, what: str, numbers: Sequence[int], found: Iterable[Any]) -> StoreError:
        """The error that a group cannot be joined, with what two runs have."""
        told = " and ".join(f"{there} in {self.names[number]}" for number, there in zip(numbers, found, strict=True))
        return StoreError(
            f"{self.group} cannot be joined: {what} is {told}. Open runs that agree in it, by a list of their paths "
            "or as a part of these (`runs[:2]`), or another group (`runs.data_of(GROUP)`)"
        )


def join(source: Source, datasets: Sequence[xr.Dataset | None]) -> xr.Dataset:
    """One dataset of the same group of several runs.

    Every variable gets the first dimension `run`. Along a dimension with coordinates, such as `time`, runs may have
    other entries, and lack some: then there is NaN (no text, for texts). Coordinates in which all agree stay as they
    are.

    Args:
        source: what is joined.
        datasets: of the group, one for each run; None for a run without the group.

    Raises:
        StoreError: when shapes or dimensions do not fit together.
    """
    axes = {dim: _joined_axis(source, dim, datasets) for dim in _union(dataset.dims for dataset in datasets if dataset)}
    variables: dict[Hashable, xr.Variable] = {}
    beside = set(_union(dataset.coords for dataset in datasets if dataset))
    for name in _union(dataset.variables for dataset in datasets if dataset):
        found = [None if dataset is None else dataset.variables.get(name) for dataset in datasets]
        if name in axes:
            if axes[name].values is not None:
                told = next(variable for variable in found if variable is not None).attrs
                variables[name] = xr.Variable((name,), axes[name].values, told)
        elif name in beside and (common := _common(found, axes)) is not None:
            variables[name] = common
        else:
            variables[name] = _joined_variable(source, str(name), found, axes)
    attributes = [dataset.attrs for dataset in datasets if dataset is not None]
    shared = {
        key: value for key, value in attributes[0].items() if all(key in a and a[key] == value for a in attributes)
    }
    names = [name for name in variables if name in beside]
    return xr.Dataset(variables, attrs=shared).set_coords(names)


@dataclass(frozen=True)
class _Axis:
    """A dimension of the joined dataset."""

    length: int
    values: np.ndarray | None
    """Its coordinates."""
    positions: Sequence[Positions]
    """For each run."""


def _joined_axis(source: Source, dim: Hashable, datasets: Sequence[xr.Dataset | None]) -> _Axis:
    having = {n: dataset for n, dataset in enumerate(datasets) if dataset is not None and dim in dataset.dims}
    first, same = next(iter(having)), [None] * len(datasets)
    values = {n: dataset[dim].values if dim in dataset.coords else None for n, dataset in having.items()}
    lengths = {n: dataset.sizes[dim] for n, dataset in having.items()}
    other = [n for n in having if lengths[n] != lengths[first] or not _equal(values[n], values[first])]
    if not other:
        return _Axis(lengths[first], values[first], same)
    pair = (first, other[0])
    if lengths[first] != lengths[other[0]] and _STATE.fullmatch(str(dim)):
        raise source.refusal(f"the length of `{dim}`", pair, (lengths[n] for n in pair))
    known = {n: pd.Index(own) for n, own in values.items() if own is not None}
    for n in having:
        if n not in known or not known[n].is_unique:
            lacking = "without coordinates" if n not in known else "with coordinates that repeat"
            what = f"the dimension `{dim}`"
            raise source.refusal(what, (first, n), (f"{lengths[first]} long", f"{lengths[n]} long and {lacking}"))
    words = any(index.dtype.kind not in "biuf" for index in known.values())
    entries = np.concatenate([index.to_numpy() for index in known.values()])
    union = np.array(list(dict.fromkeys(map(str, entries.tolist())))) if words else np.unique(entries)
    positions = [known[n].get_indexer(pd.Index(union)) if n in known else None for n in range(len(datasets))]
    return _Axis(len(union), union, positions)


def _joined_variable(
    source: Source, name: str, found: Sequence[xr.Variable | None], axes: Mapping[Hashable, _Axis]
) -> xr.Variable:
    having = {number: variable for number, variable in enumerate(found) if variable is not None}
    (first, model), *others = having.items()
    for number, variable in others:
        if variable.dims != model.dims:
            shown = (f"({', '.join(map(str, v.dims))})" for v in (model, variable))
            raise source.refusal(f"`{name}`", (first, number), shown)
    parts = [
        None if variable is None else Part(variable, [axes[dim].positions[number] for dim in model.dims])
        for number, variable in enumerate(found)
    ]
    dtype = _common_type([variable.dtype for variable in having.values()], whole=all(p and p.whole for p in parts))
    if dtype is None:
        kinds = [number for number, variable in having.items() if _is_text(variable.dtype) != _is_text(model.dtype)]
        raise source.refusal(f"`{name}`", (first, kinds[0]), (found[n].dtype for n in (first, kinds[0])))  # pyright: ignore
    shape = (len(found), *(axes[dim].length for dim in model.dims))
    lazy = indexing.LazilyIndexedArray(JoinedArray(parts, shape, dtype))
    kept = indexing.MemoryCachedArray(indexing.CopyOnWriteArray(lazy))  # pyright: ignore[reportArgumentType]
    stored = model.encoding.get("shards") or model.encoding.get("chunks") or model.shape
    return xr.Variable((RUN, *model.dims), kept, model.attrs, {"chunks": (1, *stored)})


@dataclass(frozen=True)
class Part:
    """The variable of one run, and where its entries are along each axis of the joined one."""

    variable: xr.Variable
    positions: Sequence[Positions]

    @property
    def whole(self) -> bool:
        """Whether it has all entries of the joined axes."""
        return all(positions is None or bool((positions >= 0).all()) for positions in self.positions)

    def fill(self, out: np.ndarray, wanted: Sequence[np.ndarray]) -> None:
        """Write those of the wanted entries that the run has into `out` [one axis for each of the variable]."""
        inside, outside = [], []
        for positions, entries in zip(self.positions, wanted, strict=True):
            own = entries if positions is None else positions[entries]
            there = np.flatnonzero(own >= 0)
            if not there.size:
                return
            inside.append(_span(own[there]))
            outside.append(there)
        out[np.ix_(*outside)] = self.variable[tuple(inside)].values


class JoinedArray(BackendArray):
    """Variables of several runs as one array [run, ...]; what is asked for is read, and nothing else.

    Args:
        parts: one for each run; None for a run that lacks the variable.
        shape: of the whole.
        dtype: of the whole; where a run has nothing, there is NaN or no text.
    """

    def __init__(self, parts: Sequence[Part | None], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.parts, self.shape, self.dtype = parts, shape, dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        runs, *wanted = (np.atleast_1d(np.arange(n)[part]) for n, part in zip(self.shape, key, strict=True))
        nothing = "" if _is_text(self.dtype) else np.nan if self.dtype.kind == "f" else 0
        out = np.full((len(runs), *map(len, wanted)), nothing, self.dtype)
        for row, number in zip(out, runs, strict=True) if wanted else ():
            if (part := self.parts[number]) is not None:
                part.fill(row, wanted)
        if not wanted:
            known = [(row, part) for row, n in enumerate(runs) if (part := self.parts[n]) is not None]
            for row, part in known:
                out[row] = part.variable.values[()]
        return out[tuple(0 if isinstance(part, int | np.integer) else slice(None) for part in key)]


def _common(found: Sequence[xr.Variable | None], axes: Mapping[Hashable, _Axis]) -> xr.Variable | None:
    """A coordinate that all runs that have any share, along axes that they share; None when they differ."""
    there = [variable for variable in found if variable is not None]
    first = there[0]
    shared = all(positions is None for dim in first.dims if dim in axes for positions in axes[dim].positions)
    same = all(variable.dims == first.dims and _equal(variable.values, first.values) for variable in there)
    return first if shared and same else None


def _common_type(dtypes: Sequence[np.dtype[Any]], *, whole: bool) -> np.dtype[Any] | None:
    """A type that holds the numbers of all, and NaN where something is missing; None for texts and numbers."""
    texts = [_is_text(dtype) for dtype in dtypes]
    if any(texts):
        return np.dtype(object) if all(texts) else None
    dtype = np.result_type(*dtypes)
    return dtype if whole else np.result_type(dtype, np.float32 if dtype.kind != "f" else dtype)


def _is_text(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "OUT"


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool(((one == other) | ((one != one) & (other != other))).all())


def _span(numbers: np.ndarray) -> slice | np.ndarray:
    """Numbers one after the other as a slice, which is read in one go."""
    first, last = int(numbers[0]), int(numbers[-1])
    even = last - first + 1 == len(numbers) and bool((np.diff(numbers) == 1).all())
    return slice(first, last + 1) if even else numbers


def _union(names: Iterable[Iterable[Hashable]]) -> list[Hashable]:
    return list(dict.fromkeys(name for each in names for name in each))
