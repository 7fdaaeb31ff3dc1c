"""What is simulated: the members of an ensemble, for how long, from where, and what is taken from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from oscillo.network import NetworkSpec
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.observables import RecordingSpec
from oscillo.simulation.ensemble import EnsembleSpec, Member, layer_of
from oscillo.simulation.initial import InitialSpec
from oscillo.simulation.observed import Observed, observed


class Course(NamedTuple):
    """How long a simulation goes; all in steps."""

    steps: int
    transient: int = 0
    """Steps at the beginning that the summary leaves out."""
    recorded_from: int = 0


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
    recording: RecordingSpec
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

    def observed(self, layer: OscillatorLayer) -> Observed:
        """What is taken from the members of a layer.

        Raises:
            LocatedError: when something does not fit, with its place in the spec.
        """
        course = self.course
        return observed(
            self.recording, layer, first=course.recorded_from, steps=course.steps, members=self.ensemble.size,
            dtype=self.dtype,
        )  # fmt: skip
