"""What needs the network itself: how it answers to small disturbances, where it rests, and what leads there."""

from oscillo.stability.basins import Attractor, Basins, Share, basins
from oscillo.stability.divergence import mean_divergence
from oscillo.stability.fixed_points import FixedPoint, FixedPoints, fixed_points
from oscillo.stability.functions import flow, iterated_map
from oscillo.stability.jacobian import jacobian, leading_eigenvalues, linear_operator
from oscillo.stability.lyapunov import lyapunov_exponents
from oscillo.stability.spectrum import LyapunovSpectrum
from oscillo.stability.starts import random_starts
from oscillo.stability.system import System, derivative
from oscillo.stability.tangent import TangentSpace

__all__ = [
    "Attractor", "Basins", "FixedPoint", "FixedPoints", "LyapunovSpectrum", "Share", "System", "TangentSpace", "basins",
    "derivative", "fixed_points", "flow", "iterated_map", "jacobian", "leading_eigenvalues", "linear_operator",
    "lyapunov_exponents", "mean_divergence", "random_starts",
]  # fmt: skip
