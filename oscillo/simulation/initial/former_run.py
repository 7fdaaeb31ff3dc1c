"""Initial states from where another run ended."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field

from oscillo.draws import Draws
from oscillo.layout import State
from oscillo.network.layer import Problem
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.recording import RunDirectory, RunDirectoryError
from oscillo.simulation.initial.base import InitialSpec, axes
from oscillo.spec import register
from oscillo.training import Checkpoints
from oscillo.training.checkpoints import CheckpointError


@register
class FormerRunInitialSpec(InitialSpec):
    """The last state of a former simulation, velocities included: to go on with other parameters.

    What delayed couplings remember is not taken over: before the start all stood still, as in any run.
    """

    kind: Literal["run"] = "run"
    path: str = Field(description="Folder of the run, relative to the working directory.")
    sample: int | None = Field(
        default=None, ge=0,
        description="The sample of it that all start from; left out, each from the sample of its own number.",
    )  # fmt: skip

    @property
    def differs(self) -> bool:
        """Where each sample starts from one of its own."""
        return self.sample is None

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...], samples: int) -> list[Problem]:
        """A run that has got anywhere, with finite states of this shape, and as many as there are samples."""
        shape = layer.shape(sites)
        try:
            x = self._read()["x"]
        except ValueError as error:
            return [(("path",), str(error))]
        wanted = (*shape.sites, shape.components, shape.oscillators)
        if tuple(x.shape[1:]) != wanted:
            return [(("path",), f"the states of {self.path} are {list(x.shape[1:])}, and a state is {list(wanted)}")]
        if self.sample is None and len(x) not in (1, samples):
            return [((), f"{self.path} has {len(x)} samples, and there are {samples}; choose one of them by `sample`")]
        if self.sample is not None and self.sample >= len(x):
            return [(("sample",), f"{self.path} has {len(x)} samples, numbered from 0, and no sample {self.sample}")]
        started = x if self.sample is None else x[self.sample]
        if not bool(torch.isfinite(started).all()):
            return [((), f"{self.path} has diverged; choose a sample that has not by `sample`, or another run")]
        return []

    def states(self, layer: OscillatorLayer, draws: Draws) -> State:
        """The last states, as many as there are samples."""
        state, samples = self._read(), len(draws.index)
        alone = self.sample is not None or len(state["x"]) == 1
        chosen = torch.full((samples,), self.sample or 0) if alone else torch.arange(samples)
        found = {"x": state["x"][chosen].double().reshape(samples, *axes(layer))}
        if "v" in state and layer.oscillators.inertia is not None:
            found["v"] = state["v"][chosen].double().reshape(samples, *axes(layer))
        return found

    def _read(self) -> State:
        try:
            run = RunDirectory.open(Path(self.path))
            saved = Checkpoints(run.checkpoints, keep=1).load(torch.device("cpu"))
        except (RunDirectoryError, CheckpointError) as error:
            raise ValueError(str(error)) from error
        if saved is None or "state" not in saved:
            raise ValueError(f"{self.path} has no state to start from: it is no simulation, or it has not begun")
        return saved["state"]
