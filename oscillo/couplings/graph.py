"""Graph: every oscillator feels its neighbours on a network, through one sparse product."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from oscillo.couplings.delays import DelaySpec
from oscillo.couplings.kept import Kept
from oscillo.couplings.linear import LinearCouplingSpec, LinkCoupling
from oscillo.couplings.sparse_product import load, sparse_product, targets
from oscillo.graphs import GraphSource, Links
from oscillo.layout import StateShape
from oscillo.spec import register


@register
class GraphCouplingSpec(LinearCouplingSpec, GraphSource):
    """A sparse network between the oscillators of a layer without sites: its nodes are the oscillator axis."""

    kind: Literal["graph"] = "graph"
    delay: DelaySpec | None = Field(
        default=None, description="How long links take: `{time: 0.2}`, or `{speed: 8.0}`; left out, no time."
    )
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
                self.delays(self.read(shape.oscillators))
            except ValueError as error:
                found.append(str(error))
        return found

    def delays(self, links: Links) -> np.ndarray | float | None:
        """Delay of every link, [link] or one number; None for no delays.

        Raises:
            ValueError: when lengths are missing.
        """
        return None if self.delay is None else self.delay.of(links.lengths, "and the graph gives none")

    def build(self, shape: StateShape) -> GraphCoupling:
        """The sparse coupling."""
        return GraphCoupling(self, shape, self.read(shape.oscillators))


class GraphCoupling(LinkCoupling):
    r"""y_i = K \sum_j W_ij M x_j over the links; the cost is linear in their number."""

    node_major = True
    stackable = frozenset({"strength", "matrix", "offset"})
    rows: Tensor
    columns: Tensor
    rows_back: Tensor
    columns_back: Tensor
    back: Tensor

    def __init__(self, spec: GraphCouplingSpec, shape: StateShape, links: Links) -> None:
        weights = torch.tensor(links.weights, dtype=torch.get_default_dtype())
        super().__init__(spec, shape, weights, spec.delays(links), learn=spec.learn)
        load()
        n = shape.oscillators
        sources, targets = torch.tensor(links.sources), torch.tensor(links.targets)
        back = torch.argsort(sources * n + targets, stable=True)
        # Row pointers and columns of W and of its transpose; `back` takes W's values to the transpose's order. The
        # products run on 32-bit numbers, which are read in half the time.
        self.register_buffer("rows", _row_pointers(targets, n))
        self.register_buffer("columns", sources.int())
        self.register_buffer("rows_back", _row_pointers(sources[back], n))
        self.register_buffer("columns_back", targets[back].int())
        self.register_buffer("back", back)
        self._reach, self._targets = Kept(), Kept()

    @property
    def sources(self) -> Tensor:
        """Oscillator that each link feels, [link]."""
        return self.columns

    def mirrored(self, sign: int) -> bool:
        """Whether links are the same both ways; not where they are trained, or take time."""
        same = torch.equal(self.rows, self.rows_back) and torch.equal(self.columns, self.columns_back)
        fixed = same and not self.learns and self.delays is None
        return fixed and torch.allclose(self.weights, sign * self.weights[self.back])

    def gather(self, neighbours: Tensor) -> Tensor:
        """W x, [sample, component, oscillator]."""
        columns = neighbours.transpose(0, 1).flatten(0, 1)
        field = self._product(self.weights.to(neighbours.dtype), columns)
        return field.unflatten(0, (neighbours.shape[1], len(neighbours))).transpose(0, 1)

    def collect(self, carried: Tensor) -> Tensor:
        """W x where links bring x, [sample, component, oscillator]."""
        nodes = self._targets.get((self.rows,), lambda: targets(self.rows))
        felt = carried * self.weights.to(carried.dtype)
        return felt.new_zeros(*felt.shape[:-1], len(self.rows) - 1).index_add(-1, nodes, felt)

    def reach(self) -> Tensor:
        """Row sums of W."""
        if self.weights.requires_grad:
            return self._row_sums()
        return self._reach.get((self.weights, self.rows), self._row_sums)

    def _row_sums(self) -> Tensor:
        return self._product(self.weights, self.weights.new_ones(1, len(self.rows) - 1))[0]

    def _product(self, weights: Tensor, columns: Tensor) -> Tensor:
        links = (self.rows, self.columns, self.rows_back, self.columns_back, self.back)
        return sparse_product(weights, columns, links)


def _row_pointers(rows: Tensor, count: int) -> Tensor:
    """CSR row pointers of sorted row numbers, int32 [count + 1]."""
    return torch.cat((rows.new_zeros(1), torch.bincount(rows, minlength=count).cumsum(0))).int()
