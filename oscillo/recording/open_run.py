"""Reading runs: `oscillo.open_run("runs/sudoku/20261121-200000-a1b2c3")`, `oscillo.open_run("runs/sudoku/*")`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any, overload

from oscillo.recording.errors import RunDirectoryError
from oscillo.recording.run import Run
from oscillo.recording.run_directory import RunDirectory, find_runs
from oscillo.recording.runs import Runs

Place = str | os.PathLike[str]


@overload
def open_run(path: Sequence[Place]) -> Runs: ...
# Only who writes the path knows what it is, and should not have to ask for the type; a list is always `Runs`.
@overload
def open_run(path: Place) -> Run | Any: ...
def open_run(path: Place | Sequence[Place]) -> Run | Runs | Any:
    """Open a run for reading, or many, whether they go on, have ended or were killed.

    Args:
        path: folder of a run, for a `Run`. For `Runs`: a folder that holds runs, such as `runs`; a pattern, such as
            `runs/kuramoto/2026*`, also when one run fits; or a list of any of these. The runs that a sweep is made of
            are opened by the pattern `<sweep>/points/*`.

    Raises:
        RunDirectoryError: when there is no run, or one of several is damaged.
    """
    if isinstance(path, str | os.PathLike):
        folder = Path(path)
        if not _is_pattern(folder) and not _holds_runs(folder):
            return Run(RunDirectory.open(folder))
        path = [path]
    return Runs(map(Run, _directories(path)))


def _directories(places: Iterable[Place]) -> Iterable[RunDirectory]:
    """The runs at some places, each once."""
    found: dict[Path, RunDirectory] = {}
    for place in places:
        here = _at(Path(place))
        if not here:
            raise RunDirectoryError(f"there is no run in {place}; `oscillo list DIR` shows those there are")
        found |= {run.path.resolve(): run for run in here}
    if not found:
        raise RunDirectoryError("there is no run to open: the list of paths is empty")
    return map(_sound, found.values())


def _at(place: Path) -> list[RunDirectory]:
    if _is_pattern(place):
        folders = [Path(match) for match in glob(str(place), recursive=True)]
        runs = [run for folder in sorted(folders) if folder.is_dir() for run in find_runs(folder)]
        return sorted(runs, key=lambda run: run.path.name)
    return find_runs(place) if _holds_runs(place) else [RunDirectory.open(place)]


def _is_pattern(place: Path) -> bool:
    return has_magic(str(place)) and not place.exists()


def _holds_runs(place: Path) -> bool:
    """Whether it is a folder and not itself a run, be it a damaged one."""
    directory = RunDirectory(place)
    return place.is_dir() and not directory.record_file.exists() and not directory.spec.exists()


def _sound(directory: RunDirectory) -> RunDirectory:
    """One of several runs, which can be read.

    Raises:
        RunDirectoryError: when it is damaged.
    """
    try:
        directory = RunDirectory.open(directory.path)
        directory.record()
    except RunDirectoryError as error:
        raise RunDirectoryError(f"{error} (to leave it out, open the others by a list of their paths)") from error
    return directory
