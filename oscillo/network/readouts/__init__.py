"""How a layer's last state becomes features. One file per kind."""

from oscillo.network.readouts.base import Readout, ReadoutSpec
from oscillo.network.readouts.norm import NormReadout, NormReadoutSpec
from oscillo.network.readouts.state import StateReadout, StateReadoutSpec

__all__ = ["NormReadout", "NormReadoutSpec", "Readout", "ReadoutSpec", "StateReadout", "StateReadoutSpec"]
