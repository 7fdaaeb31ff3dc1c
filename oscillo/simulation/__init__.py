"""Simulations: ensembles of one network, observed and recorded while they run."""

from oscillo.simulation.design import Course, Design
from oscillo.simulation.ensemble import EnsembleSpec, Member
from oscillo.simulation.initial import InitialSpec, UniformInitialSpec
from oscillo.simulation.recording import SimulationRecording
from oscillo.simulation.simulation import Simulation
from oscillo.simulation.task import SimulationTaskSpec

__all__ = [
    "Course", "Design", "EnsembleSpec", "InitialSpec", "Member", "Simulation", "SimulationRecording",
    "SimulationTaskSpec", "UniformInitialSpec",
]  # fmt: skip
