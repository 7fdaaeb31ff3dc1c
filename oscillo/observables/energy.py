"""Energy: what falls along the flow where the coupling is symmetric and nothing turns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.network.trajectory import site_names
from oscillo.observables.base import Moment, Series, SeriesSpec, terms_of
from oscillo.observables.variable import Variable, site_dims
from oscillo.spec import LocatedError, register


@register
class EnergySpec(SeriesSpec):
    """The energy of the oscillators, their kinetic energy included."""

    kind: Literal["energy"] = "energy"
    per: Literal["layer", "site", "oscillator"] = Field(
        default="layer", description="Whether one number is kept, or the share of each site or of each oscillator."
    )

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """What an oscillator feels has to come from where the others are."""
        if any(getattr(term, "delay", None) is not None for term in terms_of(layer)):
            return ["with delays there is no energy of the state alone; leave `energy` out"]
        if self.per == "site" and not sites:
            return ["there are no sites; take `per: oscillator`"]
        return []

    def build(self, layer: OscillatorLayer, interval: float) -> Energy | EnergyOfEach:
        """The energy of the layer, or its shares."""
        if self.per == "layer":
            return Energy()
        if not layer.oscillators.shares_energy:
            raise LocatedError("the energy of the coupling is no sum over oscillators; take `per: layer`", "per")
        return EnergyOfEach(layer, by_site=self.per == "site")


class Energy(Series):
    """E = coupling.energy(x) - sum <stimulus, x> + sum V(x) + 1/2 sum mass |v|^2."""

    variables = (Variable("energy", "energy", description=__doc__ or ""),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """E at one time."""
        if "energy" in moment.measures:
            return {"energy": moment.measures["energy"]}
        return {"energy": moment.oscillators.energy(moment.state, moment.stimulus, moment.evaluation.y)}


class EnergyOfEach(Series):
    """Each oscillator's share of the energy, which add up to it: a pair's part belongs to both, half and half."""

    def __init__(self, layer: OscillatorLayer, *, by_site: bool) -> None:
        self.by_site, shape = by_site, layer.shape
        dims, sizes = site_dims(shape), (*shape.sites, shape.oscillators)
        if by_site:
            dims, sizes = site_names(len(shape.sites)), shape.sites
        self.variables = (Variable("energy", "energy", dims, sizes, "1", "share of the energy, whose sum is E"),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The shares at one time."""
        each = moment.oscillators.energy_of_each(moment.state, moment.stimulus, moment.evaluation.y)
        return {"energy": each.sum(-1) if self.by_site else each}
