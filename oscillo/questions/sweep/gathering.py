"""What the runs of a sweep have found, as one dataset with a dimension for everything that was swept over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.core import indexing

from oscillo.questions.sweep.over_points import OverPoints
from oscillo.questions.sweep.units import Division
from oscillo.recording import open_run, read_metrics
from oscillo.spec import SweepSpec

GROUP = "sweep"
"""Group of the store, and of `run.data`, that holds the dataset."""

MEMBER = "member"
"""Dimension of the members of the spec's own ensemble."""

_IN_MEMORY = 2**28
"""Bytes that a variable may take in memory; one that is larger is read from the runs where it is used."""

_OWN = ("sample", "seed")


@dataclass(frozen=True)
class Found:
    """What one run has found: arrays whose first axis is that of its samples."""

    arrays: Mapping[str, xr.DataArray]
    members: Mapping[str, xr.DataArray]
    """Seeds and parameters of the spec's own ensemble, by name."""


def found_in(folder: Path, *, learned: bool) -> Found:
    """What a run that is done has found.

    Args:
        folder: of the run.
        learned: whether it trained a network, so that its metrics are what there is.
    """
    run = open_run(folder)
    if learned:
        last: dict[str, float] = {}
        for line in read_metrics(run.directory.metrics):
            last |= {name: value for name, value in line.items() if isinstance(value, int | float)}
        names = [name for name in last if name not in ("step", "wall_s")]
        return Found({name.replace("/", "_"): _metric(name, last[name]) for name in names}, {})
    arrays: dict[str, xr.DataArray] = {}
    members: dict[str, xr.DataArray] = {}
    for group in ("summary", "series"):
        if group in run.data.children:
            data = run.data[group].to_dataset()
            arrays |= {str(name): value for name, value in data.data_vars.items() if value.dims[:1] == ("sample",)}
            members |= {str(n): v for n, v in data.coords.items() if v.dims == ("sample",) and n != "sample"}
    return Found(arrays, members)


def _metric(name: str, value: float) -> xr.DataArray:
    return xr.DataArray([float(value)], dims=("sample",), attrs={"long_name": name.replace("_", " "), "units": "1"})


def gathered(sweep: SweepSpec, division: Division, found: Mapping[int, Found | str]) -> xr.Dataset:
    """The dataset of a sweep.

    Args:
        sweep: what is swept over.
        division: its runs.
        found: what each of them has found, by number, or why it failed; the rest is not there yet.
    """
    axes = sweep.axes
    sizes = {axis.name: len(axis.rows) for axis in axes}
    errors, done = np.full(sweep.size, "", dtype=object), np.zeros(sweep.size, dtype=bool)
    for number, what in found.items():
        numbers = np.asarray(division.units[number].points)
        errors[numbers], done[numbers] = (what, False) if isinstance(what, str) else ("", True)
    variables: dict[str, Any] = {}
    good = {number: what for number, what in found.items() if isinstance(what, Found)}
    lacking = []
    taken = {*sizes, *(name for axis in axes for name in axis.names.values())}
    for name in dict.fromkeys(name for what in good.values() for name in what.arrays):
        laid = _laid_out(name, sizes, division, good)
        if laid is None:
            lacking.append(name)
        else:
            variables[f"result_{name}" if name in taken else name] = laid
    told = {"long_name": "why the point failed", "description": "empty where it did not"}
    variables["error"] = (tuple(sizes), errors.reshape(tuple(sizes.values())), told)
    told = {"long_name": "done", "description": "whether there are results; without an error it was not run yet"}
    variables["done"] = (tuple(sizes), done.reshape(tuple(sizes.values())), told)
    log = [name for axis in axes for place, name in axis.names.items() if sweep.spacing_of(place) == "log"]
    attributes = {"left_out": ", ".join(lacking), "axes": " ".join(sizes), "log": " ".join(log)}
    return xr.Dataset(variables, _coordinates(sweep, division, good), attributes)


def _laid_out(name: str, sizes: Mapping[str, int], division: Division, found: Mapping[int, Found]) -> Any:
    """A variable over all points; None where its shape or its coordinates differ from point to point."""
    arrays = {number: what.arrays[name] for number, what in found.items() if name in what.arrays}
    first = next(iter(arrays.values()))
    if any(array.dims != first.dims or array.shape[1:] != first.shape[1:] for array in arrays.values()):
        return None
    inner = _inner_coordinates(arrays.values())
    if inner is None:
        return None
    each, units = division.members, division.units
    values = OverPoints(arrays, {number: units[number].points for number in arrays}, [*sizes.values()], each)
    dims = (*sizes, *((MEMBER,) if each > 1 else ()), *map(str, first.dims[1:]))
    laid = xr.Variable(dims, indexing.LazilyIndexedArray(values), first.attrs)
    return laid.load() if laid.nbytes <= _IN_MEMORY else laid


def _inner_coordinates(arrays: Iterable[xr.DataArray]) -> Mapping[str, np.ndarray] | None:
    """Coordinates along the axes within a point, such as time; None where points differ in them."""
    common: dict[str, np.ndarray] = {}
    for array in arrays:
        for dim in array.dims[1:]:
            if dim in array.coords:
                values = array[dim].values
                if not np.array_equal(common.setdefault(str(dim), values), values):
                    return None
    return common


def _coordinates(sweep: SweepSpec, division: Division, found: Mapping[int, Found]) -> dict[str, Any]:
    coordinates: dict[str, Any] = {}
    for axis in sweep.axes:
        if len(axis.names) > 1 or axis.name not in axis.names.values():
            coordinates[axis.name] = np.arange(len(axis.rows))
        for column, (place, name) in enumerate(axis.names.items()):
            told = {"long_name": name.replace("_", " "), "units": "1", "description": place}
            coordinates[name] = ((axis.name,), _as_array([row[column] for row in axis.rows]), told)
    for what in found.values():
        arrays = [array for array in what.arrays.values() if array.ndim > 1]
        for array in arrays:
            for name, values in (_inner_coordinates([array]) or {}).items():
                coordinates.setdefault(name, ((name,), values, array[name].attrs))
    if division.members > 1 and found:
        own = next(iter(found.values())).members
        taken = {name for axis in sweep.axes for name in axis.names.values()}
        for name, values in own.items():
            if name not in taken:
                coordinates[f"member_{name}"] = ((MEMBER,), values.values[: division.members], values.attrs)
    return coordinates


def _as_array(values: Sequence[Any]) -> np.ndarray:
    """Values of one place as numbers, truths or texts."""
    kinds = {type(value) for value in values}
    if kinds <= {int} or kinds <= {bool}:
        return np.array(values)
    return np.array(values, dtype=float) if kinds <= {int, float} else np.array([str(value) for value in values])
