"""What numbers are drawn from, such as natural frequencies. One file per kind."""

from oscillo.distributions.base import FREQUENCIES, WEIGHTS, DistributionSpec
from oscillo.distributions.lorentzian import LorentzianSpec
from oscillo.distributions.normal import NormalSpec
from oscillo.distributions.uniform import UniformSpec

__all__ = ["FREQUENCIES", "WEIGHTS", "DistributionSpec", "LorentzianSpec", "NormalSpec", "UniformSpec"]
