"""What an oscillator feels from the others. One file per kind."""

from oscillo.couplings.attention import Attention, AttentionCouplingSpec
from oscillo.couplings.base import Coupling, CouplingSpec
from oscillo.couplings.convolution import Convolution, ConvolutionCouplingSpec
from oscillo.couplings.energy_attention import EnergyAttention, EnergyAttentionCouplingSpec
from oscillo.couplings.graph import GraphCoupling, GraphCouplingSpec
from oscillo.couplings.multi_head import PositionBlocks

__all__ = [
    "Attention", "AttentionCouplingSpec", "Convolution", "ConvolutionCouplingSpec", "Coupling", "CouplingSpec",
    "EnergyAttention", "EnergyAttentionCouplingSpec", "GraphCoupling", "GraphCouplingSpec", "PositionBlocks",
]  # fmt: skip
