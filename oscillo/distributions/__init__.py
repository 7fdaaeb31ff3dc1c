"""What numbers are drawn from, such as natural frequencies. One file per kind."""

from oscillo.distributions.base import DistributionSpec
from oscillo.distributions.lorentzian import LorentzianSpec
from oscillo.distributions.normal import NormalSpec
from oscillo.distributions.uniform import UniformSpec

__all__ = ["DistributionSpec", "LorentzianSpec", "NormalSpec", "UniformSpec"]
