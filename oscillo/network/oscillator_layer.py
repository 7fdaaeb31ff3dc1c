"""A layer of oscillators."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from oscillo.couplings import CouplingSpec
from oscillo.frequencies import FrequencySpec, NoFrequencySpec
from oscillo.integrators import Integrator, IntegratorSpec, ProjectedEulerSpec
from oscillo.integrators.loop import Measures
from oscillo.layout import State, StateShape
from oscillo.manifolds import ManifoldSpec
from oscillo.network.layer import Layer, LayerSpec, Problem
from oscillo.network.readouts import NormReadoutSpec, Readout, ReadoutSpec
from oscillo.oscillators import Oscillators
from oscillo.spec import Component, LocatedError, register
from oscillo.stimuli import ConditionalStimulusSpec, Stimulus, StimulusSpec


@register
class OscillatorLayerSpec(LayerSpec):
    """Coupled oscillators that are stepped for a while and then read out."""

    kind: Literal["oscillators"] = "oscillators"
    manifold: Component[ManifoldSpec] = Field(description="Where one oscillator lives.")
    channels: int | None = Field(default=None, ge=1, description="Numbers at each site: oscillators x dimension.")
    oscillators: int | None = Field(default=None, ge=1, description="Oscillators at each site; in place of `channels`.")
    frequency: Component[FrequencySpec] = Field(
        default=NoFrequencySpec(), description="How an oscillator turns by itself."
    )
    coupling: Component[CouplingSpec] = Field(description="What an oscillator feels from the others.")
    stimulus: Component[StimulusSpec] = Field(
        default=ConditionalStimulusSpec(), description="What an oscillator feels from outside."
    )
    initial: Literal["previous", "drawn"] = Field(
        default="previous",
        description="Where a layer behind another one starts: from the last state of the layer before, or from a "
        "draw of its own. The first layer starts from a draw, or from what the task gives it.",
    )
    integrator: Component[IntegratorSpec] = Field(default=ProjectedEulerSpec(), description="How time passes.")
    readout: Component[ReadoutSpec] = Field(
        default=NormReadoutSpec(), description="How the last state becomes features."
    )

    @model_validator(mode="after")
    def _one_size(self) -> OscillatorLayerSpec:
        if (self.channels is None) == (self.oscillators is None):
            raise ValueError("give either `channels` (oscillators x dimension) or `oscillators`")
        components = self.manifold.components
        if self.channels is not None and self.channels % components:
            near = max(components, round(self.channels / components) * components)
            raise LocatedError(
                f"channels = {self.channels} is not a multiple of the dimension {components}; the nearest is {near}",
                "channels",
            )
        return self

    def shape(self, sites: tuple[int, ...]) -> StateShape:
        """Shape of one sample's state on a grid of those sites."""
        components = self.manifold.components
        oscillators = self.oscillators or (self.channels or 0) // components
        return StateShape(sites, components, oscillators)

    def problems(self, sites: tuple[int, ...]) -> list[Problem]:
        """What the parts of the layer object to."""
        shape = self.shape(sites)
        found: list[Problem] = [(("coupling",), text) for text in self.coupling.problems(shape)]
        found += [(("frequency",), text) for text in self.frequency.problems(shape)]
        if not found:
            found += [(("integrator",), text) for text in self.integrator.problems(self._oscillators(shape))]
        return found

    def channels_out(self, sites: tuple[int, ...], following: int | None) -> int:
        """Channels of the readout."""
        return self.readout.channels_out(self.shape(sites), following)

    def build(self, sites: tuple[int, ...], following: int | None) -> OscillatorLayer:
        """The layer's module."""
        shape = self.shape(sites)
        readout = self.readout.build(shape, self.channels_out(sites, following))
        stimulus = self.stimulus.build(shape)
        layer = OscillatorLayer(self._oscillators(shape), stimulus, self.integrator.build(), readout)
        layer.carries_on = self.initial == "previous"
        return layer

    def _oscillators(self, shape: StateShape) -> Oscillators:
        oscillators = Oscillators(shape, self.manifold.build(), self.frequency.build(shape), self.coupling.build(shape))
        oscillators.projects = getattr(self.integrator, "project", True)
        return oscillators


class OscillatorLayer(Layer):
    """Oscillators with their stimulus, integrator and readout. Its state is `x`."""

    measures_energy = True

    def __init__(self, oscillators: Oscillators, stimulus: Stimulus, integrator: Integrator, readout: Readout) -> None:
        super().__init__(oscillators.shape, integrator.steps, readout)
        self.oscillators, self.stimulus, self.integrator = oscillators, stimulus, integrator

    @property
    def compilable(self) -> bool:
        """Whether integrator and coupling are made of operations that compile."""
        return self.integrator.compilable and self.oscillators.coupling.compilable

    @property
    def dt(self) -> Tensor:
        """The integrator's step size, a scalar."""
        return self.integrator.step_size

    def stimulus_of(self, features: Tensor) -> Tensor:
        """Features as [sample, *sites, component, oscillator], normalised as declared."""
        return self.stimulus(self.shape.split(features))

    def initial_state(self, x: Tensor) -> State:
        """The point of the manifold that x stands for."""
        return {"x": self.oscillators.manifold.retract(x)}

    def spread(self, normals: Tensor) -> Tensor:
        """States spread uniformly over the manifold."""
        return self.oscillators.manifold.spread(normals)

    def forward(
        self, state: State, stimulus: Tensor, t: Tensor, dt: Tensor, noise: State | None = None, measure: bool = False
    ) -> tuple[State, Measures]:
        """One step of the integrator."""
        x = state["x"]
        start = self.oscillators.evaluate(x, stimulus, t) if measure or self.integrator.evaluates_at_start else None
        after = self.integrator(self.oscillators, x, stimulus, t, dt, start)
        if noise is not None:
            after = self.oscillators.manifold.retract(after + noise["x"])
        measures = self._measures(x, stimulus, start.y) if measure and start is not None else {}
        return {"x": after}, measures

    def measure(self, state: State, stimulus: Tensor, t: Tensor) -> Measures:
        """`energy` and `pseudo_energy` [sample] at a state."""
        x = state["x"]
        return self._measures(x, stimulus, self.oscillators.evaluate(x, stimulus, t).y)

    def _measures(self, x: Tensor, stimulus: Tensor, y: Tensor) -> Measures:
        return {
            "energy": self.oscillators.energy(x, stimulus, y),
            "pseudo_energy": self.oscillators.pseudo_energy(x, stimulus, y),
        }
