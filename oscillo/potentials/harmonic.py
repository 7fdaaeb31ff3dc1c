"""The harmonic potential: a spring to the origin."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.potentials.base import Potential, PotentialSpec
from oscillo.spec import register
from oscillo.values import Values, read_values, value_problems


@register
class HarmonicPotentialSpec(PotentialSpec):
    """V = k/2 |x|^2. With inertia, an oscillator of frequency sqrt(k / mass): coRNN, HORN, GraphCON."""

    kind: Literal["harmonic"] = "harmonic"
    stiffness: Values = Field(
        default=1.0,
        description="k, force for each unit of displacement: a number, a list with one for each oscillator, or a file.",
    )
    learn: bool = Field(default=False, description="Whether it is trained.")

    def problems(self, shape: StateShape) -> list[str]:
        """As many numbers as oscillators."""
        return [f"the stiffness {text}" for text in value_problems(self.stiffness, shape.oscillators)]

    def build(self, shape: StateShape) -> Harmonic:
        """The spring."""
        stiffness = read_values(self.stiffness, shape.oscillators).to(torch.get_default_dtype())
        return Harmonic(stiffness, learn=self.learn)


class Harmonic(Potential):
    """V = k/2 |x|^2, with k a number or [oscillator]."""

    stackable = frozenset({"stiffness"})

    def __init__(self, stiffness: Tensor, *, learn: bool) -> None:
        super().__init__()
        self.stiffness = nn.Parameter(stiffness, requires_grad=learn)

    def forward(self, x: Tensor) -> Tensor:
        """k/2 |x|^2."""
        return self.stiffness / 2 * x.square().sum(dim=-2, keepdim=True)

    def gradient(self, x: Tensor) -> Tensor:
        """k x."""
        return self.stiffness * x
