"""Reading a run: `oscillo.open_run("runs/sudoku/20261121-200000-a1b2c3")`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ruamel.yaml import YAML
from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import ByteRequest
from zarr.storage import LocalStore

from oscillo.recording.commit_record import DOCUMENT, CommitRecord
from oscillo.recording.errors import StoreError
from oscillo.recording.metrics import metrics_table, read_metrics
from oscillo.recording.run_directory import RunDirectory, State
from oscillo.recording.store import GENERATION

_TRIES = 5


def open_run(path: Path | str) -> Run:
    """Open a run for reading, whether it goes on, has ended or was killed.

    Raises:
        RunDirectoryError: when the path is not a run.
    """
    return Run(RunDirectory.open(path))


class Run:
    """What a run has left so far.

    Everything is read when it is first asked for and then kept; open the run again to see what came since.

    Attributes:
        directory: paths of the run's files.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    @property
    def path(self) -> Path:
        """Folder of the run."""
        return self.directory.path

    @cached_property
    def spec_text(self) -> str:
        """The resolved spec, as YAML."""
        return self.directory.spec.read_text(encoding="utf-8")

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """The resolved spec, as plain mappings and lists."""
        return YAML(typ="safe", pure=True).load(self.spec_text)

    @cached_property
    def state(self) -> State:
        """`running`, `done`, `failed` or `interrupted` (also after it was killed)."""
        return self.directory.state

    @property
    def reason(self) -> str:
        """Why the run ended before its end, such as the message of an error; empty when it did not."""
        return self.provenance.get("reason", "")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Versions, machine, command, seed, start, end and why it ended: what `run.json` says."""
        return self.directory.record()

    @cached_property
    def metrics(self) -> xr.Dataset:
        """All metrics along `record`, with `step` and `wall_s` as coordinates; empty before the first line.

        Raises:
            MetricsError: when the file is damaged.
        """
        path = self.directory.metrics
        return metrics_table(read_metrics(path) if path.exists() else [])

    @cached_property
    def data(self) -> xr.DataTree:
        """Trajectories, summaries and results as of the last commit; numbers are read when they are used.

        Empty before the first commit. An evaluation that was recorded again has its plain name.

        Raises:
            StoreError: when this version of oscillo cannot read the store's format.
        """
        root = self.directory.data
        if not (root / DOCUMENT).exists():
            return xr.DataTree()
        CommitRecord.read(root)
        tree = _open_tree(root)
        nodes = {_plain_name(node.path): _with_texts(node.to_dataset(inherit=False)) for node in tree.subtree}
        return xr.DataTree.from_dict(nodes)

    def __repr__(self) -> str:
        record = self.provenance
        lines = [
            f"<Run {self.path.parent.name}/{self.path.name}: {self.state}>",
            *([f"  reason   {self.reason}"] if self.reason else []),
            f"  path     {self.path}",
            f"  started  {record['started']}" + (f", ended {record['ended']}" if record.get("ended") else ""),
            f"  metrics  {self.metrics.sizes.get('record', 0)} records",
        ]
        lines += [f"    {name:<28} {_last(values)}" for name, values in self.metrics.data_vars.items()]
        lines += ["  data"]
        for leaf in self.data.leaves:
            for name, values in leaf.data_vars.items():
                sizes = ", ".join(f"{dim} {length}" for dim, length in values.sizes.items())
                lines.append(f"    {leaf.path.lstrip('/')}/{name} ({sizes})")
        return "\n".join(lines)


class _CommittedStore(LocalStore):
    """A folder whose missing chunks are empty only while their array is there.

    zarr takes a missing chunk for one that was never written and fills it. When an evaluation is recorded
    again, the arrays that it replaces go away, and whoever still holds them must not get NaN for numbers.
    """

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        found = await super().get(key, prototype, byte_range)
        array, chunk, _ = key.rpartition("/c/")
        if found is None and chunk and not (self.root / array / DOCUMENT).exists():
            raise StoreError(f"{array} was replaced since this run was opened: open the run again")
        return found


def _open_tree(root: Path) -> xr.DataTree:
    """Open the store at its root, since only the root's document says how much of each array is committed."""
    for _ in range(_TRIES - 1):
        try:
            return _try_open(root)
        except StoreError:
            continue  # an evaluation was replaced between reading the record and the coordinates
    return _try_open(root)


def _try_open(root: Path) -> xr.DataTree:
    store = _CommittedStore(root, read_only=True)
    return xr.open_datatree(store, engine="zarr", consolidated=True, chunks=None)  # pyright: ignore


def _plain_name(path: str) -> str:
    return "/".join(GENERATION.sub("", part) for part in path.split("/"))


def _with_texts(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with coordinates of texts as xarray can select by them, whatever type zarr gives."""
    texts = {name: value for name, value in dataset.coords.items() if value.dtype.kind in "OT"}
    plain = {name: (value.dims, np.array(value.values.tolist(), dtype=str)) for name, value in texts.items()}
    return dataset.assign_coords(plain)


def _last(values: xr.DataArray) -> str:
    """The latest value of a metric, in few digits."""
    if values.dtype.kind == "U":
        return str(next((word for word in values.values[::-1] if word), ""))
    known = values.dropna("record")
    return f"{known.values[-1]:.4g}" if known.size else "null"
