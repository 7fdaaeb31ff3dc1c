"""Whole xarray datasets in a store: what was found out at the end, and not along the way."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from oscillo.recording.blocks import TEXT, BlockLayout
from oscillo.recording.consistency import GENERATION
from oscillo.recording.declarations import DIMENSIONS, ArrayDeclaration
from oscillo.recording.store import TrajectoryStore


def write_datasets(store: TrajectoryStore, groups: Mapping[str, xr.Dataset]) -> None:
    """Show datasets as groups of a store, in place of earlier ones of these names, all in one step.

    Coordinates that are no dimensions, attributes and texts are kept. A dimension without coordinate gets none.
    Arrays are read and written block by block, so that one which is not in memory never is as a whole.

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
        arrays = {str(key): dataset[key].variable for key in dataset.variables}
        declared = {key: _declared(key, array) for key, array in arrays.items()}
        store.declare(path, declared.values(), attributes, staged=True)
        for key, array in arrays.items():
            _stream(store, f"{path}/{key}", declared[key], array)
        shown[path] = attributes
    store.publish(shown, replacing=before)


def _stream(store: TrajectoryStore, path: str, declared: ArrayDeclaration, array: xr.Variable) -> None:
    """Read an array block by block, and write it."""
    layout = BlockLayout(declared.block, declared.chunks, declared.dtype)
    for part in layout.parts(tuple(slice(0, length) for length in array.shape)):
        store.write(path, part.source, array[part.source].values)


def _declared(name: str, array: xr.Variable) -> ArrayDeclaration:
    """How an array is stored."""
    told = array.attrs
    long_name, description = DIMENSIONS.get(name, (name.replace("_", " "), ""))
    dtype = TEXT if array.dtype.kind in "OUT" else str(array.dtype)
    return ArrayDeclaration(
        name, tuple(str(dim) for dim in array.dims), array.shape, dtype,
        str(told.get("units", "1")), str(told.get("long_name", long_name)), str(told.get("description", description)),
    )  # fmt: skip
