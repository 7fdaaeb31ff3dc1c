"""What a stimulus is: what an oscillator feels from outside."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec


class StimulusSpec(ComponentSpec):
    """What an oscillator feels from outside."""

    role: ClassVar[str] = "stimulus"

    def build(self, shape: StateShape) -> Stimulus:
        """The module that turns what arrives at the layer into its stimulus."""
        raise NotImplementedError


class Stimulus(nn.Module):
    """Turns what arrives at a layer into the stimulus that acts during its steps."""

    def forward(self, arriving: Tensor) -> Tensor:
        """Stimulus of the shape of what arrives, [sample, *sites, component, oscillator]."""
        raise NotImplementedError
