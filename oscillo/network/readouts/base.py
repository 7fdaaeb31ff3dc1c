"""What a readout is: how a layer's last state becomes features for the next layer or the head."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec


class ReadoutSpec(ComponentSpec):
    """How a layer's last state becomes features."""

    role: ClassVar[str] = "readout"

    def channels_out(self, shape: StateShape, following: int | None) -> int:
        """Channels of the features, given the layer's shape and the channels of the next layer, if there is one."""
        raise NotImplementedError

    def build(self, shape: StateShape, channels: int) -> Readout:
        """The module, for features of that many channels."""
        raise NotImplementedError


class Readout(nn.Module):
    """Maps a last state [sample, *sites, component, oscillator] to features [sample, *sites, channel]."""

    def forward(self, x: Tensor) -> Tensor:
        """Features of the last state."""
        raise NotImplementedError
