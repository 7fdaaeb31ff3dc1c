"""What `oscillo run` does: a spec becomes a run on disk, which can be stopped, resumed and evaluated again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
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
from oscillo.runspec import LoadedSpec, RunSpec, read_spec
from oscillo.spec import SpecError, SpecProblem, spec_hash, to_yaml
from oscillo.summary import show_results
from oscillo.training import Checkpoints, Interrupted, Interruption, Task, Trainer, evaluate
from oscillo.training.evaluation import metric_names
from oscillo.training.hardware import choose_device, missing_for_compiling
from oscillo.training.progress import report

WEIGHTS = "weights.safetensors"


class RunFailed(RuntimeError):
    """A run ended before its end; `run.json` has the reason, and what was committed is intact.

    Attributes:
        path: the run.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


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
    directory = RunDirectory.open(path)
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
    trained = RunDirectory.open(path)
    weights = trained.path / WEIGHTS
    if not weights.is_file():
        raise RunDirectoryError(
            f"{path} has no {WEIGHTS}: its training has not ended (state: {trained.state}); oscillo resume {path}"
        )
    loaded = _own_spec(trained, [*overrides, *_only(trained, tuple(only))])
    directory = _new_directory(loaded, trained.path.parents[1], parent=str(trained.path))
    (directory.path / WEIGHTS).write_bytes(weights.read_bytes())
    return _execute(directory, loaded.spec)


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
    if missing := spec.task.missing():
        raise SpecError.at(loaded.document, [SpecProblem(("task", *place), text) for place, text in missing])
    copies = [f"spec.src/{plugin.file.name}" for plugin in loaded.plugins]
    text = to_yaml(spec.model_copy(update={"plugins": copies}))
    device = _device(spec)
    origin = provenance(
        spec_yaml=text, seed=spec.seed, device=str(device), plugins=[plugin.file for plugin in loaded.plugins]
    )
    return RunDirectory.create(
        runs, spec.name, spec_yaml=text, sources=loaded.sources, provenance={**origin, **facts},
        bytes_expected=recording_bytes(spec),
    )  # fmt: skip


def _device(spec: RunSpec) -> torch.device:
    try:
        return choose_device(spec.device)
    except ValueError as error:
        raise RunDirectoryError(str(error)) from error


def _execute(directory: RunDirectory, spec: RunSpec) -> Run:
    with directory.locked():
        directory.set_state("running")
        try:
            with Interruption() as interruption:
                _Execution(directory, spec, interruption).execute()
        except Interrupted as cause:
            directory.set_state("interrupted", str(cause))
            raise RunInterrupted(directory.path, cause) from None
        except KeyboardInterrupt:
            directory.set_state("interrupted", "SIGINT")
            raise
        except (ValueError, OSError, RecordingError, FloatingPointError, torch.OutOfMemoryError) as error:
            reason = str(error) or type(error).__name__
            directory.set_state("failed", reason)
            raise RunFailed(directory.path, reason) from error
        except BaseException as error:
            directory.set_state("failed", f"{type(error).__name__}: {error}")
            raise
        directory.set_state("done")
    return open_run(directory.path)


class _Execution:
    """One pass through a run, from wherever it stands to its end."""

    def __init__(self, directory: RunDirectory, spec: RunSpec, interruption: Interruption) -> None:
        self.directory, self.spec, self.interruption = directory, spec, interruption
        self.device = _device(spec)
        if spec.threads:
            torch.set_num_threads(spec.threads)
        self.task: Task = spec.task.build(spec.network, spec.seed)
        self.weights = directory.path / WEIGHTS

    def execute(self) -> None:
        """Train what is not trained yet, evaluate what is not evaluated yet, draw the figures."""
        report(f"run {self.directory.path}")
        torch.manual_seed(self.spec.seed)
        model = self.task.model().to(self.device)
        for line in compile_steps(model, self.spec):
            report(line)
        if self.weights.is_file():
            self.task.prepare_evaluations(report)
        else:
            self._train(model)
            self.interruption.check()
        load_weights(model, self.weights)
        results = self._evaluate(model)
        self._draw()
        show_results(results)

    def _train(self, model: nn.Module) -> None:
        spec = self.spec.training
        self.task.prepare(report)
        checkpoints = Checkpoints(self.directory.checkpoints, spec.keep_checkpoints)
        saved = checkpoints.load(self.device)
        if saved is None:
            if start := start_weights(self.spec, self.task):
                load_weights(model, start)
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
        save_weights(final, self.weights, self.spec)

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
                store = TrajectoryStore(self.directory.data, {"spec_sha256": spec_hash(self.spec)})
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
        ValueError: when there are none.
    """
    start = spec.training.start
    if start == "scratch":
        return None
    if start == "shipped":
        if (shipped := task.shipped_weights()) is None:
            raise ValueError("training.start: no weights are shipped for this task; take `training.start=scratch`")
        return shipped
    if not Path(start).is_file():
        raise ValueError(f"training.start: there is no file {start}; take `scratch`, `shipped` or a .safetensors file")
    return Path(start)


def save_weights(weights: Mapping[str, torch.Tensor], path: Path, spec: RunSpec) -> None:
    """Write weights, with the declarations of network and task in their metadata, whole or not at all."""
    fresh = path.with_suffix(".new")
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    facts = {"network": spec.network.model_dump_json(), "task": spec.task.model_dump_json(), "spec": spec_hash(spec)}
    save_file(tensors, fresh, metadata=facts)
    fresh.replace(path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Take up weights from a file.

    Raises:
        ValueError: when the file cannot be read or belongs to another network.
    """
    try:
        weights = load_file(path)
    except Exception as error:
        raise ValueError(f"{path} cannot be read as weights: {error}") from error
    own = model.state_dict()
    wrong = sorted({*own} ^ {*weights}) or sorted(name for name in own if own[name].shape != weights[name].shape)
    if wrong:
        shown = ", ".join(wrong[:4]) + (f" and {len(wrong) - 4} more" if len(wrong) > 4 else "")
        raise ValueError(f"{path} holds the weights of another network: {shown} do not fit")
    model.load_state_dict(weights)
