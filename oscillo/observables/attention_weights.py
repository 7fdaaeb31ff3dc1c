"""Attention weights: which sites each site listens to."""

from __future__ import annotations

from math import prod
from typing import Literal

from torch import Tensor

from oscillo.couplings import Attention, AttentionCouplingSpec
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec, terms_of
from oscillo.observables.variable import Variable
from oscillo.spec import register


@register
class AttentionWeightsSpec(SeriesSpec):
    """The weights of an attention coupling: how much each site (target) feels of each (source), in every head."""

    kind: Literal["attention_weights"] = "attention_weights"

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """There has to be attention."""
        terms = terms_of(layer)
        if any(isinstance(term, AttentionCouplingSpec) for term in terms):
            return []
        kinds = ", ".join(getattr(term, "kind", "") for term in terms)
        return [f"`attention_weights` are those of the coupling `attention`, and the coupling is {kinds}"]

    def build(self, layer: OscillatorLayer, interval: float) -> AttentionWeights:
        """The weights of the first coupling that is attention."""
        parts = layer.oscillators.coupling.modules()
        return AttentionWeights(next(part for part in parts if isinstance(part, Attention)), layer)


class AttentionWeights(Series):
    """softmax_j(<q_i, k_j> / sqrt(d)) (Miyato et al. 2025, section 4); sites are counted row by row."""

    def __init__(self, coupling: Attention, layer: OscillatorLayer) -> None:
        self.coupling, sites = coupling, prod(layer.shape.sites)
        self.variables = (
            Variable(
                "attention_weights", "attention weight", ("head", "target", "source"), (coupling.heads, sites, sites),
                "1", "softmax over the sources, row by row of the grid",
            ),
        )  # fmt: skip

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The weights, [sample, head, target, source]."""
        return {"attention_weights": self.coupling.weights(moment.seen)}
