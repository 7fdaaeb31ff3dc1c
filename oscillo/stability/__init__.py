"""What needs the network itself: how it answers to small disturbances, where it rests, and what leads there."""

from oscillo.stability.system import System, derivative

__all__ = ["System", "derivative"]
