"""Networks: layers of oscillators or blocks, readouts between them."""

from oscillo.integrators.loop import PLAIN, Unrolling
from oscillo.network.block_layer import BlockLayer, BlockLayerSpec
from oscillo.network.layer import Layer, LayerSpec
from oscillo.network.network import Network, NetworkObserver, NetworkOutput, NetworkSpec, Start, Way
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.network.reference_energies import reference_energies

__all__ = [
    "PLAIN", "BlockLayer", "BlockLayerSpec", "Layer", "LayerSpec", "Network", "NetworkObserver", "NetworkOutput",
    "NetworkSpec", "OscillatorLayer", "OscillatorLayerSpec", "Start", "Unrolling", "Way", "reference_energies",
]  # fmt: skip
