"""Removing what a run can be without: states over time, and checkpoints."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from oscillo.recording.commit_record import CommitRecord, restore
from oscillo.recording.disk_use import disk_use
from oscillo.recording.errors import PruningError, RunDirectoryError, StoreError
from oscillo.recording.provenance import now
from oscillo.recording.run_directory import POINTS, RunDirectory, find_runs
from oscillo.recording.store_files import DOCUMENT, files_at

_TIME = {"time", "step"}
_OSCILLATORS = re.compile(r"y|x|site\d+|oscillator")


@dataclass(frozen=True)
class Pruning:
    """What would be removed from a run.

    Attributes:
        directory: of the run.
        arrays: paths of arrays in the store, such as `states/phase`.
        nbytes: bytes on disk.
        checkpoints: whether these go too.
        objection: why nothing is removed from this run; empty when something can be.
    """

    directory: RunDirectory
    arrays: tuple[str, ...] = ()
    nbytes: int = 0
    checkpoints: bool = False
    objection: str = ""

    @property
    def what(self) -> str:
        """The groups and files, for people."""
        groups = dict.fromkeys(path.rpartition("/")[0] for path in self.arrays)
        return ", ".join([*groups, *(["checkpoints"] if self.checkpoints else [])])


def prunings(path: Path, *, checkpoints: bool = False) -> list[Pruning]:
    """What could be removed from a run, or from all runs in a folder; those that a sweep is made of are among them.

    Removed is every array whose numbers grow with the oscillators and with time: states, trajectories, and what was
    observed of each oscillator at each time. Series, summaries, results, metrics and figures stay.

    Raises:
        RunDirectoryError: when there is no run.
    """
    directories = find_runs(path)
    if not directories:
        directories = [RunDirectory.open(path)]  # says why it is none
    parts = [part for directory in directories for part in find_runs(directory.path / POINTS)]
    return [_planned(directory, checkpoints) for directory in [*directories, *parts]]


def prune(pruning: Pruning) -> None:
    """Remove it; a run that is killed or read meanwhile stays whole.

    `run.json` is told first, then the store's record no longer lists the arrays, then their files go.

    Raises:
        PruningError: when the run is in use, is not done, or cannot be written.
    """
    directory = pruning.directory
    try:
        with directory.locked():
            if directory.record()["state"] != "done":
                raise PruningError(f"{directory.path}: {_UNFINISHED}")
            before = directory.record().get("pruned", {"removed": []})["removed"]
            removed = [*pruning.arrays, *(["checkpoints"] if pruning.checkpoints else [])]
            directory.note(pruned={"at": now(), "removed": list(dict.fromkeys([*before, *removed]))})
            files = files_at(directory.data)
            if files.get(DOCUMENT) is not None:
                record = CommitRecord.read(files)
                record.members = _kept(record.members)
                record.write(files)
                files.sweep()
                restore(files, record)
            if pruning.checkpoints:
                shutil.rmtree(directory.checkpoints, ignore_errors=True)
                directory.checkpoints.mkdir()
    except (OSError, RunDirectoryError) as error:
        raise PruningError(f"{directory.path} is not pruned: {error}") from error


_UNFINISHED = "it is not done and may be resumed, which needs all it has; resume it, or remove its folder"


def _planned(directory: RunDirectory, checkpoints: bool) -> Pruning:
    try:
        state = directory.state
        files = files_at(directory.data)
        record = None if files.get(DOCUMENT) is None else CommitRecord.read(files)
    except (RunDirectoryError, StoreError) as error:
        return Pruning(directory, objection=str(error))
    if directory.is_locked() or state != "done":
        return Pruning(directory, objection="it is in use" if directory.is_locked() else _UNFINISHED)
    arrays, size = (), 0
    if record is not None:
        kept = _kept(record.members)
        arrays = tuple(path for path in record.arrays if path not in kept)
        if isinstance(folder := directory.data, Path):  # elsewhere nobody knows
            documents = [folder / path / DOCUMENT for path in ("", *kept)]
            size, _ = disk_use(folder, {*documents, *(folder / p for p in record.arrays if p in kept)})
    has_checkpoints = checkpoints and any(directory.checkpoints.glob("*"))
    if has_checkpoints:
        size += disk_use(directory.checkpoints)[0]
    return Pruning(directory, arrays, size, has_checkpoints)


def _kept(members: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The documents that stay: arrays that do not grow with oscillators and time, and the coordinates of these."""
    dims = {path: set(doc["dimension_names"]) for path, doc in members.items() if doc["node_type"] == "array"}
    numbers = {path for path in dims if not _is_coordinate(path, members)}
    staying = {path for path in numbers if not _grows(dims[path])}
    used: dict[str, set[str]] = {}
    for path in staying:
        used.setdefault(_group(path), set()).update(dims[path])
    touched = {_group(path) for path in numbers - staying}
    staying |= {
        path for path in set(dims) - numbers
        if _group(path) not in touched or dims[path] <= used.get(_group(path), set())
    }  # fmt: skip
    full, emptied = _above(staying), _above(set(dims) - staying)
    return {
        path: dict(document) for path, document in members.items()
        if path in staying or (document["node_type"] == "group" and (path in full or path not in emptied))
    }  # fmt: skip


def _grows(dims: Collection[str]) -> bool:
    """Whether an array with these dimensions grows with time and with the oscillators."""
    return bool(_TIME & set(dims)) and any(map(_OSCILLATORS.fullmatch, dims))


def _is_coordinate(path: str, members: Mapping[str, Mapping[str, Any]]) -> bool:
    name = path.rpartition("/")[2]
    beside = members.get(_group(path), {}).get("attributes", {}).get("coordinates", "")
    return members[path]["dimension_names"] == [name] or name in str(beside).split()


def _group(path: str) -> str:
    return path.rpartition("/")[0]


def _above(paths: Iterable[str]) -> set[str]:
    return {str(parent) for path in paths for parent in PurePosixPath(path).parents}
