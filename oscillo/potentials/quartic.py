"""The quartic potential: the Mexican hat, whose brim is a limit cycle's amplitude."""

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
class QuarticPotentialSpec(PotentialSpec):
    """V = -mu/2 |x|^2 + saturation/4 |x|^4: on the plane, with frequencies, Stuart-Landau oscillators.

    For mu > 0 the amplitude goes to sqrt(mu / saturation), for mu <= 0 to zero (Stuart 1960, Kuramoto 1984).
    """

    kind: Literal["quartic"] = "quartic"
    mu: Values = Field(
        default=1.0,
        description="Growth rate of small amplitudes: a number, a list with one for each oscillator, or a file.",
    )
    saturation: float = Field(default=1.0, gt=0, allow_inf_nan=False, description="What limits large amplitudes.")
    learn: bool = Field(default=False, description="Whether mu is trained.")

    def problems(self, shape: StateShape) -> list[str]:
        """As many numbers as oscillators."""
        return [f"mu {text}" for text in value_problems(self.mu, shape.oscillators)]

    def build(self, shape: StateShape) -> Quartic:
        """The hat."""
        mu = read_values(self.mu, shape.oscillators).to(torch.get_default_dtype())
        return Quartic(mu, self.saturation, learn=self.learn)


class Quartic(Potential):
    """V = -mu/2 |x|^2 + saturation/4 |x|^4, with mu a number or [oscillator]."""

    stackable = frozenset({"mu", "saturation"})

    def __init__(self, mu: Tensor, saturation: float, *, learn: bool) -> None:
        super().__init__()
        self.mu = nn.Parameter(mu, requires_grad=learn)
        self.saturation = nn.Parameter(torch.tensor(saturation), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """V(x)."""
        square = x.square().sum(dim=-2, keepdim=True)
        return -self.mu / 2 * square + self.saturation / 4 * square.square()

    def gradient(self, x: Tensor) -> Tensor:
        """(saturation |x|^2 - mu) x."""
        return (self.saturation * x.square().sum(dim=-2, keepdim=True) - self.mu) * x
