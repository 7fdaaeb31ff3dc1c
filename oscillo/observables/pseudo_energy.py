"""Pseudo-energy: what the released code of artificial Kuramoto oscillators calls energy."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec, terms_of
from oscillo.observables.variable import Variable
from oscillo.spec import register


@register
class PseudoEnergySpec(SeriesSpec):
    """-sum <x, field>, without the half in front of the coupling: for votes as they were published."""

    kind: Literal["pseudo_energy"] = "pseudo_energy"

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """What an oscillator feels has to come from where the others are."""
        if any(getattr(term, "delay", None) is not None for term in terms_of(layer)):
            return ["with delays there is no energy of the state alone; leave `pseudo_energy` out"]
        return []

    def build(self, layer: OscillatorLayer, interval: float) -> PseudoEnergy:
        """The pseudo-energy of the layer."""
        return PseudoEnergy()


class PseudoEnergy(Series):
    """-sum <x, J x + b + stimulus> over sites and oscillators (the released code of Miyato et al. 2025)."""

    variables = (Variable("pseudo_energy", "pseudo-energy", description=__doc__ or ""),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The pseudo-energy at one time."""
        if "pseudo_energy" in moment.measures:
            return {"pseudo_energy": moment.measures["pseudo_energy"]}
        return {"pseudo_energy": moment.oscillators.pseudo_energy(moment.state, moment.stimulus, moment.evaluation.y)}
