"""Sweeps: a spec for many values of its parameters, as one dataset."""

from oscillo.questions.sweep.planning import plan_text
from oscillo.questions.sweep.running import sweep, sweep_spec
from oscillo.questions.sweep.units import divided

__all__ = ["divided", "plan_text", "sweep", "sweep_spec"]
