"""What `oscillo run` does: a spec becomes a run on disk, which can be stopped, resumed and evaluated again."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from oscillo.network import Network
from oscillo.plan import recording_bytes
from oscillo.recording import (
    MetricsLog,
    RecordingError,
    Run,
    RunDirectory,
    RunDirectoryError,
    TrajectoryStore,
    open_run,
    provenance,
    read_metrics,
    truncate_after,
)
from oscillo.recording.run_directory import State
from oscillo.runspec import LoadedSpec, RunSpec, read_spec
from oscillo.spec import SpecError, SpecProblem, spec_hash, to_yaml
from oscillo.summary import show_results
from oscillo.training import Checkpoints, Interrupted, Interruption, Task, Trainer, evaluate
from oscillo.training.evaluation import metric_names
from oscillo.training.hardware import choose_device, missing_for_compiling, return_freed_memory
from oscillo.training.progress import report
from oscillo.training.weights import load_weights, save_weights

WEIGHTS = "weights.safetensors"


class RunFailed(RuntimeError):
    """A run ended before its end; `run.json` has the reason, and what was committed is intact.

    Attributes:
        path: the run.
        exit_code: 2 when it could not even begin (unusable data, weights that do not fit, no such device), else 1.
    """

    def __init__(self, path: Path, reason: str, exit_code: int = 1) -> None:
        super().__init__(reason)
        self.path, self.exit_code = path, exit_code


class RunInterrupted(RuntimeError):
    """A run was stopped by the user or the system and can be resumed.

    Attributes:
        path: the run.
        exit_code: 128 plus the number of the signal.
    """

    def __init__(self, path: Path, cause: Interrupted) -> None:
        super().__init__(f"interrupted; to go on: oscillo resume {path}")
        self.path, self.exit_code = path, cause.exit_code


def run(
    spec: str | os.PathLike[str] | Mapping[str, Any] | LoadedSpec, overrides: Iterable[str] = (),
    *, runs: str | os.PathLike[str] = "runs",
) -> Run:  # fmt: skip
    """Train, evaluate and record as a spec declares.

    Args:
        spec: path of a YAML file, the same as nested mappings, or a spec that was read.
        overrides: changes such as `training.epochs=5`.
        runs: folder of all runs; the new one is `<runs>/<name>/<id>`.

    Returns:
        The run, as `open_run` gives it.

    Raises:
        SpecError: when the spec is wrong; nothing has run.
        RunDirectoryError: when the folder cannot be written; nothing has run.
        RunFailed: when the run ended early, with its path.
        RunInterrupted: after Ctrl-C or SIGTERM, with its path; `resume` goes on.
    """
    loaded = spec if isinstance(spec, LoadedSpec) else read_spec(spec, overrides)
    return _execute(_new_directory(loaded, Path(runs)), loaded.spec)


def resume(path: str | os.PathLike[str]) -> Run:
    """Go on with a run that was interrupted or killed, as if it had not been.

    Raises:
        RunDirectoryError: when the path is not a run, or another process has it.
        RunFailed, RunInterrupted: as `run`.
    """
    directory = RunDirectory.open(Path(path))
    return _execute(directory, _own_spec(directory).spec)


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
    weights = trained.path / WEIGHTS
    if not weights.is_file():
        raise RunDirectoryError(
            f"{path} has no {WEIGHTS}: its training has not ended (state: {trained.state}); oscillo resume {path}"
        )
    loaded = _own_spec(trained, [*overrides, *_only(trained, tuple(only))])
    parent = trained.path.resolve()
    runs = parent.parents[1]
    if runs.is_relative_to(Path.cwd()):
        runs = runs.relative_to(Path.cwd())
    return _execute(_new_directory(loaded, runs, parent=str(parent)), loaded.spec)


def _only(directory: RunDirectory, names: tuple[str, ...]) -> list[str]:
    """Overrides that leave only the evaluations of those names."""
    if not names:
        return []
    known = [evaluation.name for evaluation in _own_spec(directory).spec.task.evaluation_specs]
    if unknown := [name for name in names if name not in known]:
        raise RunDirectoryError(f"{directory.path} has no evaluation {', '.join(unknown)}; it has {', '.join(known)}")
    left_out = [number for number, name in enumerate(known) if name not in names]
    return [f"~task.evaluations.{number}" for number in reversed(left_out)]


def _own_spec(directory: RunDirectory, overrides: Iterable[str] = ()) -> LoadedSpec:
    return read_spec(directory.spec, overrides)


def _new_directory(loaded: LoadedSpec, runs: Path, **facts: Any) -> RunDirectory:
    """The folder of a new run; its spec names the copies of the plugins that it keeps."""
    spec = loaded.spec
    if missing := _missing(spec, trained="parent" in facts):
        raise SpecError.at(loaded.document, missing)
    copies = [f"spec.src/{plugin.file.name}" for plugin in loaded.plugins]
    text = to_yaml(spec.model_copy(update={"plugins": copies}))
    device, expected = _foreseen(spec)
    origin = provenance(
        spec_yaml=text, seed=spec.seed, device=str(device), plugins=[plugin.file for plugin in loaded.plugins]
    )
    return RunDirectory.create(
        runs, spec.name, spec_yaml=text, sources=loaded.sources, provenance={**origin, **facts},
        bytes_expected=expected,
    )  # fmt: skip


def _missing(spec: RunSpec, *, trained: bool) -> list[SpecProblem]:
    """Files that the run needs and that are not there; one that is trained already needs fewer."""
    found = [SpecProblem(("task", *place), text) for place, text in spec.task.missing(training=not trained)]
    start = spec.training.start
    if not trained and start not in ("scratch", "shipped") and not Path(start).is_file():
        text = f"there is no file {start} (from {Path.cwd()}); take `scratch`, `shipped` or a .safetensors file"
        found.append(SpecProblem(("training", "start"), text))
    return found


def _foreseen(spec: RunSpec) -> tuple[torch.device, int]:
    """The device and the bytes the run will write, or why it cannot be: no such device, a data file of another kind."""
    try:
        return choose_device(spec.device), recording_bytes(spec)
    except ValueError as error:
        raise RunDirectoryError(f"no run was made: {error}") from error


def _execute(directory: RunDirectory, spec: RunSpec) -> Run:
    with directory.locked(), Interruption() as interruption:
        exit_code = 2
        try:
            directory.set_state("running")
            with interruption.at_once():
                execution = _Execution(directory, spec, interruption)
            exit_code = 1
            execution.execute()
            directory.set_state("done")
        except (Interrupted, KeyboardInterrupt):
            cause = Interrupted(interruption.signal or signal.SIGINT)
            _record_end(directory, "interrupted", str(cause))
            raise RunInterrupted(directory.path, cause) from None
        except (ValueError, OSError, RecordingError, FloatingPointError, torch.OutOfMemoryError) as error:
            reason = str(error) or type(error).__name__
            _record_end(directory, "failed", reason)
            raise RunFailed(directory.path, reason, exit_code) from error
        except BaseException as error:
            _record_end(directory, "failed", f"{type(error).__name__}: {error}")
            error.add_note(f"the run is\n{directory.path}")
            raise
    return open_run(directory.path)


def _record_end(directory: RunDirectory, state: State, reason: str) -> None:
    """Record how a run ended; what ended it (a full disk) may forbid even that, and is told in any case."""
    with suppress(RunDirectoryError):
        directory.set_state(state, reason)


class _Execution:
    """One pass through a run, from wherever it stands to its end.

    Raises:
        ValueError, OSError, RecordingError: when the run cannot begin; the message says why.
    """

    def __init__(self, directory: RunDirectory, spec: RunSpec, interruption: Interruption) -> None:
        self.directory, self.spec, self.interruption = directory, spec, interruption
        report(f"run {directory.path}")
        self.device = choose_device(spec.device)
        return_freed_memory()
        if spec.threads:
            torch.set_num_threads(spec.threads)
        torch.manual_seed(spec.seed)
        self.task: Task = spec.task.build(spec.network, spec.seed)
        self.model = self.task.model().to(self.device)
        for line in compile_steps(self.model, spec):
            report(line)
        self.checkpoints = Checkpoints(directory.checkpoints, spec.training.keep_checkpoints)
        self.weights = directory.path / WEIGHTS
        self.saved: dict[str, Any] | None = None
        self._take_up()

    def _take_up(self) -> None:
        """Data and weights, from wherever the run stands."""
        parent = self.directory.record().get("parent")
        if parent and not self.weights.is_file():
            copy_whole(Path(parent) / WEIGHTS, self.weights)
        if self.weights.is_file():
            load_weights(self.model, self.weights)
            self.task.prepare_evaluations(report)
            return
        self.saved = self.checkpoints.load(self.device)
        if self.saved is None and (start := start_weights(self.spec, self.task)):
            load_weights(self.model, start)
        self.task.prepare(report)
        training, samples = self.spec.training, len(self.task.training_data())
        if (training.steps or training.epochs) and samples < training.batch_size:
            raise ValueError(
                f"training.batch_size is {training.batch_size}, and there are only {samples} training samples"
            )

    def execute(self) -> None:
        """Train what is not trained yet, evaluate what is not evaluated yet, draw the figures."""
        if not self.weights.is_file():
            self._train(self.model)
            self.interruption.check()
            load_weights(self.model, self.weights)
        results = self._evaluate(self.model)
        self._draw()
        show_results(results)

    def _train(self, model: nn.Module) -> None:
        spec, saved, checkpoints = self.spec.training, self.saved, self.checkpoints
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
            trainer.run(self.task.training_data())
        final = trainer.ema.average if trainer.ema else model.state_dict()
        parts = {"network": self.spec.network, "task": self.spec.task}
        facts = {name: part.model_dump_json() for name, part in parts.items()} | {"spec": spec_hash(self.spec)}
        save_weights(final, self.weights, facts)

    def _look(self, model: nn.Module, trainer: Trainer) -> dict[str, float]:
        """Metrics of the averaged weights on the first samples of the first evaluation."""
        evaluations = self.spec.task.evaluation_specs
        if not evaluations:
            return {}
        first, limit = evaluations[0], self.spec.training.validation_samples
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
                done = [line for line in lines if any(name.startswith(prefix) for name in line)]
                if done:
                    results[evaluation.name] = {
                        name.removeprefix(prefix): value for name, value in done[-1].items() if name.startswith(prefix)
                    }
                    continue
                with TrajectoryStore(self.directory.data, {"spec_sha256": spec_hash(self.spec)}) as store:
                    found = evaluate(
                        self.task, model, evaluation, self.task.evaluation_data(evaluation), seed=self.spec.seed,
                        precision=self.spec.precision, recording=self.spec.recording, store=store,
                        check=self.interruption.check, title=f"evaluating {evaluation.name}",
                    )  # fmt: skip
                network: Network = model.network  # pyright: ignore[reportAssignmentType]
                found["steps"] = float(network.steps_of(evaluation.steps)[-1])
                results[evaluation.name] = found
                log.write(steps, metric_names(evaluation.name, found))
        return results

    def _draw(self) -> None:
        from oscillo.plotting import save_figure

        for name, figure in self.task.figures(open_run(self.directory.path)).items():
            save_figure(figure, self.directory.figures / f"{name}.png")


def compile_steps(model: nn.Module, spec: RunSpec) -> list[str]:
    """Have the network's steps compiled as the spec says, and say so.

    Raises:
        ValueError: when the spec insists and this machine cannot.
    """
    if spec.compile == "off":
        return ["steps run uncompiled (compile: off)"]
    if lacking := missing_for_compiling():
        if spec.compile == "on":
            raise ValueError(f"steps cannot be compiled: {lacking}; or take `compile: auto`")
        return [f"steps run uncompiled, which is slower: {lacking}"]
    network: Network = model.network  # pyright: ignore[reportAssignmentType]
    compiled = network.compile_steps()
    return [f"steps of {', '.join(compiled)} are compiled when first taken (up to a minute)"] if compiled else []


def start_weights(spec: RunSpec, task: Task) -> Path | None:
    """File of the weights to start from, or None to start from scratch.

    Raises:
        ValueError: when none are shipped.
    """
    start = spec.training.start
    if start == "scratch":
        return None
    if start == "shipped":
        if (shipped := task.shipped_weights()) is None:
            raise ValueError("training.start: no weights are shipped for this task; take `training.start=scratch`")
        return shipped
    return Path(start)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    fresh = target.with_suffix(".new")
    shutil.copyfile(source, fresh)
    fresh.replace(target)
