"""Readout: what the layers behind, or the head, would get of the state as it is."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from oscillo.network.layer import Layer, LayerSpec
from oscillo.network.trajectory import site_names
from oscillo.observables.base import Moment, Series, SeriesSpec
from oscillo.observables.variable import Variable
from oscillo.spec import register


@register
class ReadoutObservableSpec(SeriesSpec):
    """The features that the layer's readout makes of the state, at every site."""

    kind: Literal["readout"] = "readout"

    def unfit(self, layer: LayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Every layer has a readout."""
        return []

    def build(self, layer: Layer, interval: float) -> Features:
        """The readout of the layer."""
        return Features(layer)


class Features(Series):
    """The readout of the state at one time."""

    def __init__(self, layer: Layer) -> None:
        sites = layer.shape.sites
        dims = (*site_names(len(sites)), "channel")
        sizes = (*sites, _channels(layer))
        self.variables = (Variable("readout", "readout", dims, sizes, "1", "features read out of the state"),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The features, [sample, *sites, channel]."""
        return {"readout": moment.layer.read(moment.state)}


@torch.no_grad()
def _channels(layer: Layer) -> int:
    """Channels of a layer's readout, found out on a state of zeros."""
    shape = layer.shape
    like = next(layer.parameters(), torch.empty(0))
    x = like.new_zeros((1, *shape.sites, shape.components, shape.oscillators))
    return layer.read({"x": x}).shape[-1]
