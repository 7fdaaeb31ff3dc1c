"""What the couplings made of attention share: heads, and learned blocks that tell them where a site is."""

from __future__ import annotations

from math import ceil
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from oscillo.couplings.base import CouplingSpec
from oscillo.layout import StateShape


class MultiHeadCouplingSpec(CouplingSpec):
    """A coupling between all sites, by how well their queries and keys agree."""

    kind: str
    heads: int = Field(default=8, ge=1, description="Attention heads; they divide the channels.")
    position: Literal["none", "gta"] = Field(
        default="none",
        description="`gta`: learned 2x2 blocks per position on queries and keys, and on values and outputs where the "
        "coupling has them (geometric transform attention), started as rotations by row and column. `none`: the sites "
        "are a set.",
    )
    base: float = Field(
        default=10000.0, gt=1, allow_inf_nan=False,
        description="Ratio of the fastest to the slowest rotation of `gta`.",
    )  # fmt: skip

    def problems(self, shape: StateShape) -> list[str]:
        """Heads divide the channels, and position blocks need a grid and an even number of channels per head."""
        found = []
        if not shape.sites:
            found.append(f"{self.kind} couples sites, and this network has none; give `sites` or take another coupling")
        if shape.channels % self.heads:
            found.append(f"{self.heads} heads do not divide {shape.channels} channels")
        elif self.position == "gta" and (shape.channels // self.heads) % 2:
            found.append(f"`gta` needs an even number of channels per head: {shape.channels} / {self.heads} is odd")
        if self.position == "gta" and len(shape.sites) not in (0, 2):
            found.append(f"`gta` needs a grid of two axes (y, x), and the sites are {list(shape.sites)}")
        return found

    def position_blocks(self, shape: StateShape, count: int) -> PositionBlocks | None:
        """Fresh blocks for the first `count` of query, key, value and output; None where the sites are a set."""
        return PositionBlocks(shape, self.heads, self.base, count) if self.position == "gta" else None


class PositionBlocks(nn.Module):
    """Geometric transform attention as AKOrN parametrises it: a free 2x2 block per position and channel pair.

    Miyato et al. 2024 (GTA) fix the blocks as rotations; AKOrN starts there and trains queries', keys', values' and
    outputs' blocks freely. Shape of `blocks`: [which, y, x, row, column, pair], in the order query, key, value,
    output, as far as the coupling has them. Pair p of a head is its channels p and p + d/2, all heads share the blocks.
    """

    def __init__(self, shape: StateShape, heads: int, base: float, count: int) -> None:
        super().__init__()
        rows, columns = shape.sites
        pairs = shape.channels // heads // 2
        self.blocks = nn.Parameter(rotation_blocks(rows, columns, pairs, base)[:count].clone())

    def on_grid(self, sites: tuple[int, ...]) -> Tensor:
        """Blocks [which, position, row, column, pair]; resized bilinearly (no corner alignment) for another grid."""
        blocks = self.blocks
        if tuple(blocks.shape[1:3]) != tuple(sites):
            image = blocks.permute(0, 3, 4, 5, 1, 2).flatten(0, 2)
            image = F.interpolate(image, size=sites, mode="bilinear", align_corners=False)
            image = image.unflatten(0, (blocks.shape[0], *blocks.shape[3:5]))
            blocks = image.permute(0, 4, 5, 1, 2, 3)
        return blocks.flatten(1, 2)


def rotation_blocks(rows: int, columns: int, pairs: int, base: float) -> Tensor:
    """Rotations by coordinate times frequency, [4, y, x, 2, 2, pair]; the output's turn back.

    Pair 2k turns with the row and pair 2k + 1 with the column, both at base**(-k / F) radians per site, where
    F = ceil(pairs / 2).
    """
    count = ceil(pairs / 2)
    rate = base ** (-torch.arange(count, dtype=torch.float64) / count)
    angle = torch.empty(rows, columns, count, 2, dtype=torch.float64)
    angle[..., 0] = torch.arange(rows, dtype=torch.float64)[:, None, None] * rate
    angle[..., 1] = torch.arange(columns, dtype=torch.float64)[None, :, None] * rate
    angle = angle.flatten(-2)[..., :pairs]
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack((torch.stack((cos, -sin), dim=-2), torch.stack((sin, cos), dim=-2)), dim=-3)
    return torch.stack((turn, turn, turn, turn.transpose(-3, -2))).float()


def turned(blocks: Tensor, vectors: Tensor) -> Tensor:
    """Vectors with a 2x2 block applied to each channel pair, written out as multiplies that fuse.

    Args:
        blocks: [position, row, column, pair].
        vectors: [sample, position, head, channel], channel = half, pair.
    """
    first, second = vectors.unflatten(-1, (2, vectors.shape[-1] // 2)).unbind(-2)
    (a, b), (c, d) = (row.unbind(1) for row in blocks.unsqueeze(-2).unbind(1))
    return torch.stack((a * first + b * second, c * first + d * second), dim=-2).flatten(-2)
