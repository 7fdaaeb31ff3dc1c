"""Triadic coupling: oscillators that interact three at a time, on the triangles of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from oscillo.couplings.base import Coupling, CouplingSpec
from oscillo.graphs import GraphSource, read_simplices, triangles
from oscillo.layout import StateShape
from oscillo.spec import register

_OF_FILES = ("directed", "weighted", "signed")
"""Fields without which some files cannot be read, and which say nothing about triangles."""


@register
class TriadicCouplingSpec(CouplingSpec, GraphSource):
    """Every oscillator feels the pairs with which it forms a triangle: all those of a graph, or those in a file."""

    kind: Literal["triadic"] = "triadic"
    simplices: str | None = Field(
        default=None,
        description="File with a line `i j k [weight]` for each triangle, nodes counted from 0; in place of a graph, "
        "all of whose triangles interact.",
    )
    strength: float = Field(
        default=1.0, allow_inf_nan=False, description="Coupling strength, in units of inverse time."
    )
    form: Literal["sum", "difference"] = Field(
        default="sum",
        description="What a phase feels of two others: `sum` sin(theta_j + theta_k - 2 theta_i), `difference` "
        "sin(2 theta_j - theta_k - theta_i) and the same with j and k exchanged.",
    )
    per_oscillator: bool = Field(
        default=False, description="Whether what an oscillator feels is divided by the number of its triangles."
    )

    @model_validator(mode="after")
    def _graph_comes_from_one_place(self) -> TriadicCouplingSpec:
        if self.simplices is None:
            GraphSource._graph_comes_from_one_place(self)  # pyright: ignore[reportCallIssue]
        else:
            fields = GraphSource.model_fields.items()
            given = [key for key, info in fields if getattr(self, key) != info.get_default(call_default_factory=True)]
            if given:
                where = "triangles come from `simplices`, or from the graph of a `generator` or `file`"
                raise ValueError(f"{where}: give one of them; `{given[0]}` belongs to a graph")
        if self.normalization != "none":
            raise ValueError("the links of the graph have no weights here to be normalised: take `per_oscillator`")
        if self.generator is not None:
            idle = [f"`{key}`" for key in _OF_FILES if getattr(self, key) != GraphSource.model_fields[key].default]
            if idle:
                words = "the triangles of a generated graph have neither directions nor weights"
                raise ValueError(f"{words}: leave out {' and '.join(idle)}")
        return self

    def problems(self, shape: StateShape) -> list[str]:
        """Phases without sites, and a file or graph that is there and has triangles."""
        if shape.sites:
            return [f"triangles join the oscillators of a layer without sites, and the sites are {list(shape.sites)}"]
        if shape.components != 2:
            return [f"triadic coupling is about phases, and vectors of {shape.components} components have none"]
        try:
            corners, _ = self.corners(shape.oscillators)
        except (ValueError, OSError) as error:
            return [str(error)]
        return [] if len(corners) else ["the graph has no triangles"]

    def corners(self, oscillators: int) -> tuple[Tensor, Tensor]:
        """Corners int64 [triangle, 3] and weights float64 [triangle].

        Raises:
            ValueError: when the graph or the file cannot be had.
        """
        if self.simplices is not None:
            corners, weights = read_simplices(Path(self.simplices), oscillators)
            return torch.tensor(corners), torch.tensor(weights)
        corners = torch.tensor(triangles(self.read(oscillators), oscillators))
        return corners, torch.ones(len(corners), dtype=torch.float64)

    def build(self, shape: StateShape) -> TriadicCoupling:
        """The coupling by gather and scatter."""
        return TriadicCoupling(self, shape)


class TriadicCoupling(Coupling):
    r"""y_i = K \sum_{jk} w_ijk z_j z_k conj(z_i), or K \sum_{jk} w_ijk (z_j^2 conj(z_k) + z_k^2 conj(z_j)).

    z are the vectors as complex numbers; the tangent part is \sin(\theta_j + \theta_k - 2\theta_i) (Tanaka and Aoyagi
    2011), or \sin(2\theta_j - \theta_k - \theta_i) with both orders (Skardal and Arenas 2020). The cost is linear in
    the number of triangles.
    """

    compilable = False
    stackable = frozenset({"strength"})
    at: Tensor
    first: Tensor
    second: Tensor
    weights: Tensor

    def __init__(self, spec: TriadicCouplingSpec, shape: StateShape) -> None:
        super().__init__()
        corners, weights = spec.corners(shape.oscillators)
        self.strength = nn.Parameter(torch.tensor(spec.strength), requires_grad=False)
        self.difference = spec.form == "difference"
        i, j, k = corners.T
        at = torch.cat((i, j, k))
        if spec.per_oscillator:
            count = torch.bincount(at, minlength=shape.oscillators).clamp_min(1).double()
            weights = weights.repeat(3) / count[at]
        else:
            weights = weights.repeat(3)
        self.register_buffer("at", at)
        self.register_buffer("first", torch.cat((j, k, i)))
        self.register_buffer("second", torch.cat((k, i, j)))
        self.register_buffer("weights", weights.to(torch.get_default_dtype()))

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field of each oscillator, [sample, 2, oscillator]."""
        z = torch.complex(neighbours[..., 0, :], neighbours[..., 1, :])
        a, b = z[..., self.first], z[..., self.second]
        pull = a * a * b.conj() + b * b * a.conj() if self.difference else a * b * z[..., self.at].conj()
        felt = torch.zeros_like(z).index_add(-1, self.at, pull * self.weights.to(pull.dtype))
        return self.strength * torch.stack((felt.real, felt.imag), dim=-2)
