"""What an observable is: numbers that are taken from oscillators while they move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from oscillo.couplings import CouplingSpec, SumCouplingSpec
from oscillo.integrators.loop import Measures
from oscillo.layout import State
from oscillo.measures import Running, merge_sites
from oscillo.network.layer import Layer, LayerSpec
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.cadence import At, Cadence, Clock, Every, logarithmic
from oscillo.observables.reductions import ReductionSpec
from oscillo.observables.selection import Chosen
from oscillo.observables.variable import Variable
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import Component, ComponentSpec, LocatedError

Precision = Literal["float16", "float32", "float64"]


class Moment:
    """A layer at one time, with what several observables may want to know of it.

    Attributes:
        layer: whose state it is.
        state: named tensors [sample, ...].
        stimulus: what comes from outside, or None.
        t: time.
        measures: what the step has measured already, such as `energy` [sample].
        answers: reads the network out as it stands and gives what the task finds, by name; None where nothing answers.
    """

    def __init__(
        self, layer: Layer, state: State, stimulus: Tensor | None, t: Tensor, measures: Measures | None = None,
        answers: Callable[[], dict[str, Tensor]] | None = None,
    ) -> None:  # fmt: skip
        self.layer, self.state, self.stimulus, self.t = layer, state, stimulus, t
        self.measures, self.answers = measures or {}, answers

    @property
    def oscillators(self) -> Oscillators:
        """The equation of the layer."""
        assert isinstance(self.layer, OscillatorLayer)
        return self.layer.oscillators

    @cached_property
    def seen(self) -> Tensor:
        """What others see, [sample, *sites, component, oscillator]."""
        return self.oscillators.manifold.embed(self.state["x"])

    @cached_property
    def population(self) -> Tensor:
        """What others see, with the sites as further oscillators: [sample, component, oscillator]."""
        return merge_sites(self.seen, len(self.layer.shape.sites))

    @cached_property
    def evaluation(self) -> Evaluation:
        """The right-hand side."""
        return self.oscillators.evaluate(self.state, self.stimulus, self.t)

    def within(self, sites: list[list[int] | None], oscillators: list[int] | None) -> Moment:
        """The same with some of the oscillators as the population."""
        found = Moment(self.layer, self.state, self.stimulus, self.t, self.measures, self.answers)
        found.seen = chosen(self.seen, [*sites, None, oscillators])
        return found


def chosen(values: Tensor, places: list[list[int] | None]) -> Tensor:
    """Some entries along each axis behind `sample`; None for all."""
    for axis, entries in enumerate(places, 1):
        if entries is not None:
            values = values.index_select(axis, torch.tensor(entries, device=values.device))
    return values


class ObservableSpec(ComponentSpec):
    """Numbers that are taken from oscillators while they move."""

    role: ClassVar[str] = "observable"

    every: int | None = Field(default=None, ge=1, description="Steps between records; left out, `recording.every`.")

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Reasons why it cannot be taken from that layer; empty when it can."""
        return []

    def unfit(self, layer: LayerSpec, sites: tuple[int, ...]) -> list[str]:
        """The same for a layer of any kind: most observables are about oscillators."""
        if isinstance(layer, OscillatorLayerSpec):
            return self.problems(layer, sites)
        return [f"`{getattr(self, 'kind', '')}` is taken from oscillators, and this layer is a block"]

    def build(self, layer: OscillatorLayer, interval: float) -> Observable:
        """The observable of that layer.

        Args:
            layer: whose oscillators are observed.
            interval: time between two observations.
        """
        raise NotImplementedError

    def cadence(self, common: int, first: int, steps: int) -> Cadence:
        """At which steps it is recorded.

        Args:
            common: steps between records where none are declared.
            first: the first step that may be.
            steps: of the whole run.

        Raises:
            LocatedError: when it never comes to more than the first record.
        """
        every = self.every or common
        if every > steps - first:
            place = () if self.every is None else ("every",)
            raise LocatedError(f"{every} steps are more than the {steps - first} that are recorded", *place)
        return Every(first, every, steps)


class SeriesSpec(ObservableSpec):
    """Numbers at every observation: when, of what, and how they are kept."""

    at: list[int] | None = Field(default=None, min_length=1, description="Steps at which it is recorded, in order.")
    per_decade: int | None = Field(
        default=None, ge=1, description="Logarithmic: so many records between steps 1 and 10, 10 and 100, and so on."
    )
    seconds: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Seconds of wall-clock time between records, at least."
    )
    samples: Chosen | None = Field(
        default=None,
        description="Of which samples: 16 (the first ones), [0, 5], 0:100:10. Left out, single numbers are kept of all "
        "samples, and others of the first `recording.samples`.",
    )
    layers: list[int] | None = Field(
        default=None, min_length=1, description="Of which layers; left out, of all that have it."
    )
    sites: dict[str, Chosen] | None = Field(
        default=None, description="Of which sites: {y: 0:32, x: [3, 4]}, as for samples; left out, of all."
    )
    oscillators: Chosen | None = Field(default=None, description="Of which oscillators, as for samples; or all.")
    reduce: Component[ReductionSpec] | None = Field(
        default=None, description="What is left of its numbers: a mean, a histogram, a projection."
    )
    precision: Precision | None = Field(
        default=None, description="Of the stored numbers; left out, float32, and in runs in float64 float64."
    )

    of_population: ClassVar[bool] = False
    """Whether its numbers are about a population, which may be a part of the oscillators."""

    @model_validator(mode="after")
    def _one_cadence(self) -> SeriesSpec:
        given = [name for name in ("every", "at", "per_decade", "seconds") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"`{given[0]}` and `{given[1]}` both say when it is recorded; leave one of them out")
        if self.at is not None and any(b <= a for a, b in zip(self.at, self.at[1:], strict=False)):
            raise LocatedError("the steps have to rise", "at")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether all of it is kept, of all oscillators."""
        return self.sites is None and self.oscillators is None and self.reduce is None

    def build(self, layer: OscillatorLayer, interval: float) -> Series:
        """The series of that layer."""
        raise NotImplementedError

    def cadence(self, common: int, first: int, steps: int) -> Cadence:
        """At which steps it is recorded.

        Raises:
            LocatedError: when it never comes to more than the first record, or to one behind the last step.
        """
        if self.at is not None:
            if outside := [step for step in self.at if not first <= step <= steps]:
                raise LocatedError(f"step {outside[0]} never comes: steps {first} to {steps} are recorded", "at")
            return At(tuple(self.at))
        if self.per_decade is not None:
            return At(logarithmic(first, steps, self.per_decade))
        if self.seconds is not None:
            return Clock(self.seconds, first)
        return super().cadence(common, first, steps)


class SummarySpec(ObservableSpec):
    """Numbers of the whole run, from observations that are not kept."""

    def build(self, layer: OscillatorLayer, interval: float) -> Summary:
        """The summary of that layer."""
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
