"""Stimulus: what comes from outside."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec
from oscillo.observables.variable import Variable, site_dims
from oscillo.spec import register
from oscillo.stimuli import DrivenStimulusSpec, NoStimulusSpec


@register
class StimulusObservableSpec(SeriesSpec):
    """What every oscillator feels from outside: the conditional stimulus, and what drives the layer in time."""

    kind: Literal["stimulus"] = "stimulus"

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """There has to be one, as a field."""
        if isinstance(layer.stimulus, NoStimulusSpec):
            return ["the layer has no stimulus; leave `stimulus` out"]
        if isinstance(layer.stimulus, DrivenStimulusSpec) and layer.stimulus.acts_on != "field":
            return [f"the layer's stimulus acts on the {layer.stimulus.acts_on}, and is no field; leave it out"]
        return []

    def build(self, layer: OscillatorLayer, interval: float) -> Outside:
        """The stimulus of the layer."""
        return Outside(layer)


class Outside(Series):
    """The field from outside at one time."""

    def __init__(self, layer: OscillatorLayer) -> None:
        shape = self.shape = layer.seen
        dims = (*site_dims(shape)[:-1], "component", "oscillator")
        sizes = (*shape.sites, shape.components, shape.oscillators)
        self.variables = (Variable("stimulus", "stimulus", dims, sizes, "1", "field from outside"),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The field, [sample, *sites, component, oscillator]."""
        samples = len(moment.state["x"])
        found = moment.seen.new_zeros((samples, *self.shape.sites, self.shape.components, self.shape.oscillators))
        if moment.stimulus is not None:
            found = found + moment.stimulus
        drive = moment.oscillators.drive
        return {"stimulus": found if drive is None else found + drive(moment.t)}
