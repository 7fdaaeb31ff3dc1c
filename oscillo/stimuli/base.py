"""What a stimulus is: what an oscillator feels from outside."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec


class StimulusSpec(ComponentSpec):
    """What an oscillator feels from outside."""

    role: ClassVar[str] = "stimulus"

    def problems(self, shape: StateShape) -> list[str]:
        """Reasons why this stimulus cannot serve oscillators that are seen in that shape; empty when it can."""
        return []

    def build(self, shape: StateShape) -> Stimulus:
        """The module that turns what arrives at the layer into its stimulus."""
        raise NotImplementedError


class Stimulus(nn.Module):
    """Turns what arrives at a layer into the stimulus that acts during its steps."""

    drive: Drive | None = None
    """What changes with time, besides."""
    needs_input = True
    """Whether there is no stimulus where nothing arrives."""

    def forward(self, arriving: Tensor) -> Tensor | None:
        """Stimulus of the shape of what arrives, [sample, *sites, component, oscillator]; None for zero."""
        raise NotImplementedError


class Drive(nn.Module):
    """A stimulus that is a function of time."""

    acts_on: Literal["field", "velocity"] = "field"
    """Whether it is a vector added to what an oscillator feels, or is added to its velocity."""

    @property
    def steady(self) -> bool:
        """Whether it is the same at all times."""
        return False

    def forward(self, t: Tensor | float) -> Tensor:
        """The stimulus at time t, a scalar or [sample, 1, ...]; broadcasts against [*sites, component, oscillator]."""
        raise NotImplementedError

    def next_break(self, t: Tensor) -> Tensor:
        """The first time after t at which the stimulus or its slope jumps, infinity where none comes; as t is.

        Solvers that choose their own steps end one there: a pulse between two evaluations would go unnoticed.
        """
        return torch.full_like(t, torch.inf)
