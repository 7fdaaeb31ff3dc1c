"""Whom a question is about: the network of a spec, or that of a run, with its weights where it has learned."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from oscillo.preparation import start_weights, weights_of
from oscillo.recording import RunDirectory
from oscillo.runspec import LoadedSpec, RunSpec, read_spec
from oscillo.training import Task
from oscillo.training.hardware import choose_device, return_freed_memory
from oscillo.training.weights import load_weights


@dataclass(frozen=True)
class Source:
    """The network that is asked about."""

    loaded: LoadedSpec
    """Its spec."""
    weights: Path | None = None
    """File with what it has learned; None for a simulation, and for a network that has learned nothing yet."""
    parent: str | None = None
    """The run that it comes from; None for a spec."""

    @property
    def spec(self) -> RunSpec:
        """The checked spec."""
        return self.loaded.spec

    def device(self) -> torch.device:
        """Where the spec says that it runs, with as many threads as it says.

        Raises:
            ValueError: when the device is not there.
        """
        return_freed_memory()
        if self.spec.threads:
            torch.set_num_threads(self.spec.threads)
        return choose_device(self.spec.device)

    def learned(self) -> tuple[Task, nn.Module]:
        """Task and model of a network that learns, with its weights, in evaluation mode on its device.

        Raises:
            ValueError: when the weights do not fit.
        """
        torch.manual_seed(self.spec.seed)
        task: Task = self.spec.task.build(self.spec.network, self.spec.seed)
        model = task.model().to(self.device())
        if self.weights is not None:
            load_weights(model, self.weights)
        return task, model.eval().requires_grad_(False)


def read_source(path: str | os.PathLike[str], changes: Iterable[str] = ()) -> Source:
    """Read whom a question is about.

    Args:
        path: a spec, or the folder of a run, whose resolved spec and weights are taken.
        changes: changes to the spec, such as `network.layers.0.coupling.strength=2`.

    Raises:
        SpecError: when the spec is wrong.
        RunDirectoryError: when a folder is not a run, or the run of a network that has not learned to its end.
        ValueError: when weights to start from are not there.
    """
    if not Path(path).is_dir():
        loaded = read_spec(path, changes)
        return Source(loaded, start_weights(loaded.spec) if loaded.spec.task.learns else None)
    directory = RunDirectory.open(Path(path))
    loaded = read_spec(directory.spec, changes)
    weights = weights_of(directory) if loaded.spec.task.learns else None
    return Source(loaded, weights, str(directory.path.resolve()))
