"""Tables of what a question has found, made from its datasets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from oscillo.reporting.tables import Table
from oscillo.reporting.words import number, title

_MOST_ROWS, _MOST_COLUMNS = 60, 8
"""Sizes up to which a dataset becomes a table; longer ones are for figures."""

_OPEN_ROWS = 20
"""Rows up to which the first table is open."""


def answer_tables(data: xr.DataTree) -> list[Table]:
    """Small tables of all groups: one for what has one dimension in common, one for each grid of numbers."""
    found = []
    for node in data.subtree:
        dataset = node.to_dataset(inherit=False)
        if dataset.data_vars:
            found += _tables(node.path.strip("/"), dataset)
    return [replace(table, folded=number > 0 or len(table.rows) > _OPEN_ROWS) for number, table in enumerate(found)]


def _tables(group: str, dataset: xr.Dataset) -> list[Table]:
    over = [dim for dim in ("seed", "sample") if dim in dataset.dims and len(dataset.dims) > 1]
    single = [dim for dim, size in dataset.sizes.items() if size == 1]
    flat = dataset.squeeze([dim for dim in single], drop=True)
    means = [dim for dim in over if dim in flat.dims]
    note = f"Means over {' and '.join(map(title, means))}." if means else ""
    columns: dict[str, dict[str, np.ndarray]] = {}
    grids: list[Table] = []
    for name, values in flat.data_vars.items():
        numeric = values.dtype.kind in "fiub"
        values = values.mean([dim for dim in means if dim in values.dims]) if numeric else values
        if values.ndim == 1 and values.size <= _MOST_ROWS:
            columns.setdefault(str(values.dims[0]), {})[str(name)] = values.values
        elif values.ndim == 2 and numeric and values.shape[0] <= _MOST_ROWS and values.shape[1] <= _MOST_COLUMNS:
            grids.append(_grid(group, values, note))
    return grids + [_listing(group, flat, dim, found, note) for dim, found in columns.items()]


def _listing(group: str, dataset: xr.Dataset, dim: str, found: dict[str, np.ndarray], note: str) -> Table:
    """Everything that has one dimension in common."""
    along = {str(name): value.values for name, value in dataset.coords.items() if value.dims == (dim,)}
    if "label" in along:  # it says what the others say
        along = {"label": along["label"]}
    along = {name: values for name, values in along.items() if _told(values)}
    told = {name: values for name, values in found.items() if _told(values)}
    same = {name: values for name, values in told.items() if len(values) > 1 and len({_cell(v) for v in values}) == 1}
    everything = {**along, **{name: values for name, values in told.items() if name not in same}}
    said = [f"{_heading(dataset, name)} {_cell(values[0])}" for name, values in same.items()]
    note = " ".join(filter(None, [note, f"The same in all rows: {', '.join(said)}." if said else ""]))
    heads = [_heading(dataset, name) for name in everything]
    rows = [[_cell(values[i]) for values in everything.values()] for i in range(dataset.sizes[dim])]
    return Table(f"{title(group)}, by {title(dim)}", heads, rows, note)


def _grid(group: str, values: xr.DataArray, note: str) -> Table:
    """One number along two dimensions."""
    down, across = map(str, values.dims)
    label = values["label"] if "label" in values.coords and values["label"].dims == (down,) else values[down]
    heads = [title(down), *(f"{title(across)} {_cell(place)}" for place in values[across].values)]
    rows = [[_cell(place), *map(_cell, row)] for place, row in zip(label.values, values.values, strict=True)]
    return Table(f"{title(group)}: {values.attrs.get('long_name', title(str(values.name)))}", heads, rows, note)


def _heading(dataset: xr.Dataset, name: str) -> str:
    long_name = str(dataset[name].attrs.get("long_name", title(name)))
    unit = str(dataset[name].attrs.get("units", "1"))
    return long_name if unit in ("1", "") else f"{long_name} ({unit})"


def _told(values: np.ndarray) -> bool:
    """Whether a column has anything to say."""
    if values.dtype.kind == "f":
        return bool(np.isfinite(values).any())
    return values.dtype.kind in "iub" or any(str(value) for value in values)


def _cell(value: object) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    return number(value) if isinstance(value, bool | int | float) else str(value)
