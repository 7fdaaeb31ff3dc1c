"""Graph: every oscillator feels its neighbours on a network, through one sparse product."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any, Literal

import networkx as nx
import numpy as np
import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from oscillo.couplings.base import Coupling, CouplingSpec
from oscillo.layout import StateShape
from oscillo.spec import register


@register
class GraphCouplingSpec(CouplingSpec):
    """A sparse network between the oscillators of a layer without sites: its nodes are the oscillator axis."""

    kind: Literal["graph"] = "graph"
    generator: str | None = Field(
        default=None, description="Name of a networkx generator, such as `watts_strogatz_graph`; or give `edges`."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="The generator's arguments by name; `n` defaults to the oscillators."
    )
    edges: str | None = Field(
        default=None,
        description="Path of an edge list with a line `source target [weight]` per edge, nodes counted from 0, "
        "relative to the working directory; the target feels the source.",
    )
    directed: bool = Field(default=False, description="Whether an edge acts in one direction only.")
    strength: float = Field(default=1.0, description="Coupling strength K, in units of inverse time.")
    normalization: Literal["none", "degree"] = Field(
        default="none", description="`degree` divides what an oscillator feels by the sum of the weights that reach it."
    )
    learn: bool = Field(default=False, description="Whether the weights of the edges are trained.")

    @field_validator("generator")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and not callable(getattr(nx, name, None)):
            raise ValueError(f"networkx has no generator {name!r}")
        return name

    @model_validator(mode="after")
    def _one_source(self) -> GraphCouplingSpec:
        if (self.generator is None) == (self.edges is None):
            raise ValueError("a graph comes from a `generator` or from `edges`: give one of the two")
        if self.learn and self.normalization == "degree":
            raise ValueError("trained weights are not normalised by degree: take `normalization: none`")
        return self

    def problems(self, shape: StateShape) -> list[str]:
        """A graph couples oscillators without sites, and has as many nodes as there are oscillators."""
        if shape.sites:
            return [f"a graph couples the oscillators of a layer without sites, and the sites are {list(shape.sites)}"]
        try:
            sources, targets, weights = self.read(shape.oscillators)
        except (OSError, ValueError, TypeError, nx.NetworkXException) as error:
            return [f"the graph cannot be made: {error}"]
        found = []
        if len(sources) and max(sources.max(), targets.max()) >= shape.oscillators:
            largest = max(sources.max(), targets.max())
            found.append(f"the graph has a node {largest} and the layer {shape.oscillators} oscillators (0 to n - 1)")
        if len(sources) and min(sources.min(), targets.min()) < 0:
            found.append("the graph has a negative node number; nodes are counted from 0")
        if not np.isfinite(weights).all():
            found.append("the graph has a weight that is not a finite number")
        if self.normalization == "degree" and (weights < 0).any():
            found.append("`normalization: degree` divides by the sum of weights, and some weights are negative")
        return found

    def read(self, oscillators: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Source, target and weight of each directed link.

        Raises:
            OSError: when the edge list cannot be read.
            ValueError: when a line of it is not `source target [weight]`, or a generator makes another number of
                nodes, or needs a seed.
            TypeError: when the generator does not take the parameters, or gives no graph.
        """
        if self.edges is not None:
            sources, targets, weights = _read_edge_list(Path(self.edges))
            directed = self.directed
        else:
            graph = self._generate(oscillators)
            links = [(a, b, data.get("weight", 1.0)) for a, b, data in graph.edges(data=True)]
            sources, targets = (np.array([link[i] for link in links], dtype=np.int64) for i in (0, 1))
            weights = np.array([link[2] for link in links], dtype=np.float64)
            directed = self.directed or graph.is_directed()
        if not directed:
            loops = sources == targets
            sources, targets = np.r_[sources, targets[~loops]], np.r_[targets, sources[~loops]]
            weights = np.r_[weights, weights[~loops]]
        return sources, targets, weights

    def _generate(self, oscillators: int) -> nx.Graph:
        function = getattr(nx, str(self.generator))
        parameters = dict(self.parameters)
        names = inspect.signature(function).parameters
        if "n" in names:
            parameters.setdefault("n", oscillators)
        if "seed" in names and "seed" not in parameters:
            raise ValueError(f"`{self.generator}` is random: give it a `seed` among its parameters")
        graph = function(**parameters)
        if not isinstance(graph, nx.Graph):
            raise TypeError(f"`{self.generator}` gives no graph, but {type(graph).__name__}")
        if len(graph) != oscillators:
            made = len(graph)
            raise ValueError(f"`{self.generator}` makes {made} nodes, and the layer has {oscillators} oscillators")
        return nx.convert_node_labels_to_integers(graph)

    def build(self, shape: StateShape) -> GraphCoupling:
        """The sparse coupling."""
        sources, targets, weights = self.read(shape.oscillators)
        if self.normalization == "degree":
            reach = np.zeros(shape.oscillators)
            np.add.at(reach, targets, weights)
            weights = weights / np.where(reach > 0, reach, 1.0)[targets]
        return GraphCoupling(
            shape.oscillators, torch.from_numpy(sources), torch.from_numpy(targets),
            torch.from_numpy(self.strength * weights).float(), learn=self.learn,
        )  # fmt: skip


def _read_edge_list(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        fields = line.split("#")[0].replace(",", " ").split()
        if not fields:
            continue
        try:
            source, target = int(fields[0]), int(fields[1])
            weight = float(fields[2]) if len(fields) > 2 else 1.0
        except (ValueError, IndexError):
            raise ValueError(f"{path}:{number}: expected `source target [weight]`, found {line.strip()!r}") from None
        rows.append((source, target, weight))
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2]


class GraphCoupling(Coupling):
    r"""y_i = \sum_j W_ij x_j over the edges, K included in W; the cost is linear in the number of edges."""

    compilable = False
    rows: Tensor
    columns: Tensor
    rows_back: Tensor
    columns_back: Tensor
    back: Tensor

    def __init__(self, oscillators: int, sources: Tensor, targets: Tensor, weights: Tensor, *, learn: bool) -> None:
        super().__init__()
        order = torch.argsort(targets * oscillators + sources, stable=True)
        back = torch.argsort(sources[order] * oscillators + targets[order], stable=True)
        self.oscillators = oscillators
        self.weights = nn.Parameter(weights[order], requires_grad=learn)
        # Row pointers and columns of W and of its transpose; `back` takes W's values to the transpose's order.
        self.register_buffer("rows", _row_pointers(targets[order], oscillators))
        self.register_buffer("columns", sources[order])
        self.register_buffer("rows_back", _row_pointers(sources[order][back], oscillators))
        self.register_buffer("columns_back", targets[order][back])
        self.register_buffer("back", back)
        same_links = torch.equal(self.rows, self.rows_back) and torch.equal(self.columns, self.columns_back)
        self.symmetric = not learn and same_links and torch.allclose(weights[order], weights[order][back])

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field of each oscillator, [sample, component, oscillator]."""
        columns = neighbours.flatten(0, -2).t().contiguous()
        weights = self.weights.to(columns.dtype)
        links = (self.rows, self.columns, self.rows_back, self.columns_back, self.back)
        field: Tensor = _SparseProduct.apply(weights, columns, *links)  # pyright: ignore[reportAssignmentType]
        return field.t().reshape(neighbours.shape)


def _row_pointers(rows: Tensor, count: int) -> Tensor:
    """CSR row pointers of sorted row numbers, int64 [count + 1]."""
    return torch.cat((rows.new_zeros(1), torch.bincount(rows, minlength=count).cumsum(0)))


class _SparseProduct(torch.autograd.Function):
    """W @ X for a CSR matrix, with the transpose's layout at hand for the gradient."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, x: Tensor, rows: Tensor, columns: Tensor, *transpose: Tensor) -> Tensor:
        ctx.save_for_backward(weights, x, rows, columns, *transpose)
        return _csr(rows, columns, weights, x.shape[0]) @ x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        weights, x, rows, columns, rows_back, columns_back, back = ctx.saved_tensors
        of_x = of_weights = None
        if ctx.needs_input_grad[1]:
            of_x = _csr(rows_back, columns_back, weights[back], x.shape[0]) @ gradient
        if ctx.needs_input_grad[0]:
            targets = torch.repeat_interleave(torch.arange(len(rows) - 1, device=rows.device), rows.diff())
            of_weights = (gradient[targets] * x[columns]).sum(1)
        return of_weights, of_x, None, None, None, None, None


def _csr(rows: Tensor, columns: Tensor, values: Tensor, count: int) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(rows, columns, values, (count, count), check_invariants=False)
