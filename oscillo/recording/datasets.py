"""Whole xarray datasets in a store: what was found out at the end, and not along the way."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from oscillo.recording.declarations import DIMENSIONS, TEXT, ArrayDeclaration
from oscillo.recording.store import GENERATION, TrajectoryStore


def write_datasets(store: TrajectoryStore, groups: Mapping[str, xr.Dataset]) -> None:
    """Show datasets as groups of a store, in place of earlier ones of these names, all in one step.

    Coordinates that are no dimensions, attributes and texts are kept. A dimension without coordinate gets none.

    Args:
        store: where to write.
        groups: datasets of numbers and texts by their names; none of their dimensions is empty.

    Raises:
        ValueError: when a dataset holds what cannot be stored.
        StoreError: when the store refuses it; then nothing has changed for readers.
    """
    before = [path for path in store.groups if "/" not in path and GENERATION.sub("", path) in groups]
    generation = 1 + max((store.groups[path].get("generation", 1) for path in before), default=0)
    shown = {}
    for name, dataset in groups.items():
        path = name if generation == 1 else f"{name}@{generation}"
        beside = [str(key) for key in dataset.coords if key not in dataset.dims]
        attributes = {**dataset.attrs, "generation": generation, "coordinates": " ".join(beside)}
        arrays = {str(key): dataset[key] for key in dataset.variables}
        store.declare(path, [_declared(key, array) for key, array in arrays.items()], attributes, staged=True)
        for key, array in arrays.items():
            store.write(f"{path}/{key}", (), array.values)
        shown[path] = attributes
    store.publish(shown, replacing=before)


def _declared(name: str, array: xr.DataArray) -> ArrayDeclaration:
    """How an array is stored."""
    told = array.attrs
    long_name, description = DIMENSIONS.get(name, (name.replace("_", " "), ""))
    dtype = TEXT if array.dtype.kind in "OUT" else str(array.dtype)
    return ArrayDeclaration(
        name, tuple(str(dim) for dim in array.dims), array.shape, dtype,
        str(told.get("units", "1")), str(told.get("long_name", long_name)), str(told.get("description", description)),
    )  # fmt: skip
