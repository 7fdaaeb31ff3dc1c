"""Steps that are not made of oscillators, for baselines and mixed networks. One file per family."""

from oscillo.network.blocks.base import Block, BlockSpec
from oscillo.network.blocks.transformer import (
    FeedForwardBlock,
    FeedForwardBlockSpec,
    PositionTableBlock,
    PositionTableBlockSpec,
    SelfAttentionBlock,
    SelfAttentionBlockSpec,
)

__all__ = [
    "Block", "BlockSpec", "FeedForwardBlock", "FeedForwardBlockSpec", "PositionTableBlock", "PositionTableBlockSpec",
    "SelfAttentionBlock", "SelfAttentionBlockSpec",
]  # fmt: skip
