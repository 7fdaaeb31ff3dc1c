"""Amplitude: how far oscillators are from the origin."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec
from oscillo.observables.variable import Variable
from oscillo.spec import register


@register
class AmplitudeSpec(SeriesSpec):
    """The mean length of the oscillators' vectors: what is left of it when they stop oscillating."""

    kind: Literal["amplitude"] = "amplitude"
    of_population: ClassVar[bool] = True

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """There has to be an amplitude."""
        manifold = getattr(layer.manifold, "kind", "")
        return [f"on a {manifold} all amplitudes are one; leave `amplitude` out"] if layer.manifold.bounded else []

    def build(self, layer: OscillatorLayer, interval: float) -> Amplitude:
        """The mean over all oscillators."""
        return Amplitude()


class Amplitude(Series):
    """mean_j |z_j|."""

    variables = (Variable("amplitude", "amplitude", description="mean |z| over all oscillators"),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The amplitude at one time."""
        return {"amplitude": moment.population.norm(dim=-2).mean(-1)}
