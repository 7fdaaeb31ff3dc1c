"""Where oscillators start. One file per kind."""

from oscillo.simulation.initial.base import InitialSpec
from oscillo.simulation.initial.former_run import FormerRunInitialSpec
from oscillo.simulation.initial.given import GivenInitialSpec
from oscillo.simulation.initial.twisted import TwistedInitialSpec
from oscillo.simulation.initial.uniform import UniformInitialSpec

__all__ = ["FormerRunInitialSpec", "GivenInitialSpec", "InitialSpec", "TwistedInitialSpec", "UniformInitialSpec"]
