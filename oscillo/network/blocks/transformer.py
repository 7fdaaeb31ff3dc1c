"""The parts of a Transformer as blocks: self-attention, feed-forward, and a table of positions."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.network.blocks.base import Block, BlockSpec
from oscillo.spec import register


@register
class SelfAttentionBlockSpec(BlockSpec):
    """h' = h + attention(layer_norm(h)); stepped several times it is iterated self-attention."""

    kind: Literal["self_attention"] = "self_attention"
    heads: int = Field(default=8, ge=1, description="Attention heads; they divide the channels.")

    def problems(self, shape: StateShape) -> list[str]:
        """Heads divide the channels, and there are sites to attend to."""
        found = [] if shape.sites else ["self-attention attends between sites, and this network has none"]
        if shape.channels % self.heads:
            found.append(f"{self.heads} heads do not divide {shape.channels} channels")
        return found

    def build(self, shape: StateShape) -> SelfAttentionBlock:
        """The block."""
        return SelfAttentionBlock(shape.channels, self.heads)


class SelfAttentionBlock(Block):
    """Pre-norm multi-head self-attention over all sites, with a residual connection."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, h: Tensor, stimulus: Tensor) -> Tensor:
        """Features after one step, [sample, *sites, channel]."""
        tokens = self.norm(h).flatten(1, -2)
        q, k, v = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).transpose(1, 3).unbind(2)
        o = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
        return h + self.out(o).view(h.shape)


@register
class FeedForwardBlockSpec(BlockSpec):
    """h' = h + W_2 gelu(W_1 layer_norm(h))."""

    kind: Literal["feed_forward"] = "feed_forward"
    ratio: float = Field(default=2.0, gt=0, allow_inf_nan=False, description="Hidden channels over channels.")

    def build(self, shape: StateShape) -> FeedForwardBlock:
        """The block."""
        return FeedForwardBlock(shape.channels, max(1, round(self.ratio * shape.channels)))


class FeedForwardBlock(Block):
    """Pre-norm two-layer network at each site, with a residual connection."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.first, self.second = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, h: Tensor, stimulus: Tensor) -> Tensor:
        """Features after one step, [sample, *sites, channel]."""
        return h + self.second(F.gelu(self.first(self.norm(h))))


@register
class PositionTableBlockSpec(BlockSpec):
    """h' = h + a trained vector for each site, started as a sinusoid of row and column."""

    kind: Literal["position_table"] = "position_table"
    base: float = Field(
        default=10000.0, gt=1, allow_inf_nan=False, description="Ratio of the fastest to the slowest sinusoid."
    )

    def problems(self, shape: StateShape) -> list[str]:
        """The sinusoids need a grid and channels in fours."""
        found = []
        if len(shape.sites) != 2:
            found.append(f"a position table needs a grid of two axes (y, x), and the sites are {list(shape.sites)}")
        if shape.channels % 4:
            found.append(f"a position table needs a multiple of 4 channels, and there are {shape.channels}")
        return found

    def build(self, shape: StateShape) -> PositionTableBlock:
        """The block."""
        return PositionTableBlock(shape, self.base)


class PositionTableBlock(Block):
    """Half of the channels start as sines and cosines of the column, half of the row (Vaswani et al. 2017)."""

    def __init__(self, shape: StateShape, base: float) -> None:
        super().__init__()
        rows, columns = shape.sites
        count = shape.channels // 4
        rate = base ** (-torch.arange(count) / count)
        wave = lambda n: torch.stack((  # noqa: E731
            (torch.arange(n)[:, None] * rate).sin(), (torch.arange(n)[:, None] * rate).cos(),
        ), dim=-1).flatten(1)  # fmt: skip
        by_column, by_row = wave(columns).expand(rows, -1, -1), wave(rows)[:, None].expand(-1, columns, -1)
        self.table = nn.Parameter(torch.cat((by_column, by_row), dim=-1))

    def forward(self, h: Tensor, stimulus: Tensor) -> Tensor:
        """Features after one step, [sample, y, x, channel]."""
        return h + self.table
