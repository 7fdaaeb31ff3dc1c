"""A run in the formats of other programs: netCDF, npz, CSV."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import xarray as xr

from oscillo.recording.atomic import PARTIAL
from oscillo.recording.errors import ExportError
from oscillo.recording.run import Run

Format = Literal["netcdf", "npz", "csv"]

SUFFIXES: dict[Format, str] = {"netcdf": ".nc", "npz": ".npz", "csv": ""}
"""Of what is written; CSV makes a folder."""

METRICS = "metrics"
"""The group that metrics are in."""

TABLE_NUMBERS = 5_000_000
"""Numbers up to which a group is written as tables; more make files that nothing opens."""

Written = Callable[[int], None]
"""Called with the bytes of numbers that have been written since it was called last."""

_BLOCK = 32 * 2**20


@dataclass(frozen=True)
class Export:
    """What is exported.

    Attributes:
        groups: datasets by path, such as `series`, with the metrics among them.
        attributes: of the whole: which run it is.
        spec: as YAML.
    """

    groups: Mapping[str, xr.Dataset]
    attributes: Mapping[str, Any]
    spec: str

    @property
    def nbytes(self) -> int:
        """Bytes of all numbers."""
        return sum(dataset.nbytes for dataset in self.groups.values())


def choose(run: Run, groups: Sequence[str] = ()) -> Export:
    """What is exported of a run.

    Args:
        run: in any state; of one that goes on, what it has committed.
        groups: paths, each for all below it; left out, everything, with the metrics.

    Raises:
        ExportError: when there is no such group, or nothing at all.
    """
    nodes = {node.path.strip("/"): node.to_dataset(inherit=False) for node in run.data.subtree}
    there = {path: dataset for path, dataset in nodes.items() if dataset.variables}
    if run.metrics.sizes.get("record"):
        there[METRICS] = run.metrics
    if not there:
        raise ExportError(f"{run.path} has nothing to export: nothing has been committed yet")
    for group in groups:
        if not any(_below(path, group) for path in there):
            raise ExportError(f"{run.path} has no group {group}; it has {', '.join(there)}")
    chosen = {path: data for path, data in there.items() if not groups or any(_below(path, group) for group in groups)}
    about = {"run": f"{run.path.resolve().parent.name}/{run.path.resolve().name}", "state": run.state}
    kept = ("started", "ended", "spec_sha256")
    about |= {key: run.provenance[key] for key in kept if run.provenance.get(key)}
    return Export(chosen, about, run.spec_text)


def check_export(export: Export, target: Path, form: Format, *, replace: bool = False) -> None:
    """Make sure, before anything is written, that it can be.

    Raises:
        ExportError: when a package is missing, a group is too large for a table, or something is at the target.
    """
    if form == "netcdf" and find_spec("h5netcdf") is None:
        raise ExportError("netCDF needs the package h5netcdf: pip install 'oscillo[netcdf]'")
    if not target.parent.is_dir():
        raise ExportError(f"{target} cannot be written: there is no folder {target.parent}")
    if target.exists():
        if not replace:
            raise ExportError(f"{target} is there already; choose another place by --out, or replace it by --force")
        if target.is_dir() and (form != "csv" or any(not _is_ours(path) for path in target.iterdir())):
            raise ExportError(
                f"{target} is a folder with other things in it, and is not replaced; choose another place"
            )
        if target.is_file() and form == "csv":
            raise ExportError(f"{target} is a file, and CSV makes a folder; choose another place by --out")
    if form == "csv":
        for path, dataset in export.groups.items():
            if (count := table_numbers(dataset)) > TABLE_NUMBERS:
                raise ExportError(
                    f"{path} would be a table of {count:,} numbers, and up to {TABLE_NUMBERS:,} are written as CSV; "
                    "leave it out by choosing others with --group, or export it as --netcdf or --npz"
                )


def write_export(export: Export, target: Path, form: Format, written: Written = lambda count: None) -> None:
    """Write what was chosen, as a whole or not at all; numbers go through memory in blocks.

    Raises:
        ExportError: when the disk refuses it.
    """
    from oscillo.recording.export_csv import write_csv
    from oscillo.recording.export_netcdf import write_netcdf
    from oscillo.recording.export_npz import write_npz

    write = {"netcdf": write_netcdf, "npz": write_npz, "csv": write_csv}[form]
    with _as_a_whole(target) as partial:
        write(export, partial, written)


def table_numbers(dataset: xr.Dataset) -> int:
    """How many numbers the tables of a group hold, its coordinates repeated in every row."""
    return sum(
        int(np.prod([dataset.sizes[dim] for dim in dims])) * (len(names) + len(dims))
        for dims, names in tables(dataset).items()
    )


def tables(dataset: xr.Dataset) -> dict[tuple[str, ...], list[str]]:
    """Names of the variables that make a table, by their dimensions."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, array in dataset.data_vars.items():
        found.setdefault(tuple(map(str, array.dims)), []).append(str(name))
    return found


def rows(variable: xr.Variable, written: Written) -> Iterator[np.ndarray]:
    """The numbers of a variable in blocks of some 32 MiB, in C order."""
    size = variable.nbytes
    if size <= _BLOCK or variable.ndim == 0:
        yield variable.values
        written(size)
        return
    each = size // variable.shape[0]
    if each > _BLOCK:
        for number in range(variable.shape[0]):
            yield from rows(variable[number], written)
        return
    count = _BLOCK // each
    for first in range(0, variable.shape[0], count):
        yield variable[first : first + count].values
        written(each * min(count, variable.shape[0] - first))


def pieces(variable: xr.Variable, written: Written) -> Iterator[tuple[tuple[slice, ...], np.ndarray]]:
    """The numbers of a variable as they are stored, piece by piece, each read once, with their places."""
    stored = variable.encoding.get("shards") or variable.encoding.get("chunks") or variable.shape
    if variable.nbytes <= _BLOCK:
        stored = variable.shape
    starts = (range(0, length, max(1, piece)) for length, piece in zip(variable.shape, stored, strict=True))
    for corner in product(*starts):
        place = tuple(
            slice(first, min(first + piece, length))
            for first, piece, length in zip(corner, stored, variable.shape, strict=True)
        )
        values = variable[place].values
        yield place, values
        written(values.nbytes)


def is_text(variable: xr.Variable) -> bool:
    """Whether it holds texts."""
    return variable.dtype.kind in "OUT"


@contextmanager
def _as_a_whole(target: Path) -> Iterator[Path]:
    """A place to write to, which takes the place of the target when all went well."""
    partial = target.with_name(f".{target.name}.{uuid4().hex}{PARTIAL}")
    try:
        yield partial
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(partial, target)
    except OSError as error:
        raise ExportError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Whether it may be from an earlier export as tables."""
    return path.is_file() and (path.suffix == ".csv" or path.name == "attributes.json")


def _below(path: str, group: str) -> bool:
    return f"{path}/".startswith(f"{group.strip('/')}/")
