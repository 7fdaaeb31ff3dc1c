"""Stability from a spec or a run: Lyapunov exponents, fixed points, basins; the methods are in `oscillo.stability`."""

from oscillo.questions.stability.exponents import LyapunovQuestion
from oscillo.questions.stability.rests import FixedPointsQuestion
from oscillo.questions.stability.shares import BasinsQuestion

__all__ = ["BasinsQuestion", "FixedPointsQuestion", "LyapunovQuestion"]
