"""Sweeps: a spec for many values of its parameters, as one dataset."""

from oscillo.questions.sweep.running import sweep, sweep_spec
from oscillo.questions.sweep.units import divided, division_text

__all__ = ["divided", "division_text", "sweep", "sweep_spec"]
