"""What an oscillator feels from the others. One file per kind."""

from oscillo.couplings.attention import Attention, AttentionCouplingSpec
from oscillo.couplings.base import Coupling, CouplingSpec
from oscillo.couplings.convolution import Convolution, ConvolutionCouplingSpec
from oscillo.couplings.delays import DelaySpec, Past
from oscillo.couplings.dense import DenseCoupling, DenseCouplingSpec
from oscillo.couplings.energy_attention import EnergyAttention, EnergyAttentionCouplingSpec
from oscillo.couplings.graph import GraphCoupling, GraphCouplingSpec
from oscillo.couplings.linear import LinearCoupling, LinearCouplingSpec, LinkCoupling
from oscillo.couplings.mean_field import MeanFieldCoupling, MeanFieldCouplingSpec
from oscillo.couplings.multi_head import PositionBlocks
from oscillo.couplings.ring import RingCoupling, RingCouplingSpec
from oscillo.couplings.self_coupling import SelfCoupling, SelfCouplingSpec
from oscillo.couplings.sum import SumCoupling, SumCouplingSpec
from oscillo.couplings.triadic import TriadicCoupling, TriadicCouplingSpec

__all__ = [
    "Attention", "AttentionCouplingSpec", "Convolution", "ConvolutionCouplingSpec", "Coupling", "CouplingSpec",
    "DelaySpec", "DenseCoupling", "DenseCouplingSpec", "EnergyAttention", "EnergyAttentionCouplingSpec",
    "GraphCoupling", "GraphCouplingSpec", "LinearCoupling", "LinearCouplingSpec", "LinkCoupling", "MeanFieldCoupling",
    "MeanFieldCouplingSpec", "Past", "PositionBlocks", "RingCoupling", "RingCouplingSpec", "SelfCoupling",
    "SelfCouplingSpec", "SumCoupling", "SumCouplingSpec", "TriadicCoupling", "TriadicCouplingSpec",
]  # fmt: skip
