"""Energy: what falls along the flow where the coupling is symmetric and nothing turns."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.simulation.observables.base import Moment, ObservableSpec, Series, Variable, terms_of
from oscillo.spec import register


@register
class EnergySpec(ObservableSpec):
    """The energy of the oscillators, their kinetic energy included."""

    kind: Literal["energy"] = "energy"

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """What an oscillator feels has to come from where the others are."""
        if any(getattr(term, "delay", None) is not None for term in terms_of(layer)):
            return ["with delays there is no energy of the state alone; leave `energy` out"]
        return []

    def build(self, layer: OscillatorLayer, interval: float) -> Energy:
        """The energy of the layer."""
        return Energy()


class Energy(Series):
    """E = coupling.energy(x) - sum <stimulus, x> + sum V(x) + 1/2 sum mass |v|^2."""

    variables = (Variable("energy", "energy", description=__doc__ or ""),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """E at one time."""
        return {"energy": moment.layer.oscillators.energy(moment.state, moment.stimulus, moment.evaluation.y)}
