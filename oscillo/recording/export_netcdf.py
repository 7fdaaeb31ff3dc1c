"""A run as a netCDF-4 file, with its groups."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from oscillo.recording.exporting import Export, Written, is_text, pieces


def write_netcdf(export: Export, target: Path, written: Written) -> None:
    """Write groups as netCDF groups, for xarray, MATLAB, R, Julia and others.

    What netCDF has no type for is written as the next that it has: truths as 0 and 1, which xarray reads as truths, and
    numbers of 16 bits as those of 32. A `/` in the name of a metric becomes `_`. The spec is a variable of the root.
    """
    import h5netcdf

    with h5netcdf.File(target, "w") as file:
        for name, value in export.attributes.items():
            file.attrs[name] = _attribute(value)
        _write(file, "spec", xr.Variable((), np.array(export.spec)), lambda count: None)  # too long for an attribute
        for path, dataset in export.groups.items():
            group = file.create_group(path)
            for name, value in dataset.attrs.items():
                group.attrs[str(name)] = _attribute(value)
            if beside := [str(name) for name in dataset.coords if name not in dataset.dims]:
                group.attrs["coordinates"] = " ".join(beside)
            group.dimensions = {str(dim): length for dim, length in dataset.sizes.items()}
            for name, variable in dataset.variables.items():
                _write(group, name, variable, written)


def _write(group: Any, name: Hashable, variable: xr.Variable, written: Written) -> None:
    import h5py

    kind = variable.dtype.kind
    dtype = h5py.string_dtype() if is_text(variable) else {"b": np.dtype("int8")}.get(kind, variable.dtype)
    if dtype == np.float16:
        dtype = np.dtype("float32")
    made = group.create_variable(str(name).replace("/", "_"), tuple(map(str, variable.dims)), dtype)
    for key, value in variable.attrs.items():
        made.attrs[str(key)] = _attribute(value)
    if kind == "b":
        made.attrs["dtype"] = "bool"
    for place, values in pieces(variable, written):
        if values.size:
            made[place or ...] = values.astype(object) if is_text(variable) else values.astype(dtype, copy=False)


def _attribute(value: Any) -> Any:
    """A value as an attribute can have it: texts, numbers and lists of numbers; others as JSON."""
    if isinstance(value, bool | np.bool_):
        return np.int8(value)
    if isinstance(value, str | int | float | np.number):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(item, int | float) for item in value):
        return np.asarray(value)
    return json.dumps(value, default=str)
