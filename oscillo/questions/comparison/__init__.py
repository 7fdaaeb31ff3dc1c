"""Comparison of integrators: the same dynamics, one after the other, against a tight reference."""

from oscillo.questions.comparison.comparing import compare
from oscillo.questions.comparison.question import Compare

__all__ = ["Compare", "compare"]
