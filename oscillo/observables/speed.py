"""Speed: how fast oscillators move."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from oscillo.measures import speed
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec
from oscillo.observables.variable import Variable, site_dims
from oscillo.spec import register


@register
class SpeedSpec(SeriesSpec):
    """|dx/dt|, the mean over all oscillators, or of each."""

    kind: Literal["speed"] = "speed"
    each: bool = Field(default=False, description="Whether every oscillator's speed is kept, and not the mean alone.")

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """There have to be rates."""
        return [] if layer.integrator.flows else ["a map jumps from state to state; leave `speed` out"]

    def build(self, layer: OscillatorLayer, interval: float) -> Speed:
        """The speed of the layer's oscillators."""
        return Speed(layer, each=self.each)


class Speed(Series):
    """|dx/dt|, in units of x per unit of time."""

    def __init__(self, layer: OscillatorLayer, *, each: bool) -> None:
        self.each, shape = each, layer.shape
        dims, sizes = (site_dims(shape), (*shape.sites, shape.oscillators)) if each else ((), ())
        self.variables = (Variable("speed", "speed", dims, sizes, "1/time", "|dx/dt|" + ("" if each else ", mean")),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The speed at one time."""
        each = speed(moment.evaluation.velocity.expand_as(moment.state["x"]))
        return {"speed": each if self.each else each.flatten(1).mean(1)}
