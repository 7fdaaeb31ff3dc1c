"""The task `simulate`: what is integrated for how long, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from oscillo.network import NetworkSpec, OscillatorLayerSpec
from oscillo.network.layer import Problem
from oscillo.observables import Every, RecordingSpec, SeriesSpec
from oscillo.simulation import (
    Course,
    Design,
    InitialSpec,
    SimulationTaskSpec,
    UniformInitialSpec,
)
from oscillo.simulation.observed import objections as objections_to_recording
from oscillo.spec import Component, LocatedError, register
from oscillo.stimuli import DrivenStimulusSpec, NoStimulusSpec
from oscillo.training.references import Reference
from oscillo.values import read_array
from oscillo_tasks.simulate.objections import objections

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@register
class SimulateTaskSpec(SimulationTaskSpec):
    """Integrates one layer of oscillators in time, alone or as an ensemble, and records what is observed."""

    kind: Literal["simulate"] = "simulate"
    duration: float | None = Field(
        default=None, gt=0, allow_inf_nan=False,
        description="Time to simulate, a whole number of steps; or give `steps`.",
    )  # fmt: skip
    steps: int | None = Field(
        default=None, ge=1, description="Steps to take, in place of `duration`; left out, those of the integrator."
    )
    transient: float = Field(
        default=0.0, ge=0, allow_inf_nan=False,
        description="Time at the beginning of which nothing is kept, and which the summary leaves out.",
    )  # fmt: skip
    keep_transient: bool = Field(
        default=False, description="Whether series and states are recorded during the transient as well."
    )
    initial: Component[InitialSpec] = Field(default=UniformInitialSpec(), description="Where oscillators start.")
    batch: int | None = Field(default=None, ge=1, description="Members that are integrated at once; left out, all.")
    checkpoint_minutes: float = Field(
        default=0.5, gt=0, le=60,
        description="Minutes between commits: what a kill loses at most, and how late a reader sees what was recorded.",
    )  # fmt: skip
    input: str | None = Field(
        default=None,
        description="File of what makes the conditional stimulus, such as `fish.npz:stimulus`: an array [*sites, "
        "component, oscillator], relative to the working directory.",
    )

    @model_validator(mode="after")
    def _one_length(self) -> SimulateTaskSpec:
        if self.duration is not None and self.steps is not None:
            raise ValueError("give `duration` or `steps`, and not both")
        return self

    @property
    def initial_differs(self) -> bool:
        """Whether the initial condition depends on the seed."""
        return self.initial.differs

    def problems(self, network: NetworkSpec, sites: tuple[int, ...]) -> list[Problem]:
        """What cannot be simulated so, each with its place in the task."""
        if len(network.layers) != 1 or not isinstance(layer := network.layers[0], OscillatorLayerSpec):
            return [((), "a simulation integrates one layer of oscillators; give the network one layer, of that kind")]
        found: list[Problem] = []
        try:
            self.course(layer)
        except LocatedError as error:
            found.append((error.path, str(error)))
        samples = self.ensemble.size
        found += [(("initial", *place), text) for place, text in self.initial.problems(layer, sites, samples)]
        found += self._input_problems(layer, sites)
        if not network.problems(sites):  # what is wrong with the network is told at its own place
            differ = self.initial_differs or layer.noise is not None
            objections = self.ensemble.problems(network, sites, paths_differ=differ)
            found += [(("ensemble", *place), text) for place, text in objections]
        return found

    def network_problems(self, network: NetworkSpec, sites: tuple[int, ...]) -> list[Problem]:
        """What a simulation would pass over, or what members would share that must not."""
        return objections(network.layers[0], self.ensemble.size, driven=self.input is not None)

    def completed(self, network: NetworkSpec) -> NetworkSpec:
        """A stimulus that is left out is none where there is no `input` to make one of."""
        first, *others = network.layers
        declared = "stimulus" in first.model_fields_set or not isinstance(first, OscillatorLayerSpec)
        if declared or self.input is not None:
            return network
        return network.model_copy(update={"layers": [first.model_copy(update={"stimulus": NoStimulusSpec()}), *others]})

    def recording_problems(
        self, recording: RecordingSpec, network: NetworkSpec, sites: tuple[int, ...]
    ) -> list[Problem]:
        """What cannot be taken from the layer, or never comes."""
        layer = network.layers[0]
        assert isinstance(layer, OscillatorLayerSpec)
        course = self.course(layer)
        return objections_to_recording(
            recording, layer, sites, first=course.recorded_from, steps=course.steps, members=self.ensemble.size
        ) + _too_rare(recording, course)

    def _input_problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[Problem]:
        """An input that is not there, does not fit, or that nothing takes in."""
        if self.input is not None and isinstance(layer.stimulus, NoStimulusSpec | DrivenStimulusSpec):
            kind = getattr(layer.stimulus, "kind", "")
            return [(("input",), f"makes the stimulus `conditional`, and the layer's stimulus is `{kind}`")]
        try:
            self._arriving(layer, sites)
        except ValueError as error:
            return [(("input",), str(error))]
        return []

    def course(self, layer: OscillatorLayerSpec) -> Course:
        """The lengths in steps.

        Raises:
            LocatedError: when a length is no whole number of steps, or longer than what there is.
        """
        dt = layer.integrator.step_size
        steps = self.steps if self.duration is None else _whole("duration", self.duration, dt)
        steps = layer.integrator.steps if steps is None else steps
        if steps < 1:
            raise LocatedError("no step is taken; give a `duration`, or `steps`")
        transient = _whole("transient", self.transient, dt) if self.transient else 0
        if transient >= steps:
            raise LocatedError(
                f"{self.transient:g} leaves nothing of the {steps * dt:g} that are simulated", "transient"
            )
        first = 0 if self.keep_transient else transient
        return Course(steps, transient, first)

    def design(
        self, network: NetworkSpec, sites: tuple[int, ...], recording: RecordingSpec, *, seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> Design:  # fmt: skip
        """What is simulated."""
        layer = network.layers[0]
        assert isinstance(layer, OscillatorLayerSpec)
        return Design(
            network, sites, self.course(layer), self.initial, self.ensemble, recording, seed, dtype,
            60 * self.checkpoint_minutes, self.batch, self._arriving(layer, sites),
        )  # fmt: skip

    def references(self, run: Any) -> list[Reference]:
        """What theory says, where it says something."""
        from oscillo_tasks.simulate.references import references

        return references(self, run)

    def figures(self, run: Any) -> dict[str, Callable[[], Figure | None]]:
        """What the series show, and where states are kept, what oscillators do."""
        from oscillo_tasks.simulate.figures import figures

        return figures(run)

    def _arriving(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> torch.Tensor | None:
        """What makes the stimulus, [*sites, channel].

        Raises:
            ValueError: when the file is not there or does not fit.
        """
        if self.input is None:
            return None
        seen, array = layer.seen(sites), read_array(self.input)
        wanted = (*sites, seen.components, seen.oscillators)
        if array.shape != wanted or array.dtype.kind not in "biuf":
            raise ValueError(
                f"{self.input} is {array.dtype} {list(array.shape)}, and numbers {list(wanted)} are wanted"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{self.input} has a number that is not finite")
        return torch.from_numpy(array.astype(np.float64)).flatten(-2)


def _whole(name: str, span: float, dt: float) -> int:
    """A time in steps.

    Raises:
        LocatedError: when it is no whole number of them.
    """
    steps = max(1, round(span / dt))
    if abs(span / dt - steps) > 1e-6:
        words = f"{span:.9g} is no whole number of steps of {dt:g}"
        raise LocatedError(f"{words}; the nearest is {steps * dt:.9g}", name)
    return steps


def _too_rare(recording: RecordingSpec, course: Course) -> list[Problem]:
    """Cadences that leave fewer than two observations behind the transient, where means are taken."""
    found: list[Problem] = []
    for name, spec in recording.chosen.items():
        single = isinstance(spec, SeriesSpec) and (spec.at or spec.per_decade or spec.seconds)
        every = spec.every or recording.every
        if single or every > course.steps - course.recorded_from:
            continue  # told at its own place, or not summed up
        times = Every(course.recorded_from, every, course.steps)
        if times.after(course.transient - 1) + every > course.steps:
            words = (
                f"fewer than two observations lie in the {course.steps - course.transient} steps behind the transient"
            )
            place = ("every",) if spec.every is None else ("observables", name, "every")
            found.append((place, f"with {every} steps between them {words}"))
    return list(dict.fromkeys(found))
