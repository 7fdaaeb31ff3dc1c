"""What `oscillo run` does: a spec becomes a run on disk, which can be stopped, resumed and evaluated again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from oscillo.learning import Learning
from oscillo.plan import room_bytes
from oscillo.preparation import WEIGHTS, Preparation, require, weights_of
from oscillo.recording import (
    Run,
    RunDirectory,
    RunDirectoryError,
    check_room,
    open_run,
)
from oscillo.running import Work, execute_work, new_directory, refusing
from oscillo.runspec import LoadedSpec, read_spec
from oscillo.simulation import Simulation
from oscillo.simulation.execution import execute, prepare
from oscillo.simulation.plan import room_bytes as simulation_room
from oscillo.spec import Problem, SpecError, SpecProblem, locating_failures
from oscillo.training import Checkpoints
from oscillo.training.progress import report


def run(
    spec: str | os.PathLike[str] | Mapping[str, Any] | LoadedSpec, overrides: Iterable[str] = (),
    *, runs: str | os.PathLike[str] = "runs",
) -> Run:  # fmt: skip
    """Train, evaluate and record as a spec declares.

    Args:
        spec: path of a YAML file, the same as nested mappings, or a spec that was read.
        overrides: changes such as `training.batch_size=50`.
        runs: folder of all runs; the new one is `<runs>/<name>/<id>`.

    Returns:
        The run, as `open_run` gives it.

    Raises:
        SpecError: when the spec is wrong, or asks for files, weights or a device that are not here.
        RunDirectoryError: when the folder cannot be written.
        RunFailed: when data are unusable, and no run was made; or when the run ended early, with its path.
        RunInterrupted: after Ctrl-C or SIGTERM, with the run's path; `resume` goes on. While weights and data are
            still prepared there is no run, and Ctrl-C is a KeyboardInterrupt as anywhere.
    """
    loaded = spec if isinstance(spec, LoadedSpec) else read_spec(spec, overrides)
    if loaded.spec.sweep is not None:
        words = "this spec declares a sweep, which `oscillo sweep` makes; for a single run leave it out: `~sweep`"
        raise SpecError.at(loaded.document, [SpecProblem(("sweep",), words)])
    return _begin(loaded, Path(runs))


def run_in(folder: Path, spec: Path, stop: Path) -> Run:
    """Run the spec of a file as a part of something larger, or go on with it; it draws nothing, and shows no table.

    Args:
        folder: of the run.
        spec: file of its spec.
        stop: file whose presence interrupts it.

    Raises:
        SpecError, RunFailed, RunInterrupted: as `run`.
    """
    if RunDirectory(folder).record_file.is_file():
        return resume(folder, stop=stop)
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed before it had begun
    return _begin(read_spec(spec), folder.parent, folder=folder, stop=stop)


def resume(path: str | os.PathLike[str], *, stop: Path | None = None) -> Run:
    """Go on with a run that was interrupted or killed, as if it had not been; one that is done stays as it is.

    Args:
        path: folder of the run.
        stop: of a part of something larger, the file whose presence interrupts it.

    Raises:
        SpecError: when its spec asks for files or a device that are not here any more; the run stays as it was.
        RunDirectoryError: when the path is not a run, or another process has it.
        RunFailed, RunInterrupted: as `run`.
    """
    directory = RunDirectory.open(Path(path))
    if directory.state == "done":
        report(f"{directory.path} is done already: metrics.jsonl, data.zarr and figures in it hold its results")
        return open_run(directory.path)
    loaded = _own_spec(directory)
    with directory.locked():
        weights, checkpoints = _trained_weights(directory), _checkpoints(directory, loaded)
        with locating_failures(loaded.spec, loaded.document), refusing(directory.path):
            require(loaded, trained=weights is not None, begun=bool(checkpoints.files()))
            if not loaded.spec.task.learns:
                simulation = prepare(loaded)
                simulation.load(checkpoints)
                work = _simulating(directory, loaded, simulation, alone=stop is None)
            else:
                ready = Preparation(loaded, weights=weights, checkpoints=checkpoints)
                work = _learning(directory, ready, checkpoints, alone=stop is None)
        return execute_work(directory, work, stop)


def reevaluate(path: str | os.PathLike[str], overrides: Iterable[str] = (), *, only: Iterable[str] = ()) -> Run:
    """Evaluate a trained run again, with other steps, data or integrator, and without training.

    The results become a run of their own, beside the first one, with a copy of its weights.

    Args:
        path: the trained run.
        overrides: changes to its spec, such as `task.evaluations.1.steps=128`.
        only: names of the evaluations to do; none for all.

    Raises:
        SpecError: when the changed spec is wrong.
        RunDirectoryError: when the path is not a run that has been trained.
        RunFailed, RunInterrupted: as `run`.
    """
    trained = RunDirectory.open(Path(path))
    task = _own_spec(trained).spec.task
    if not task.learns:
        again = f"oscillo run {trained.spec}"
        raise RunDirectoryError(f"{trained.path} is a simulation, with nothing to evaluate; to run it again: {again}")
    weights = weights_of(trained)
    known = [evaluation.name for evaluation in task.evaluation_specs]
    names = tuple(only) or known
    if unknown := [name for name in names if name not in known]:
        raise RunDirectoryError(f"{trained.path} has no evaluation {', '.join(unknown)}; it has {', '.join(known)}")
    kept = [number for number, name in enumerate(known) if name in names]
    left_out = [f"~task.evaluations.{number}" for number in reversed(range(len(known))) if number not in kept]
    parent = trained.path.resolve()
    runs = parent.parents[1]
    if runs.is_relative_to(Path.cwd()):
        runs = runs.relative_to(Path.cwd())
    with _numbered(kept):
        return _begin(_own_spec(trained, [*overrides, *left_out]), runs, weights, parent=str(parent))


@contextmanager
def _numbered(kept: Sequence[int]) -> Iterator[None]:
    """Tell what is wrong with evaluations by their numbers in the whole list, of which only some are kept."""
    try:
        yield
    except SpecError as error:
        raise SpecError(_renumbered(problem, kept) for problem in error.problems) from None


def _renumbered(problem: Problem, kept: Sequence[int]) -> Problem:
    match problem.path:
        case ("task", "evaluations", int(number), *rest) if number < len(kept):
            return replace(problem, path=("task", "evaluations", kept[number], *rest))
    return problem


def _own_spec(directory: RunDirectory, overrides: Iterable[str] = ()) -> LoadedSpec:
    return read_spec(directory.spec, overrides)


def _trained_weights(directory: RunDirectory) -> Path | None:
    """File of the weights when nothing is left to train; an evaluation that was killed early has only its parent's."""
    if (own := directory.path / WEIGHTS).is_file():
        return own
    parent = directory.record().get("parent")
    return weights_of(RunDirectory.open(parent)) if parent else None


def _checkpoints(directory: RunDirectory, loaded: LoadedSpec) -> Checkpoints:
    kept = loaded.spec.trained.keep_checkpoints if loaded.spec.training else 2
    return Checkpoints(directory.checkpoints, kept)


def _begin(
    loaded: LoadedSpec, runs: Path, weights: Path | None = None, *, folder: Path | None = None,
    stop: Path | None = None, **facts: Any,
) -> Run:  # fmt: skip
    """Make a run when all it needs is there, and execute it; with weights it only evaluates."""
    with locating_failures(loaded.spec, loaded.document), refusing():
        require(loaded, trained=weights is not None)
        if not loaded.spec.task.learns:
            check_room(runs, simulation_room(loaded.spec))
            simulation = prepare(loaded)
            directory = new_directory(loaded, simulation.device, runs, folder, **facts)
            work = _simulating(directory, loaded, simulation, alone=stop is None)
        else:
            check_room(runs, room_bytes(loaded.spec))
            ready = Preparation(loaded, weights=weights)
            directory = new_directory(loaded, ready.device, runs, folder, **facts)
            work = _learning(directory, ready, _checkpoints(directory, loaded), alone=stop is None)
    with directory.locked():
        return execute_work(directory, work, stop)


def _learning(directory: RunDirectory, ready: Preparation, checkpoints: Checkpoints, *, alone: bool) -> Work:
    return lambda interruption: Learning(directory, ready, checkpoints, interruption).execute(alone=alone)


def _simulating(directory: RunDirectory, loaded: LoadedSpec, simulation: Simulation, *, alone: bool) -> Work:
    sha256 = directory.record()["spec_sha256"]
    return lambda interruption: execute(directory, loaded.spec, simulation, interruption.check, sha256, alone=alone)
