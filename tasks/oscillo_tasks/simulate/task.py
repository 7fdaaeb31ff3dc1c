"""The task `simulate`: what is integrated for how long, and what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from oscillo.network import NetworkSpec, OscillatorLayerSpec
from oscillo.network.layer import Problem
from oscillo.simulation import (
    Course,
    EnsembleSpec,
    InitialSpec,
    ObservableSpec,
    OrderParameterSpec,
    Simulation,
    SimulationTaskSpec,
    UniformInitialSpec,
)
from oscillo.spec import Component, Spec, register
from oscillo.values import read_array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class StatesSpec(Spec):
    """Which states are kept."""

    every: int = Field(default=1, ge=1, description="Steps between kept states.")


@register
class SimulateTaskSpec(SimulationTaskSpec):
    """Integrates one layer of oscillators in time, alone or as an ensemble, and records what is observed."""

    kind: Literal["simulate"] = "simulate"
    duration: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Time to simulate, a whole number of steps; or give `steps`."
    )
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
    every: int = Field(default=1, ge=1, description="Steps between observations.")
    observables: list[Component[ObservableSpec]] = Field(
        default=[OrderParameterSpec()], description="What is taken from the oscillators at every observation."
    )
    states: StatesSpec | None = Field(default=None, description="Keeps states as well; left out, none.")
    initial: Component[InitialSpec] = Field(default=UniformInitialSpec(), description="Where oscillators start.")
    ensemble: EnsembleSpec = Field(default=EnsembleSpec(), description="Seeds and parameters that run side by side.")
    batch: int | None = Field(default=None, ge=1, description="Members that are integrated at once; left out, all.")
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

    def problems(self, network: NetworkSpec, sites: tuple[int, ...]) -> list[Problem]:
        """What cannot be simulated so, each with its place in the task."""
        if len(network.layers) != 1 or not isinstance(layer := network.layers[0], OscillatorLayerSpec):
            return [((), "a simulation integrates one layer of oscillators; give the network one layer, of that kind")]
        try:
            self.course(layer)
        except ValueError as error:
            return [((str(error).split("`")[1],), str(error))]
        found: list[Problem] = [(("initial",), text) for text in self.initial.problems(layer, sites)]
        for number, observable in enumerate(self.observables):
            found += [(("observables", number), text) for text in observable.problems(layer, sites)]
        found += [(("ensemble", *place), text) for place, text in self.ensemble.problems(network, sites)]
        try:
            self._arriving(layer, sites)
        except (ValueError, OSError) as error:
            found.append((("input",), str(error)))
        return found

    def course(self, layer: OscillatorLayerSpec) -> Course:
        """The lengths in steps.

        Raises:
            ValueError: when a length is no whole number of steps, or nothing is left after the transient.
        """
        dt = layer.integrator.step_size
        steps = self.steps if self.duration is None else _whole("duration", self.duration, dt)
        steps = layer.integrator.steps if steps is None else steps
        transient = _whole("transient", self.transient, dt)
        if transient >= steps:
            raise ValueError(f"`transient` of {self.transient:g} leaves nothing of the {steps * dt:g} that are simulated")
        first = 0 if self.keep_transient else transient
        return Course(steps, transient, first, self.every, None if self.states is None else self.states.every)

    def simulation(
        self, network: NetworkSpec, sites: tuple[int, ...], *, seed: int, device: torch.device, dtype: torch.dtype
    ) -> Simulation:
        """The simulation, ready to run."""
        layer = network.layers[0]
        assert isinstance(layer, OscillatorLayerSpec)
        return Simulation(
            network, sites, self.course(layer), initial=self.initial, ensemble=self.ensemble,
            observables=list(self.observables), seed=seed, device=device, dtype=dtype, batch=self.batch,
            arriving=self._arriving(layer, sites),
        )  # fmt: skip

    def figures(self, run: Any) -> dict[str, Figure]:
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
        if array.shape != wanted or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise ValueError(f"{self.input} is {array.dtype} {list(array.shape)}, and finite numbers {list(wanted)} are wanted")
        return torch.from_numpy(array.astype(np.float64)).flatten(-2)


def _whole(name: str, span: float, dt: float) -> int:
    """A time in steps.

    Raises:
        ValueError: when it is no whole number of them.
    """
    steps = round(span / dt)
    if abs(steps * dt - span) > 1e-6 * max(span, dt):
        raise ValueError(f"`{name}` of {span:g} is no whole number of steps of {dt:g}; the nearest is {steps * dt:g}")
    return steps
