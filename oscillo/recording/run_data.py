"""The store of a run as an xarray DataTree whose numbers are read when they are used."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import numpy as np
import xarray as xr
from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import ByteRequest
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from oscillo.recording.commit_record import DOCUMENT, CommitRecord
from oscillo.recording.consistency import GENERATION
from oscillo.recording.errors import StoreError
from oscillo.recording.store_files import LocalFiles, StoreFiles, files_at

LARGE = 256 * 2**20
"""Bytes from which an array is a dask array, where dask is installed; what is computed from it is computed in parts."""

_TRIES = 5


def open_data(place: Path | str) -> xr.DataTree:
    """The committed groups of a store by their plain names; an empty tree before the first commit.

    Args:
        place: folder or fsspec URL of the store.

    Raises:
        StoreError: when this version of oscillo cannot read the store's format.
    """
    files = files_at(place)
    if files.get(DOCUMENT) is None:
        return xr.DataTree()
    CommitRecord.read(files)
    tree = _open_tree(files)
    nodes = {_plain_name(node.path): node.to_dataset(inherit=False) for node in tree.subtree}
    return xr.DataTree.from_dict({path: in_parts(_with_texts(dataset)) for path, dataset in nodes.items()})


def in_parts(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with its large arrays as dask arrays of the pieces that are stored, where dask is installed."""
    large = {name: variable for name, variable in dataset.variables.items() if variable.nbytes > LARGE}
    if not large or find_spec("dask") is None:
        return dataset
    # A name of its own saves dask the reading of the numbers that it would make one from.
    return dataset.assign(
        {name: variable.chunk(_pieces(variable), name=f"oscillo-{uuid4().hex}") for name, variable in large.items()}
    )


def _pieces(variable: xr.Variable) -> dict[str, int]:
    stored = variable.encoding.get("shards") or variable.encoding.get("chunks")
    return dict(zip(map(str, variable.dims), stored or variable.shape, strict=True))


class _Committed(WrapperStore):
    """A store whose missing chunks are empty only while their array is there.

    zarr takes a missing chunk for one that was never written and fills it. When an evaluation is recorded again, or a
    run is pruned, arrays go away, and whoever still holds them must not get NaN for numbers.
    """

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        found = await self._store.get(key, prototype, byte_range)
        array, chunk, _ = key.rpartition("/c/")
        if found is None and chunk and not await self._store.exists(f"{array}/{DOCUMENT}"):
            raise StoreError(f"{array} was replaced or pruned since this run was opened: open the run again")
        return found


def _open_tree(files: StoreFiles) -> xr.DataTree:
    """Open the store at its root, since only the root's document says how much of each array is committed."""
    for _ in range(_TRIES - 1):
        try:
            return _try_open(files)
        except StoreError:
            continue  # an evaluation was replaced between reading the record and the coordinates
    return _try_open(files)


def _try_open(files: StoreFiles) -> xr.DataTree:
    source = LocalStore(files.root) if isinstance(files, LocalFiles) else FsspecStore.from_url(files.root)
    store = _Committed(source.with_read_only(True))
    return xr.open_datatree(store, engine="zarr", consolidated=True, chunks=None)  # pyright: ignore


def _plain_name(path: str) -> str:
    return "/".join(GENERATION.sub("", part) for part in path.split("/"))


def _with_texts(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with coordinates of texts as xarray can select by them, whatever type zarr gives."""
    texts = {name: value for name, value in dataset.coords.items() if value.dtype.kind in "OT"}
    plain = {name: (value.dims, np.array(value.values.tolist(), dtype=str)) for name, value in texts.items()}
    return dataset.assign_coords(plain)
