"""Simulate: a network of oscillators in time, alone or as an ensemble, observed and recorded."""

from oscillo_tasks.simulate.task import SimulateTaskSpec

__all__ = ["SimulateTaskSpec"]
