"""Norm readout: how far groups of oscillators agree in directions that are learned."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from oscillo.layout import StateShape, join
from oscillo.network.readouts.base import Readout, ReadoutSpec
from oscillo.spec import register


@register
class NormReadoutSpec(ReadoutSpec):
    """Norms of linear maps of the state: how long each mapped vector is, and not where it points (AKOrN)."""

    kind: Literal["norm"] = "norm"
    channels: int | None = Field(
        default=None, ge=1, description="Features at each site; left out, as many as the next layer (or this one) has."
    )
    dimension: int | None = Field(
        default=None,
        ge=1,
        description="Components of each vector whose norm is taken; left out, the layer's dimension.",
    )
    residual: bool = Field(default=True, description="Whether a residual two-layer network follows the norms.")

    def channels_out(self, shape: StateShape, following: int | None) -> int:
        """As declared, or those of the next layer, or the layer's own."""
        return self.channels or following or shape.channels

    def build(self, shape: StateShape, channels: int) -> NormReadout:
        """The readout with PyTorch's default initial weights."""
        return NormReadout(shape.channels, channels, self.dimension or shape.components, residual=self.residual)


class NormReadout(Readout):
    """m_k = |W_k x| + b_k, then (with `residual`) r = m + W_2 relu(W_1 relu(m)) and W_3 relu(r).

    Miyato et al. 2025 (AKOrN), section 4, and the released code for the residual part.
    """

    def __init__(self, channels_in: int, channels_out: int, dimension: int, *, residual: bool) -> None:
        super().__init__()
        self.dimension = dimension
        self.map = nn.Linear(channels_in, dimension * channels_out)
        self.bias = nn.Parameter(torch.zeros(channels_out))
        linear = lambda: nn.Linear(channels_out, channels_out)  # noqa: E731
        self.residual = nn.ModuleList([linear(), linear(), linear()]) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        """Features [sample, *sites, channel]."""
        vectors = self.map(join(x)).unflatten(-1, (self.dimension, -1))
        # By hand, because torch's vector norm is slow along an axis that is not the last one. The floor keeps the
        # gradient of a zero vector at zero.
        m = vectors.square().sum(dim=-2).clamp_min(torch.finfo(vectors.dtype).tiny).sqrt() + self.bias
        if self.residual is None:
            return m
        first, second, last = self.residual
        r = m + second(F.relu(first(F.relu(m))))
        return last(F.relu(r))
