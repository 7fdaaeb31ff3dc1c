"""Uniform initial states: spread evenly over the manifold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from oscillo.draws import Draws
from oscillo.layout import State
from oscillo.manifolds import SphereSpec
from oscillo.network.layer import Problem
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.simulation.initial.base import INITIAL, InitialSpec, axes
from oscillo.spec import register


@register
class UniformInitialSpec(InitialSpec):
    """Points spread evenly over the manifold, for each sample its own; in the plane and in R^k over the unit ball."""

    kind: Literal["uniform"] = "uniform"
    scale: float = Field(
        default=1.0, gt=0, le=1e6,
        description="What states are multiplied by: 0.1 starts near angle zero, or the origin.",
    )  # fmt: skip

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...], samples: int) -> list[Problem]:
        """A sphere has no points near the origin."""
        if self.scale != 1 and isinstance(layer.manifold, SphereSpec):
            words = "on a sphere all points are as far from the origin"
            return [(("scale",), f"{words}; leave `scale` out, or take `given` with `noise`")]
        return []

    def states(self, layer: OscillatorLayer, draws: Draws) -> State:
        """Keyed draws, spread by the manifold."""
        return {"x": self.scale * layer.spread(draws.normal(axes(layer), purpose=INITIAL).double())}
