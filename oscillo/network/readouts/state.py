"""State readout: the last state as it is, with or without a layer normalisation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from oscillo.layout import StateShape, join
from oscillo.network.readouts.base import Readout, ReadoutSpec
from oscillo.spec import register


@register
class StateReadoutSpec(ReadoutSpec):
    """The components of the last state, channel by channel."""

    kind: Literal["state"] = "state"
    normalize: bool = Field(default=False, description="Whether a layer normalisation over the channels follows.")

    def channels_out(self, shape: StateShape, following: int | None) -> int:
        """The layer's own channels."""
        return shape.channels

    def build(self, shape: StateShape, channels: int) -> StateReadout:
        """The readout."""
        return StateReadout(channels, normalize=self.normalize)


class StateReadout(Readout):
    """Features are the state, joined over components and oscillators."""

    def __init__(self, channels: int, *, normalize: bool) -> None:
        super().__init__()
        self.normalize = nn.LayerNorm(channels) if normalize else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Features [sample, *sites, channel]."""
        return self.normalize(join(x))
