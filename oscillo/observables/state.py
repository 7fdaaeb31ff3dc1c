"""State: where the oscillators are."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.network.layer import Layer, LayerSpec
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec, no_phase
from oscillo.observables.variable import Variable, site_dims
from oscillo.spec import register


@register
class StateSpec(SeriesSpec):
    """The whole state: on the circle `phase` and whole turns, else vectors; with inertia velocities as well."""

    kind: Literal["state"] = "state"

    def unfit(self, layer: LayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Every layer has a state."""
        return []

    def build(self, layer: Layer, interval: float) -> States:
        """The state of the layer."""
        return States(layer)


class States(Series):
    """The tensors of a state, by the names under which they are stored."""

    def __init__(self, layer: Layer) -> None:
        shape, each = layer.shape, site_dims(layer.shape)
        of_each = each, (*shape.sites, shape.oscillators)
        full = ((*each[:-1], "component", "oscillator"), (*shape.sites, shape.components, shape.oscillators))
        self.winds = isinstance(layer, OscillatorLayer) and layer.oscillators.manifold.winds
        inert = isinstance(layer, OscillatorLayer) and layer.oscillators.inertia is not None
        found = []
        if self.winds:
            found.append(Variable("phase", "phase", *of_each, "rad", "angle in [-pi, pi]"))
            found.append(Variable("winding", "whole turns", *of_each, "1", "turns beside the phase", "int32"))
        else:
            what = "vector of each oscillator" if isinstance(layer, OscillatorLayer) else "features of a block"
            found.append(Variable("state", "state", *full, "1", what))
        if inert:
            found.append(Variable("velocity", "velocity", *(of_each if self.winds else full), "1/time", "dx/dt"))
        self.variables = tuple(found)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The state at one time."""
        names = {"x": "phase" if self.winds else "state", "winding": "winding", "v": "velocity"}
        found = {new: moment.state[old] for old, new in names.items() if old in moment.state}
        return {name: value.squeeze(-2) if self.winds else value for name, value in found.items()}


@register
class PhaseSpec(SeriesSpec):
    """The phase of every oscillator that others see in two components, in [-pi, pi]."""

    kind: Literal["phase"] = "phase"

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """There have to be phases."""
        return no_phase(layer, "phase")

    def build(self, layer: OscillatorLayer, interval: float) -> Phases:
        """The phases of the layer."""
        return Phases(layer)


class Phases(Series):
    """atan2 of the two components; on the circle the angle itself."""

    def __init__(self, layer: OscillatorLayer) -> None:
        shape, self.winds = layer.shape, layer.oscillators.manifold.winds
        sizes = (*shape.sites, shape.oscillators)
        self.variables = (Variable("phase", "phase", site_dims(shape), sizes, "rad", "angle in [-pi, pi]"),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The phases at one time."""
        if self.winds:
            return {"phase": moment.state["x"].squeeze(-2)}
        cosine, sine = moment.seen.unbind(-2)
        return {"phase": sine.atan2(cosine)}
