"""Cut: how well the phases divide a graph in two."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from oscillo.couplings import Coupling, GraphCoupling, SumCoupling
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.simulation.observables.base import Moment, ObservableSpec, Series, Variable, no_phase
from oscillo.spec import register


@register
class CutSpec(ObservableSpec):
    """Weight of the graph's edges between oscillators with cos(theta) > 0 and the others: what max-cut makes large."""

    kind: Literal["cut"] = "cut"

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Phases, and a graph among the couplings."""
        kinds = [getattr(term, "kind", "") for term in getattr(layer.coupling, "terms", [layer.coupling])]
        if "graph" not in kinds:
            return [f"`cut` is about the edges of a graph, and the coupling is {', '.join(kinds)}"]
        return no_phase(layer, "cut")

    def build(self, layer: OscillatorLayer, interval: float) -> Cut:
        """The edges of the first graph."""
        return Cut(_graph(layer.oscillators.coupling))


def _graph(coupling: Coupling) -> GraphCoupling:
    terms = coupling.terms if isinstance(coupling, SumCoupling) else [coupling]
    return next(term for term in terms if isinstance(term, GraphCoupling))


class Cut(Series):
    """Sum of w_ij over the edges whose ends differ in the sign of cos(theta)."""

    def __init__(self, graph: GraphCoupling) -> None:
        targets = torch.repeat_interleave(torch.arange(graph.rows.shape[0] - 1), graph.rows.diff().cpu())
        sources = graph.columns.cpu().long()
        once = sources < targets
        self.ends = (sources[once], targets[once])
        self.weights = graph.weights.detach().cpu()[once]
        text = "weight of the edges whose ends differ in the sign of cos(theta)"
        self.variables = (Variable("cut", "cut", description=text),)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The cut at one time."""
        up = moment.population[:, 0].cpu() > 0
        return {"cut": ((up[:, self.ends[0]] != up[:, self.ends[1]]) * self.weights).sum(-1)}
