"""What `oscillo run` does: a spec becomes a run on disk, which can be stopped, resumed and evaluated again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from oscillo.evaluation import Parts, block_samples, evaluate, metric_names
from oscillo.evaluation.during_training import TrainingRecord
from oscillo.evaluation.operations import operations
from oscillo.plan import room_bytes
from oscillo.preparation import WEIGHTS, Preparation, require, weights_of
from oscillo.recording import (
    MetricsLog,
    Run,
    RunDirectory,
    RunDirectoryError,
    TrajectoryStore,
    check_room,
    open_run,
    read_metrics,
    truncate_after,
)
from oscillo.running import Work, execute_work, new_directory, refusing
from oscillo.runspec import LoadedSpec, read_spec
from oscillo.simulation import Simulation
from oscillo.simulation.execution import execute, prepare
from oscillo.simulation.plan import room_bytes as simulation_room
from oscillo.spec import Problem, SpecError, SpecProblem, locating_failures
from oscillo.summary import show_results
from oscillo.training import Checkpoints, EvaluationSpec, Interruption, Trainer
from oscillo.training.progress import report
from oscillo.training.weights import load_weights, save_weights

PARTS = "evaluating"
"""Folder of samples that are evaluated while others of the same evaluation are not."""


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
    return lambda interruption: _Execution(directory, ready, checkpoints, interruption).execute(alone=alone)


def _simulating(directory: RunDirectory, loaded: LoadedSpec, simulation: Simulation, *, alone: bool) -> Work:
    sha256 = directory.record()["spec_sha256"]
    return lambda interruption: execute(directory, loaded.spec, simulation, interruption.check, sha256, alone=alone)


class _Execution:
    """One pass through a run, from wherever it stands to its end."""

    def __init__(
        self, directory: RunDirectory, ready: Preparation, checkpoints: Checkpoints, interruption: Interruption
    ) -> None:
        self.directory, self.ready, self.checkpoints, self.interruption = directory, ready, checkpoints, interruption
        self.spec, self.task = ready.spec, ready.task
        self.weights = directory.path / WEIGHTS
        # Of the run's own spec, in which plugins are the copies it keeps: the same when it is resumed.
        self.spec_sha256: str = directory.record()["spec_sha256"]

    def execute(self, *, alone: bool = True) -> None:
        """Train what is not trained yet, evaluate what is not evaluated yet; a run that stands alone shows it all."""
        report(f"run {self.directory.path}")
        model, trained = self.ready.model, self.ready.weights
        if trained is None:
            self._train(model)
            self.interruption.check()
            load_weights(model, self.weights)
        elif not self.weights.is_file():
            _copy_whole(trained, self.weights)
        results = self._evaluate(model)
        if alone:
            self._draw()
            show_results(self.spec.task.evaluation_specs, results)

    def _train(self, model: nn.Module) -> None:
        spec, saved, checkpoints = self.spec.trained, self.ready.saved, self.checkpoints
        if self.directory.metrics.is_file():
            truncate_after(self.directory.metrics, saved["step"] if saved else 0)
        with MetricsLog(self.directory.metrics) as log:
            trainer = Trainer(
                self.task, model, spec, seed=self.spec.seed, precision=self.spec.precision, checkpoints=checkpoints,
                log=log, interruption=self.interruption,
            )  # fmt: skip
            trainer.validate = lambda: self._look(model, trainer)
            if saved is not None:
                trainer.load_state_dict(saved)
                report(f"going on after {trainer.step} optimiser steps")
            if spec.trains:
                data = self.task.training_data()
                with self._recorded(model, trainer, len(data)):
                    trainer.run(data)
        final = trainer.ema.average if trainer.ema else model.state_dict()
        parts = {"network": self.spec.network, "task": self.spec.task}
        facts = {name: part.model_dump_json() for name, part in parts.items()} | {"spec_sha256": self.spec_sha256}
        save_weights(final, self.weights, facts)

    @contextmanager
    def _recorded(self, model: nn.Module, trainer: Trainer, samples: int) -> Iterator[None]:
        """Have the trainer watched, where the spec asks for a record of the training and there is some of it left."""
        recording, evaluations = self.spec.recording, self.spec.task.evaluation_specs
        total = trainer.total_steps(samples)
        if recording.training is None or trainer.finished or trainer.step >= total:
            yield
            return
        data, per_epoch = self.task.evaluation_data(evaluations[0]), max(1, samples // self.spec.trained.batch_size)
        record = TrainingRecord(
            self.task, model.network, evaluations[0], recording, len(data),  # pyright: ignore[reportArgumentType]
            epochs=total // per_epoch, per_epoch=per_epoch,
        )  # fmt: skip
        with self._store() as store:
            record.start(store, trainer.step)

            def watch(step: int) -> None:
                if record.due(step):
                    with trainer.ema.applied(model) if trainer.ema else nullcontext():
                        record.take(store, model, data, step, seed=self.spec.seed, precision=self.spec.precision)

            trainer.watch = watch
            yield

    def _store(self) -> TrajectoryStore:
        """The store of the run."""
        facts, recording = {"spec_sha256": self.spec_sha256}, self.spec.recording
        return TrajectoryStore(self.directory.data, facts, fsync=recording.fsync)

    def _look(self, model: nn.Module, trainer: Trainer) -> dict[str, float]:
        """Metrics of the averaged weights on the first samples of the first evaluation."""
        evaluations = self.spec.task.evaluation_specs
        if not evaluations:
            return {}
        first, limit = evaluations[0], self.spec.trained.validation_samples
        data = self.task.evaluation_data(first)

        def look() -> dict[str, float]:
            found = evaluate(
                self.task, model, first, data, seed=self.spec.seed, precision=self.spec.precision, limit=limit
            )
            return {name: value for name, value in found.items() if "/" not in name}

        if trainer.ema is None:
            return look()
        with trainer.ema.applied(model):
            return look()

    def _evaluate(self, model: nn.Module) -> dict[str, dict[str, float]]:
        """Metrics of all evaluations, by name."""
        lines = read_metrics(self.directory.metrics) if self.directory.metrics.is_file() else []
        steps = max((line["step"] for line in lines), default=0)
        results: dict[str, dict[str, float]] = {}
        with MetricsLog(self.directory.metrics) as log:
            for evaluation in self.spec.task.evaluation_specs:
                prefix = f"{evaluation.name}/"
                parts = Parts(self.directory.path / PARTS / evaluation.name)
                done = [line for line in lines if any(name.startswith(prefix) for name in line)]
                if done:
                    report(f"{evaluation.name}: done before")
                    results[evaluation.name] = {
                        name.removeprefix(prefix): value for name, value in done[-1].items() if name.startswith(prefix)
                    }
                    parts.remove()  # a kill between the last two lines below leaves them
                    continue
                found = self._evaluate_one(model, evaluation, parts)
                results[evaluation.name] = found
                log.write(steps, metric_names(evaluation.name, found))
                parts.remove()
        return results

    def _evaluate_one(self, model: nn.Module, evaluation: EvaluationSpec, parts: Parts) -> dict[str, float]:
        """Metrics of one evaluation, which is recorded."""
        data = self.task.evaluation_data(evaluation)
        if kept := parts.kept(block_samples(evaluation), len(data)):
            report(f"{evaluation.name}: going on after {kept} of {len(data)} samples")
        with self._store() as store:
            found = evaluate(
                self.task, model, evaluation, data, seed=self.spec.seed,
                precision=self.spec.precision, recording=self.spec.recording, store=store, parts=parts,
                cost=operations(self.task, self.task.model(), evaluation.steps), check=self.interruption.check,
                title=f"evaluating {evaluation.name}",
            )  # fmt: skip
        if store.slow_disk:
            report(store.slow_disk)
        return found

    def _draw(self) -> None:
        from oscillo.plotting import save_figure

        for name, figure in self.task.figures(open_run(self.directory.path)).items():
            save_figure(figure, self.directory.figures / f"{name}.png")


def _copy_whole(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    fresh = target.with_suffix(".new")
    shutil.copyfile(source, fresh)
    fresh.replace(target)
