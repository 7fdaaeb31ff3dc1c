"""Sweeps: a spec for many values of its parameters, as one dataset."""

from oscillo.questions.sweep.running import sweep, sweep_spec

__all__ = ["sweep", "sweep_spec"]
