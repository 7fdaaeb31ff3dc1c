"""Cut: how well the phases divide a graph in two."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.couplings import GraphCoupling, GraphCouplingSpec
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec, no_phase, terms_of
from oscillo.observables.variable import Variable
from oscillo.spec import register


@register
class CutSpec(SeriesSpec):
    """Weight of the graph's edges between oscillators with cos(theta) > 0 and the others: what max-cut makes large."""

    kind: Literal["cut"] = "cut"

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Phases, and among the couplings a graph whose edges have no direction and weights of their own."""
        terms = terms_of(layer)
        graph = next((term for term in terms if isinstance(term, GraphCouplingSpec)), None)
        if graph is None:
            kinds = ", ".join(getattr(term, "kind", "") for term in terms)
            return [f"`cut` is about the edges of a graph, and the coupling is {kinds}"]
        return no_phase(layer, "cut") + _problems_of(graph, layer.shape(sites).oscillators)

    def build(self, layer: OscillatorLayer, interval: float) -> Cut:
        """The edges of the first graph."""
        parts = layer.oscillators.coupling.modules()
        return Cut(next(part for part in parts if isinstance(part, GraphCoupling)))


def _problems_of(graph: GraphCouplingSpec, nodes: int) -> list[str]:
    if graph.normalization != "none":
        words = f"`cut` adds up the weights of edges, and `normalization: {graph.normalization}` divides them"
        return [f"{words}, each end otherwise; take `normalization: none`"]
    if graph.problems_of_graph(nodes):  # which are told at their place
        return []
    weights = graph.read(nodes).matrix(nodes)
    if (weights != weights.T).nnz:
        return ["`cut` is about edges without a direction, and those of this graph have one; leave `cut` out"]
    return []


class Cut(Series):
    r"""Sum of w_ij over the edges whose ends differ in the sign of cos(theta).

    With signs s it is \sum_ij w_ij (1 - s_i s_j) / 4 over the links, of which every edge has two.
    """

    def __init__(self, graph: GraphCoupling) -> None:
        self.graph = graph
        text = "weight of the edges whose ends differ in the sign of cos(theta)"
        self.variables = (Variable("cut", "cut", description=text),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The cut at one time; NaN where a phase is none."""
        cosine = moment.population[:, :1]
        sign = 2.0 * (cosine > 0) - 1 + 0 * cosine  # the last term is zero, or NaN
        agreement = (sign * self.graph.gather(sign)).flatten(1).sum(1)
        return {"cut": (self.graph.weights.sum() - agreement) / 4}
