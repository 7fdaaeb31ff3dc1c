"""What a block is: one step of a network that is not made of oscillators."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec


class BlockSpec(ComponentSpec):
    """One step of a block layer."""

    role: ClassVar[str] = "block"

    def problems(self, shape: StateShape) -> list[str]:
        """Reasons why the block cannot serve states of that shape (one component, channels as oscillators)."""
        return []

    def build(self, shape: StateShape) -> Block:
        """The module that takes one step."""
        raise NotImplementedError


class Block(nn.Module):
    """Maps features h and stimulus, both [sample, *sites, channel], to the features after one step."""

    def forward(self, h: Tensor, stimulus: Tensor) -> Tensor:
        """Features after one step."""
        raise NotImplementedError
