"""Twisted states: phases that wind around a ring or a grid."""

from __future__ import annotations

from math import pi
from typing import Literal

import torch
from pydantic import Field

from oscillo.draws import Draws
from oscillo.layout import State
from oscillo.network.layer import Problem
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.simulation.initial.base import DisturbedInitialSpec, as_state, axes
from oscillo.spec import register


@register
class TwistedInitialSpec(DisturbedInitialSpec):
    """theta_i = 2 pi q i / n around a ring of n oscillators, or along each axis of a grid.

    Wiley, Strogatz and Girvan 2006, Chaos 16, 015103.
    """

    kind: Literal["twisted"] = "twisted"
    turns: list[int] = Field(
        default=[1], min_length=1,
        description="q: whole turns around the ring, or along each axis of the grid. [0] starts all in phase.",
    )  # fmt: skip

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...], samples: int) -> list[Problem]:
        """Phases, and a number of turns for every axis."""
        if layer.manifold.seen != 2:
            words = f"twisted states are made of phases, and vectors of {layer.manifold.seen} components have none"
            return [((), f"{words}; take `uniform` or `given`")]
        wanted = max(1, len(sites))
        if len(self.turns) != wanted:
            where = f"the grid has {wanted} axes" if sites else "a ring has one axis"
            return [(("turns",), f"{len(self.turns)} numbers, and {where}")]
        return []

    def states(self, layer: OscillatorLayer, draws: Draws) -> State:
        """The same twist for all samples."""
        *sites, _, n = axes(layer)
        if sites:
            angles = torch.zeros((*sites, 1, n), dtype=torch.float64)
            for axis, (length, turns) in enumerate(zip(sites, self.turns, strict=True)):
                along = 2 * pi * turns * torch.arange(length, dtype=torch.float64) / length
                angles = angles + along.reshape(-1, *(1,) * (len(sites) - axis + 1))
        else:
            angles = (2 * pi * self.turns[0] * torch.arange(n, dtype=torch.float64) / n).reshape(1, n)
        return {"x": self.disturbed(as_state(angles, layer), layer, draws)}
