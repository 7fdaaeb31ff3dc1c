"""A layer of oscillators."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from oscillo.couplings import CouplingSpec
from oscillo.frequencies import FrequencySpec, NoFrequencySpec
from oscillo.integrators import Integrator, IntegratorSpec, ProjectedEulerSpec
from oscillo.integrators.loop import Measures
from oscillo.layout import State, StateShape
from oscillo.manifolds import ManifoldSpec, SphereSpec
from oscillo.network.layer import Layer, LayerSpec, Problem
from oscillo.network.readouts import NormReadoutSpec, Readout, ReadoutSpec
from oscillo.oscillators import Extras, Inertia, Oscillators
from oscillo.potentials import NoPotentialSpec, PotentialSpec
from oscillo.spec import Component, LocatedError, Spec, register
from oscillo.stimuli import ConditionalStimulusSpec, DrivenStimulusSpec, Stimulus, StimulusSpec
from oscillo.values import Values, read_values, value_problems


class InertiaSpec(Spec):
    """Makes oscillators second order: mass dv/dt = -damping v + ..., dx/dt = v."""

    mass: Values = Field(
        default=1.0,
        description="Mass: a number, a list with one for each oscillator, or a file such as `grid.npz:mass`.",
    )
    damping: Values = Field(
        default=1.0, description="Force against each unit of velocity: a number, a list, or a file."
    )

    def problems(self, oscillators: int) -> list[Problem]:
        """Masses are positive, dampings not negative."""
        found: list[Problem] = [(("mass",), text) for text in value_problems(self.mass, oscillators, above=0)]
        return found + [(("damping",), text) for text in value_problems(self.damping, oscillators, least=0)]


class NoiseSpec(Spec):
    """White noise that disturbs every oscillator by itself."""

    strength: Values = Field(
        description="Standard deviation of what it adds in one unit of time (with inertia, of the force): a number, a "
        "list with one for each oscillator, or a file."
    )

    def problems(self, oscillators: int) -> list[Problem]:
        """Strengths are not negative."""
        return [(("strength",), text) for text in value_problems(self.strength, oscillators, least=0)]


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
    velocity_coupling: Component[CouplingSpec] | None = Field(
        default=None, description="What an oscillator with inertia feels from the others' velocities, besides."
    )
    activation: Literal["identity", "tanh", "radial_tanh", "relu", "sigmoid", "sin"] = Field(
        default="identity", description="What is done to the sum of coupling and stimulus before it acts."
    )
    potential: Component[PotentialSpec] = Field(
        default=NoPotentialSpec(), description="What holds an oscillator's amplitude."
    )
    inertia: InertiaSpec | None = Field(default=None, description="Mass and damping, for oscillators of second order.")
    noise: NoiseSpec | None = Field(default=None, description="White noise on every oscillator.")
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

    def seen(self, sites: tuple[int, ...]) -> StateShape:
        """Shape of what one sample's oscillators show to others."""
        return self.shape(sites)._replace(components=self.manifold.seen)

    def _stimulated(self, sites: tuple[int, ...]) -> StateShape:
        """Shape of what the stimulus is added to: the field, or the velocities."""
        added_to_velocities = isinstance(self.stimulus, DrivenStimulusSpec) and self.stimulus.acts_on == "velocity"
        return self.shape(sites) if added_to_velocities else self.seen(sites)

    def problems(self, sites: tuple[int, ...]) -> list[Problem]:
        """What the parts of the layer object to."""
        shape, seen = self.shape(sites), self.seen(sites)
        found: list[Problem] = [(("coupling",), text) for text in self.coupling.problems(seen)]
        found += [(("frequency",), text) for text in self.frequency.problems(seen)]
        found += [(("stimulus",), text) for text in self.stimulus.problems(self._stimulated(sites))]
        found += [(("potential",), text) for text in self.potential.problems(shape)]
        for name in ("inertia", "noise"):
            part: InertiaSpec | NoiseSpec | None = getattr(self, name)
            found += [((name, *place), text) for place, text in part.problems(shape.oscillators)] if part else []
        found += self._pairs(seen)
        return found or self._problems_of_built(self._oscillators(sites))

    def _problems_of_built(self, oscillators: Oscillators) -> list[Problem]:
        """What only the modules can tell, and not their declarations."""
        velocities = oscillators.velocity_coupling
        found: list[Problem] = [(("integrator",), text) for text in self.integrator.problems(oscillators)]
        if velocities is not None and velocities.delay_range is not None:
            words = "velocities are felt at once; leave out `delay`, or give it to `coupling`"
            found.append((("velocity_coupling",), words))
        return found

    def _pairs(self, seen: StateShape) -> list[Problem]:
        """Kinds that are sound by themselves and cannot work together."""
        found: list[Problem] = []
        where = f"a {self.manifold.kind}"  # pyright: ignore[reportAttributeAccessIssue]
        if self.manifold.bounded:
            useless = f"on {where} all amplitudes are one, and %s does nothing; leave it out"
            if not isinstance(self.potential, NoPotentialSpec):
                found.append((("potential",), useless % "a potential"))
            if self.frequency.needs_amplitude:
                found.append((("frequency", "shear"), useless % "shear"))
        if self.velocity_coupling is not None:
            place = ("velocity_coupling",)
            if self.inertia is None:
                words = "velocities are part of the state with `inertia` only; give it, or leave this out"
                found.append((place, words))
            if self.manifold.seen != self.manifold.components:
                found.append((place, f"velocities on {where} are no vectors that add up to a field; take `sphere`"))
            found += [(place, text) for text in self.velocity_coupling.problems(seen)]
        if isinstance(self.stimulus, DrivenStimulusSpec) and self.stimulus.acts_on == "velocity":
            place = ("stimulus", "acts_on")
            if isinstance(self.manifold, SphereSpec):
                text = f"what is added to velocities on {where} would point off it; take `acts_on: field`"
                found.append((place, text))
            if not self.integrator.flows:
                found.append((place, "a map has no velocities; take `acts_on: field`"))
        return found

    def channels_out(self, sites: tuple[int, ...], following: int | None) -> int:
        """Channels of the readout."""
        return self.readout.channels_out(self.shape(sites), following)

    def build(self, sites: tuple[int, ...], following: int | None) -> OscillatorLayer:
        """The layer's module."""
        seen = self.seen(sites)
        readout = self.readout.build(seen, self.channels_out(sites, following))
        oscillators, stimulus = self._oscillators(sites), self.stimulus.build(self._stimulated(sites))
        oscillators.drive = stimulus.drive
        layer = OscillatorLayer(oscillators, seen, stimulus, self.integrator.build(), readout)
        layer.carries_on = self.initial == "previous"
        return layer

    def _oscillators(self, sites: tuple[int, ...]) -> Oscillators:
        """The oscillators without what drives them from outside."""
        shape, seen = self.shape(sites), self.seen(sites)
        numbers = lambda values: read_values(values, shape.oscillators).to(torch.get_default_dtype())  # noqa: E731
        inertia, velocities = self.inertia, self.velocity_coupling
        frequency, coupling = self.frequency.build(seen), self.coupling.build(seen)
        extras = Extras(
            activation=self.activation, potential=self.potential.build(shape),
            inertia=None if inertia is None else Inertia(numbers(inertia.mass), numbers(inertia.damping)),
            velocity_coupling=None if velocities is None else velocities.build(seen),
            diffusion=None if self.noise is None else numbers(self.noise.strength),
        )  # fmt: skip
        oscillators = Oscillators(shape, self.manifold.build(), frequency, coupling, extras)
        oscillators.projects = getattr(self.integrator, "project", True)
        return oscillators


class OscillatorLayer(Layer):
    """Oscillators with their stimulus, integrator and readout.

    Its state is `x`; with inertia also `v`, on the circle the whole turns `winding`, and what the integrator remembers.
    """

    measures_energy = True

    def __init__(
        self, oscillators: Oscillators, seen: StateShape, stimulus: Stimulus, integrator: Integrator, readout: Readout
    ) -> None:
        super().__init__(oscillators.shape, integrator.steps, readout)
        self.seen = seen
        self.oscillators, self.stimulus, self.integrator = oscillators, stimulus, integrator

    @property
    def compilable(self) -> bool:
        """Whether integrator and couplings are made of operations that compile."""
        couplings = self.oscillators.coupling, self.oscillators.velocity_coupling
        return self.integrator.compilable and all(one.compilable for one in couplings if one is not None)

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile the step, or what the integrator compiles of it."""
        if self.integrator.compiles_itself:
            self.integrator.compile(*arguments, **options)
        else:
            super().compile(*arguments, **options)

    @property
    def dt(self) -> Tensor:
        """The integrator's step size, a scalar."""
        return self.integrator.step_size

    @property
    def is_noisy(self) -> bool:
        """Whether its equation is stochastic."""
        return self.oscillators.diffusion is not None

    def stimulus_of(self, features: Tensor) -> Tensor | None:
        """Features as [sample, *sites, component seen, oscillator], normalised as declared; None for no stimulus."""
        return self.stimulus(self.seen.split(features))

    def initial_state(self, x: Tensor, v: Tensor | None = None) -> State:
        """The point of the manifold that x stands for, at rest unless a velocity is given, and no turns done."""
        state = {"x": x}
        if self.oscillators.inertia is not None:
            state["v"] = torch.zeros_like(x) if v is None else v
        if self.oscillators.manifold.winds:
            state["winding"] = torch.zeros_like(x, dtype=torch.int32)
        state = self.oscillators.arranged(self.oscillators.settled(state))
        state = self.oscillators.with_history(state, float(self.dt.detach()))
        return self.integrator.begin(state)

    def spread(self, normals: Tensor) -> Tensor:
        """States spread uniformly over the manifold."""
        return self.oscillators.manifold.spread(normals)

    def read(self, state: State) -> Tensor:
        """The readout of what others see."""
        return self.readout(self.oscillators.manifold.embed(state["x"]))

    def forward(
        self, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor, noise: State | None = None,
        measure: bool = False, *, spent: bool = False,
    ) -> tuple[State, Measures]:  # fmt: skip
        """One step of the integrator."""
        oscillators, noise = self.oscillators, noise or {}
        if self.is_noisy and "normals" not in noise:
            raise ValueError("the layer's equation is stochastic: a step takes `noise` with normal numbers `normals`")
        start = oscillators.evaluate(state, stimulus, t) if measure or self.integrator.evaluates_at_start else None
        if start is not None:
            state = oscillators.remembered(state, start, dt, spent=spent)
        after = self.integrator(oscillators, state, stimulus, t, dt, start, noise.get("normals"))
        if "x" in noise:
            after = self.integrator.restarted(oscillators.settled(after | {"x": after["x"] + noise["x"]}))
        measures = self._measures(state, stimulus, start.y) if measure and start is not None else {}
        return after, measures

    def measure(self, state: State, stimulus: Tensor | None, t: Tensor) -> Measures:
        """`energy` and `pseudo_energy` [sample] at a state."""
        return self._measures(state, stimulus, self.oscillators.evaluate(state, stimulus, t).y)

    def _measures(self, state: State, stimulus: Tensor | None, y: Tensor) -> Measures:
        return {
            "energy": self.oscillators.energy(state, stimulus, y),
            "pseudo_energy": self.oscillators.pseudo_energy(state, stimulus, y),
        }
