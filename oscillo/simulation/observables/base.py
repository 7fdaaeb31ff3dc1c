"""What an observable is: numbers that are taken from oscillators while they move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar, NamedTuple

from torch import Tensor

from oscillo.couplings import CouplingSpec, SumCouplingSpec
from oscillo.layout import State, StateShape
from oscillo.measures import Running, merge_sites
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.oscillators import Evaluation
from oscillo.spec import ComponentSpec


class Variable(NamedTuple):
    """An array that an observable fills, as it will be stored."""

    name: str
    """Of the variable."""
    long_name: str
    """What an axis of a plot says."""
    dims: tuple[str, ...] = ()
    """Names of the axes behind `sample` (and `time`)."""
    shape: tuple[int, ...] = ()
    """Their lengths."""
    units: str = "1"
    description: str = ""
    """The meaning, with the formula where there is one."""


class Moment:
    """Oscillators at one time, with what several observables may want to know of them.

    Attributes:
        layer: that they are.
        state: named tensors [sample, ...].
        stimulus: what comes from outside, or None.
        t: time.
    """

    def __init__(self, layer: OscillatorLayer, state: State, stimulus: Tensor | None, t: Tensor) -> None:
        self.layer, self.state, self.stimulus, self.t = layer, state, stimulus, t

    @cached_property
    def seen(self) -> Tensor:
        """What others see, [sample, *sites, component, oscillator]."""
        return self.layer.oscillators.manifold.embed(self.state["x"])

    @cached_property
    def population(self) -> Tensor:
        """What others see, with the sites as further oscillators: [sample, component, oscillator]."""
        return merge_sites(self.seen, len(self.layer.shape.sites))

    @cached_property
    def evaluation(self) -> Evaluation:
        """The right-hand side."""
        return self.layer.oscillators.evaluate(self.state, self.stimulus, self.t)


class ObservableSpec(ComponentSpec):
    """Numbers that are taken from oscillators while they move."""

    role: ClassVar[str] = "observable"

    @property
    def fills(self) -> str:
        """Name of the first array that it fills; no two observables of a simulation have the same."""
        return getattr(self, "kind", "")

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Reasons why it cannot be taken from that layer; empty when it can."""
        return []

    def build(self, layer: OscillatorLayer, interval: float) -> Observable:
        """The observable of that layer.

        Args:
            layer: whose oscillators are observed.
            interval: time between two observations.
        """
        raise NotImplementedError


class Observable(ABC):
    """Either a series, with numbers at every observation, or a summary, with numbers of the whole run."""

    variables: tuple[Variable, ...]
    """What it fills."""


class Series(Observable):
    """Numbers at every observation."""

    @abstractmethod
    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The numbers at one time, by the names of the variables, [sample, ...]."""


class Summary(Observable):
    """Numbers of the whole run after its transient, from observations that are not kept."""

    @abstractmethod
    def start(self, moment: Moment) -> Running:
        """What is kept before the first observation; every tensor is [sample, ...]."""

    @abstractmethod
    def update(self, running: Running, moment: Moment) -> Running:
        """What is kept after an observation."""

    @abstractmethod
    def result(self, running: Running) -> dict[str, Tensor]:
        """The numbers, by the names of the variables, [sample, ...]."""


def site_dims(shape: StateShape) -> tuple[str, ...]:
    """Names of the axes of a number for each oscillator: its sites, and its place there."""
    sites = ("y", "x") if len(shape.sites) == 2 else tuple(f"site{axis}" for axis in range(len(shape.sites)))
    return (*sites, "oscillator")


def counted(running: Running, samples: int) -> Running:
    """What an accumulator keeps, with its counts for each sample: all tensors are [sample, ...]."""
    return {name: value.expand(samples) if value.ndim == 0 else value for name, value in running.items()}


def uncounted(running: Running) -> Running:
    """The same as an accumulator takes it, with one count for all samples."""
    return {name: value[0] if name == "count" else value for name, value in running.items()}


def terms_of(layer: OscillatorLayerSpec) -> list[CouplingSpec]:
    """The couplings whose fields a layer adds up; the only one where it is no sum."""
    pending, found = [layer.coupling], []
    while pending:
        coupling = pending.pop(0)
        if isinstance(coupling, SumCouplingSpec):
            pending = [*coupling.terms, *pending]
        else:
            found.append(coupling)
    return found


def is_planar(layer: OscillatorLayerSpec) -> bool:
    """Whether oscillators have a phase: others see two components."""
    return layer.manifold.seen == 2


def no_phase(layer: OscillatorLayerSpec, kind: str) -> list[str]:
    """The problem that a kind needs phases and these oscillators have none."""
    if is_planar(layer):
        return []
    manifold = getattr(layer.manifold, "kind", "")
    return [f"`{kind}` is about phases, and a {manifold} of {layer.manifold.seen} components has none"]
