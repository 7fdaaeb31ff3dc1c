"""What an oscillator feels from the others. One file per kind."""

from oscillo.couplings.attention import Attention, AttentionCouplingSpec, PositionBlocks
from oscillo.couplings.base import Coupling, CouplingSpec
from oscillo.couplings.convolution import Convolution, ConvolutionCouplingSpec
from oscillo.couplings.graph import GraphCoupling, GraphCouplingSpec

__all__ = [
    "Attention", "AttentionCouplingSpec", "Convolution", "ConvolutionCouplingSpec", "Coupling", "CouplingSpec",
    "GraphCoupling", "GraphCouplingSpec", "PositionBlocks",
]  # fmt: skip
