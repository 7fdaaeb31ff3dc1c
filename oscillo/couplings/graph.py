"""Graph: every oscillator feels its neighbours on a network, through one sparse product."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from oscillo.couplings.delays import DelaySpec, Past, Places
from oscillo.couplings.linear import LinearCoupling, LinearCouplingSpec
from oscillo.couplings.sparse_product import load, sparse_product, targets
from oscillo.graphs import GraphSource, Links
from oscillo.layout import StateShape
from oscillo.spec import register


@register
class GraphCouplingSpec(LinearCouplingSpec, GraphSource):
    """A sparse network between the oscillators of a layer without sites: its nodes are the oscillator axis."""

    kind: Literal["graph"] = "graph"
    delay: DelaySpec | None = Field(default=None, description="How long links take; left out, no time.")
    learn: bool = Field(default=False, description="Whether the weights of the links are trained.")

    @model_validator(mode="after")
    def _trained_weights_are_free(self) -> GraphCouplingSpec:
        if self.learn and self.normalization != "none":
            raise ValueError(f"trained weights are not normalised by {self.normalization}: take `normalization: none`")
        return self

    def problems(self, shape: StateShape) -> list[str]:
        """A graph couples oscillators without sites, and has as many nodes as there are oscillators."""
        if shape.sites:
            return [f"a graph couples the oscillators of a layer without sites, and the sites are {list(shape.sites)}"]
        found = super().problems(shape) + self.problems_of_graph(shape.oscillators)
        if not found and self.delay is not None:
            try:
                self.delay.of(self.read(shape.oscillators).lengths)
            except ValueError as error:
                found.append(str(error))
        return found

    def build(self, shape: StateShape) -> GraphCoupling:
        """The sparse coupling."""
        return GraphCoupling(self, shape, self.read(shape.oscillators))


class GraphCoupling(LinearCoupling):
    r"""y_i = K \sum_j W_ij M x_j over the links; the cost is linear in their number.

    With delays x_j is taken some time ago, and in diffusive form x_i now.
    """

    node_major = True
    stackable = frozenset({"strength", "matrix", "offset"})
    rows: Tensor
    columns: Tensor
    rows_back: Tensor
    columns_back: Tensor
    back: Tensor
    delays: Tensor

    def __init__(self, spec: GraphCouplingSpec, shape: StateShape, links: Links) -> None:
        super().__init__(spec, shape)
        load()
        n = shape.oscillators
        sources, targets = torch.tensor(links.sources), torch.tensor(links.targets)
        weights = torch.tensor(links.weights, dtype=torch.get_default_dtype())
        back = torch.argsort(sources * n + targets, stable=True)
        self.weights = nn.Parameter(weights, requires_grad=spec.learn)
        # Row pointers and columns of W and of its transpose; `back` takes W's values to the transpose's order. The
        # products run on 32-bit numbers, which are read in half the time.
        self.register_buffer("rows", _row_pointers(targets, n))
        self.register_buffer("columns", sources.int())
        self.register_buffer("rows_back", _row_pointers(sources[back], n))
        self.register_buffer("columns_back", targets[back].int())
        self.register_buffer("back", back)
        delays = None if spec.delay is None else spec.delay.of(links.lengths)
        self.register_buffer("delays", None if delays is None else torch.as_tensor(delays, dtype=torch.float64))
        self.compilable = delays is None  # where what was stands in memory is told by numbers
        self._places: Places = {}
        same = torch.equal(self.rows, self.rows_back) and torch.equal(self.columns, self.columns_back)
        fixed = not spec.learn and same and delays is None
        self.declare_symmetry(
            weights=fixed and torch.allclose(weights, weights[back]),
            opposite=fixed and torch.allclose(weights, -weights[back]),
        )

    @property
    def delay_range(self) -> tuple[float, float] | None:
        """Shortest and longest delay."""
        if self.delays is None or not self.delays.numel():
            return None
        return float(self.delays.min()), float(self.delays.max())

    def gather(self, neighbours: Tensor) -> Tensor:
        """W x, [sample, component, oscillator]."""
        links = (self.rows, self.columns, self.rows_back, self.columns_back, self.back)
        columns = neighbours.transpose(0, 1).flatten(0, 1)
        field = sparse_product(self.weights.to(neighbours.dtype), columns, links)
        return field.unflatten(0, (neighbours.shape[1], len(neighbours))).transpose(0, 1)

    def reach(self) -> Tensor:
        """Row sums of W."""
        return torch.segment_reduce(self.weights, "sum", offsets=self.rows.long(), initial=0.0)

    def delayed(self, neighbours: Tensor, stimulus: Tensor | None, past: Past) -> Tensor:
        """Field of each oscillator, from what the others were."""
        if self.delays.ndim == 0:
            return self._finish(self.gather(past.at(float(self.delays))), neighbours)
        felt = past.along(self.columns.long(), self.delays, self._places) * self.weights.to(neighbours.dtype)
        gathered = torch.zeros_like(neighbours).index_add(-1, targets(self.rows), felt)
        return self._finish(gathered, neighbours)


def _row_pointers(rows: Tensor, count: int) -> Tensor:
    """CSR row pointers of sorted row numbers, int32 [count + 1]."""
    return torch.cat((rows.new_zeros(1), torch.bincount(rows, minlength=count).cumsum(0))).int()
