"""What is simulated: the members of an ensemble, for how long, from where, and what is taken from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from oscillo.network import NetworkSpec
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.simulation.ensemble import EnsembleSpec, Member, layer_of
from oscillo.simulation.initial import InitialSpec
from oscillo.simulation.observables import Observable, ObservableSpec
from oscillo.simulation.recording import SimulationRecording, Times


class Course(NamedTuple):
    """How long a simulation goes, and when it is recorded; all in steps."""

    steps: int
    transient: int = 0
    """Steps at the beginning that the summary leaves out."""
    recorded_from: int = 0
    every: int = 1
    states_every: int | None = None
    """None when states are not kept."""

    @property
    def series(self) -> Times:
        """When series are recorded."""
        return Times(self.recorded_from, self.every, self.steps)

    @property
    def states(self) -> Times | None:
        """When states are kept."""
        return None if self.states_every is None else Times(self.recorded_from, self.states_every, self.steps)


@dataclass(frozen=True)
class Design:
    """Everything that a simulation is made of."""

    network: NetworkSpec
    """One layer of oscillators."""
    sites: tuple[int, ...]
    """The grid."""
    course: Course
    """How long."""
    initial: InitialSpec
    """Where members start."""
    ensemble: EnsembleSpec
    """The members."""
    observables: Sequence[ObservableSpec]
    """What is taken from them."""
    seed: int
    """Of the run."""
    dtype: torch.dtype
    """float32 or float64."""
    checkpoint_seconds: float
    """Time between commits."""
    batch: int | None = None
    """Members that are integrated at once; all when left out."""
    arriving: Tensor | None = None
    """What the stimulus is made of, [*sites, channel]; None for nothing."""

    @property
    def batch_size(self) -> int:
        """Members that are integrated at once."""
        return min(self.batch or self.ensemble.size, self.ensemble.size)

    def layer(self, members: Sequence[Member]) -> OscillatorLayer:
        """One layer for all those members, on the CPU.

        Raises:
            NotStackable: when they differ in what cannot differ within a batch.
        """
        layer = layer_of(self.network, self.sites, members, self.seed, self.dtype)
        assert isinstance(layer, OscillatorLayer)
        return layer

    def built_observables(self, layer: OscillatorLayer) -> list[Observable]:
        """The observables of a layer."""
        return [spec.build(layer, float(layer.dt) * self.course.every) for spec in self.observables]

    def recording(self, layer: OscillatorLayer, observables: Sequence[Observable]) -> SimulationRecording:
        """What all members leave in the store."""
        series, states = self.course.series, self.course.states
        return SimulationRecording(layer, observables, self.ensemble, series, states, self.dtype)
