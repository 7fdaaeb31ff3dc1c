"""What a run needs before it has a folder: a device, a model with its weights, and data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from oscillo.network import Network
from oscillo.plan import crowded
from oscillo.recording import RecordingError, RunDirectory, RunDirectoryError
from oscillo.runspec import LoadedSpec, RunSpec
from oscillo.simulation.memory import Estimate
from oscillo.simulation.memory import crowded as simulation_crowded
from oscillo.simulation.plan import design_of
from oscillo.spec import SpecError, SpecProblem
from oscillo.stacking import NotStackable
from oscillo.training import Checkpoints, Task
from oscillo.training.hardware import choose_device, free_memory, missing_for_compiling, return_freed_memory
from oscillo.training.progress import report
from oscillo.training.weights import load_weights

WEIGHTS = "weights.safetensors"
"""A run's trained weights; the file is there once its training has ended."""


def require(loaded: LoadedSpec, *, trained: bool = False, begun: bool = False) -> None:
    """Refuse a spec that asks for what is not here, before anything takes time.

    Args:
        loaded: the spec.
        trained: whether the network is trained already, so that only evaluations need data.
        begun: whether there is a checkpoint, so that no weights are needed to start from.

    Raises:
        SpecError: with every file, device or compiler that is missing, and votes that memory cannot hold, each with
            its place.
    """
    spec = loaded.spec
    if not spec.task.learns:
        found = _refused(("device",), lambda: choose_device(spec.device))
        found += _refused(("compile",), lambda: lacking_for_compiling(spec))
        if found := found or _crowded_simulation(spec):
            raise SpecError.at(loaded.document, found)
        return
    training = not trained and spec.trained.trains
    found = [SpecProblem(("task", *place), text) for place, text in spec.task.missing(training=training)]
    refused = _refused(("device",), lambda: choose_device(spec.device))
    found += refused or [SpecProblem(place, text) for place, text in crowded(spec)]
    found += _refused(("compile",), lambda: lacking_for_compiling(spec))
    if not trained and not begun:
        found += _refused(("training", "start"), lambda: start_weights(spec))
    if found:
        raise SpecError.at(loaded.document, found)


def _crowded_simulation(spec: RunSpec) -> list[SpecProblem]:
    try:
        estimate = Estimate(design_of(spec))
    except NotStackable as error:
        return [SpecProblem(("task", "ensemble"), f"its members cannot run as one batch: {error}")]
    return simulation_crowded(estimate, free_memory(choose_device(spec.device)))


def _refused(place: tuple[str, ...], look: Callable[[], object]) -> list[SpecProblem]:
    try:
        look()
    except (ValueError, RecordingError) as error:
        return [SpecProblem(place, str(error))]
    return []


class Preparation:
    """A run that can begin, or go on.

    Attributes:
        spec: of the run.
        weights: file with the trained weights; None when the network is to be trained.
        device: that it runs on.
        task: with its data; only those of the evaluations when the network is trained.
        model: with the weights to evaluate or to start from.
        saved: the checkpoint to go on from; None when the training begins or has ended.

    Args:
        loaded: the spec, which `require` has let pass.
        weights: file with the weights of a network that is trained already.
        checkpoints: of a run that goes on.

    Raises:
        SpecError: when the weights to start from do not fit, or a batch is larger than the data.
        ValueError, OSError: when data, trained weights or a checkpoint cannot be used; the message says why.
    """

    def __init__(
        self, loaded: LoadedSpec, *, weights: Path | None = None, checkpoints: Checkpoints | None = None
    ) -> None:
        self.spec, self.weights = loaded.spec, weights
        self.device = choose_device(self.spec.device)
        return_freed_memory()
        if self.spec.threads:
            torch.set_num_threads(self.spec.threads)
        torch.manual_seed(self.spec.seed)
        self.task: Task = self.spec.task.build(self.spec.network, self.spec.seed)
        self.model = self.task.model().to(self.device)
        self.saved = checkpoints.load(self.device) if checkpoints and weights is None else None
        if weights is not None:
            load_weights(self.model, weights)
        elif self.saved is None:
            self._load_start(loaded)
        for line in compile_steps(self.model, self.spec):
            report(line)
        if weights is None and self.spec.trained.trains:
            self.task.prepare(report)
            self._check_batch(loaded)
        else:
            self.task.prepare_evaluations(report)

    def _load_start(self, loaded: LoadedSpec) -> None:
        if (start := start_weights(self.spec)) is None:
            return
        try:
            load_weights(self.model, start)
        except ValueError as error:
            raise SpecError.at(loaded.document, [SpecProblem(("training", "start"), str(error))]) from error

    def _check_batch(self, loaded: LoadedSpec) -> None:
        training, samples = self.spec.trained, len(self.task.training_data())
        if samples < training.batch_size:
            text = f"a batch of {training.batch_size}, and there are only {samples} training samples"
            problem = SpecProblem(("training", "batch_size"), text, f"take at most {samples}")
            raise SpecError.at(loaded.document, [problem])


def start_weights(spec: RunSpec) -> Path | None:
    """File of the weights to start from, or None to start from scratch.

    Raises:
        ValueError: when there is no such file, or none is shipped.
        RunDirectoryError: when a folder is no run, or one without weights.
    """
    start = spec.trained.start
    if start == "scratch":
        return None
    if start == "shipped":
        shipped = spec.task.build(spec.network, spec.seed).shipped_weights()
        if shipped is None:
            raise ValueError("no weights are shipped for this task; take `training.start=scratch`")
        return shipped
    path = Path(start)
    if path.is_dir():
        return weights_of(RunDirectory.open(path))
    if not path.is_file():
        choice = "take `scratch`, `shipped`, a .safetensors file or the folder of a run"
        raise ValueError(f"there is no file or folder {start} (from {Path.cwd()}); {choice}")
    return path


def weights_of(run: RunDirectory) -> Path:
    """File of the trained weights of a run.

    Raises:
        RunDirectoryError: when it has none; the message says why, and what helps.
    """
    weights = run.path / WEIGHTS
    if weights.is_file():
        return weights
    reasons = {
        "running": "it is still being trained; wait until that has ended",
        "interrupted": f"it was interrupted before its training had ended; to go on: oscillo resume {run.path}",
        "failed": f"it failed: {run.record().get('reason')}",
        "done": "the file was removed",
    }
    raise RunDirectoryError(f"{run.path} has no {WEIGHTS}: {reasons[run.state]}")


def lacking_for_compiling(spec: RunSpec) -> str | None:
    """What this machine lacks for compiling steps as the spec wants it; None when it lacks nothing.

    Raises:
        ValueError: when the spec insists on compiling.
    """
    lacking = missing_for_compiling() if spec.compile != "off" else None
    if lacking and spec.compile == "on":
        raise ValueError(f"steps cannot be compiled: {lacking}; or take `compile: auto`")
    return lacking


def compile_steps(model: nn.Module, spec: RunSpec) -> list[str]:
    """Have the network's steps compiled as the spec says, and say so.

    Raises:
        ValueError: when the spec insists and this machine cannot.
    """
    if spec.compile == "off":
        return ["steps run uncompiled (compile: off)"]
    if lacking := lacking_for_compiling(spec):
        return [f"steps run uncompiled, which is slower: {lacking}"]
    network: Network = model.network  # pyright: ignore[reportAssignmentType]
    compiled = network.compile_steps()
    return [f"steps of {', '.join(compiled)} are compiled when first taken (up to a minute)"] if compiled else []
