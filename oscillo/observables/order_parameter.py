"""The order parameter: how much of all vectors is left when they are averaged."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from oscillo.measures import daido, order_parameter
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec, no_phase
from oscillo.observables.variable import Variable
from oscillo.spec import register


@register
class OrderParameterSpec(SeriesSpec):
    """Kuramoto's order parameter R, the length of the mean vector; with `moment` m Daido's, of m times the phases."""

    kind: Literal["order_parameter"] = "order_parameter"
    of_population: ClassVar[bool] = True
    moment: int = Field(default=1, ge=1, description="m: 2 tells two opposite clusters from disorder, and so on.")

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Higher moments are about phases."""
        return no_phase(layer, f"order_parameter with moment {self.moment}") if self.moment > 1 else []

    def build(self, layer: OscillatorLayer, interval: float) -> OrderParameter:
        """The mean over all oscillators."""
        return OrderParameter(self.moment)


class OrderParameter(Series):
    """R = |mean_j z_j| (Kuramoto 1975), or |mean_j exp(i m theta_j)| (Daido 1992), over all sites and oscillators."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        text = "|mean z|" if moment == 1 else f"|mean exp({moment} i theta)|"
        long_name = "order parameter" if moment == 1 else f"order parameter, moment {moment}"
        self.variables = (Variable("order_parameter", long_name, description=f"{text} over all oscillators"),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """R at one time."""
        z = moment.population
        return {"order_parameter": order_parameter(z) if self.moment == 1 else daido(z, self.moment)}
