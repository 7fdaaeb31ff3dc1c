"""What an initial condition is: where oscillators start."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from oscillo.draws import Draws
from oscillo.layout import State
from oscillo.network.layer import Problem
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.spec import ComponentSpec

INITIAL, DISTURBANCE = 0, 1
"""What the draws of initial states and of what disturbs them are for."""


class InitialSpec(ComponentSpec):
    """Where oscillators start."""

    role: ClassVar[str] = "initial"

    @property
    def differs(self) -> bool:
        """Whether samples of different seeds may start from different states."""
        return True

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...], samples: int) -> list[Problem]:
        """Reasons why so many samples of that layer cannot start so, each with its place; empty when they can."""
        return []

    def states(self, layer: OscillatorLayer, draws: Draws) -> State:
        """Initial `x`, and where they are known `v`, of the samples that draw.

        Args:
            layer: whose oscillators start.
            draws: key of random numbers, with one index for each sample.

        Returns:
            Tensors [sample, *sites, component, oscillator] in float64, not yet on the manifold.

        Raises:
            ValueError: when a file or run cannot be read.
        """
        raise NotImplementedError


class DisturbedInitialSpec(InitialSpec):
    """An initial condition to which noise may be added."""

    noise: float = Field(
        default=0.0, ge=0, allow_inf_nan=False,
        description="Standard deviation of normal numbers that are added to it, for each sample its own.",
    )  # fmt: skip

    @property
    def differs(self) -> bool:
        """By the noise."""
        return self.noise > 0

    def disturbed(self, x: Tensor, layer: OscillatorLayer, draws: Draws) -> Tensor:
        """One state x [*sites, component, oscillator] for all samples, with noise for each, where the draws are."""
        together = x.to(draws.index.device, torch.float64).expand(len(draws.index), *x.shape)
        if not self.noise:
            return together.clone()
        return together + self.noise * draws.normal(tuple(x.shape), purpose=DISTURBANCE).double()


def axes(layer: OscillatorLayer) -> tuple[int, ...]:
    """Lengths of the axes of one sample's state."""
    shape = layer.shape
    return (*shape.sites, shape.components, shape.oscillators)


def as_state(angles: Tensor, layer: OscillatorLayer) -> Tensor:
    """Angles [*sites, 1, oscillator] as states of a manifold whose points have a phase."""
    if layer.oscillators.manifold.winds:
        return angles
    return torch.cat((angles.cos(), angles.sin()), dim=-2)
