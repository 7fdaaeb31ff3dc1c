"""Local order: how much each oscillator's surroundings point one way."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from oscillo.measures import local_order_on_grid, local_order_on_ring
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec
from oscillo.observables.variable import Variable
from oscillo.spec import register


@register
class LocalOrderSpec(SeriesSpec):
    """The length of the mean vector in a window around each oscillator, on a ring or a grid."""

    kind: Literal["local_order"] = "local_order"
    radius: int = Field(default=5, ge=1, description="Oscillators (or sites) on either side that belong to the window.")
    boundary: Literal["zero", "circular"] = Field(
        default="circular", description="What lies beyond the edge of a grid; a ring has no edge."
    )

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """A ring or a grid, with room for the window."""
        if len(sites) not in (0, 2):
            return [f"local order is taken on a ring (no sites) or a grid (y, x), and the sites are {list(sites)}"]
        if not sites and self.boundary != "circular":
            return ["a ring has no edge; leave out `boundary`"]
        shortest = min(sites) if sites else layer.shape(sites).oscillators
        if 2 * self.radius + 1 > shortest:
            return [f"a window of {2 * self.radius + 1} is longer than the {'grid' if sites else 'ring'}, {shortest}"]
        return []

    def build(self, layer: OscillatorLayer, interval: float) -> LocalOrder:
        """The window's mean."""
        return LocalOrder(self, layer)


class LocalOrder(Series):
    """|mean of z over the window| (Wolfrum et al. 2011): near 1 in coherent parts of a chimera state."""

    def __init__(self, spec: LocalOrderSpec, layer: OscillatorLayer) -> None:
        self.radius, shape = spec.radius, layer.shape
        self.boundary: Literal["zero", "circular"] = spec.boundary
        self.grid = bool(shape.sites)
        dims = ("y", "x", "oscillator") if self.grid else ("oscillator",)
        text = f"|mean z| over a window of {2 * spec.radius + 1}"
        self.variables = (Variable("local_order", "local order", dims, (*shape.sites, shape.oscillators), "1", text),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The local order at one time."""
        z = moment.seen
        order = local_order_on_grid(z, self.radius, self.boundary) if self.grid else local_order_on_ring(z, self.radius)
        return {"local_order": order}
