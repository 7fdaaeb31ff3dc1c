"""Natural frequencies as rotations: `shared` by all oscillators, one `per_oscillator`, or `drawn`."""

from __future__ import annotations

from math import prod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from oscillo.distributions import FREQUENCIES, DistributionSpec, NormalSpec
from oscillo.frequencies.base import Frequency, FrequencySpec, Turn
from oscillo.layout import StateShape
from oscillo.spec import Component, register
from oscillo.values import Values, read_values, value_problems


class _RotationSpec(FrequencySpec):
    shear: float = Field(
        default=0.0, allow_inf_nan=False,
        description="How much slower an oscillator turns with its squared amplitude: omega - shear |x|^2.",
    )  # fmt: skip
    learn: bool = Field(default=False, description="Whether the frequency is trained.")

    def problems(self, shape: StateShape) -> list[str]:
        """Planar rotations need an even number of components."""
        if shape.components % 2:
            return [f"planar rotations need an even dimension, and this one is {shape.components}"]
        return []

    @property
    def needs_amplitude(self) -> bool:
        """With shear."""
        return self.shear != 0


@register
class SharedFrequencySpec(_RotationSpec):
    """One frequency for every plane of every oscillator (AKOrN's global Omega)."""

    kind: Literal["shared"] = "shared"
    init: float = Field(
        default=1.0, allow_inf_nan=False, description="Angular frequency at first, in radians per unit of time."
    )

    def build(self, shape: StateShape) -> Rotation:
        """A rotation with one number."""
        return Rotation(torch.full((), self.init), shear=self.shear, learn=self.learn)


@register
class PerOscillatorFrequencySpec(_RotationSpec):
    """A frequency of its own for every plane of every oscillator, the same at all sites."""

    kind: Literal["per_oscillator"] = "per_oscillator"
    init: Values = Field(
        default=1.0,
        description="Angular frequencies at first, in radians per unit of time: a number, a list with one for each "
        "oscillator, or a file such as `grid.npz:power`.",
    )

    def problems(self, shape: StateShape) -> list[str]:
        """As many numbers as oscillators."""
        return super().problems(shape) + value_problems(self.init, shape.oscillators)

    def build(self, shape: StateShape) -> Rotation:
        """A rotation with a number for each plane and oscillator."""
        given = read_values(self.init, shape.oscillators).expand(shape.components // 2, shape.oscillators)
        return Rotation(given.to(torch.get_default_dtype()).contiguous(), shear=self.shear, learn=self.learn)


@register
class DrawnFrequencySpec(_RotationSpec):
    """A frequency from a distribution for every plane of every oscillator, at every site."""

    kind: Literal["drawn"] = "drawn"
    distribution: Component[DistributionSpec] = Field(
        default=NormalSpec(), description="Of the angular frequencies, in radians per unit of time."
    )
    spacing: Literal["random", "quantiles"] = Field(
        default="random",
        description="`random` numbers, or the distribution's evenly spaced `quantiles` in ascending order, which are "
        "without chance.",
    )
    seed: int | None = Field(
        default=None, ge=0, description="Of the numbers; left out, they follow the seed of the run, as weights do."
    )

    def build(self, shape: StateShape) -> Rotation:
        """A rotation with the drawn numbers."""
        axes = (*shape.sites, shape.components // 2, shape.oscillators)
        if self.spacing == "quantiles":
            omega = self.distribution.spaced(prod(axes)).reshape(axes)
        else:
            seed = int(torch.randint(2**62, ())) if self.seed is None else self.seed
            omega = self.distribution.random(axes, seed, purpose=FREQUENCIES)
        return Rotation(omega.to(torch.get_default_dtype()), shear=self.shear, learn=self.learn)


class Rotation(Frequency):
    """frequency(x) = Omega x, with one planar generator [[0, -w], [w, 0]] for each pair of components.

    A positive w turns counter-clockwise. Miyato et al. 2025 (AKOrN), section 3; their released code turns the other
    way. With shear the frequency is w - shear |x|^2, as in the Stuart-Landau equation.
    """

    stackable = frozenset({"omega", "shear"})
    shear: Tensor

    def __init__(self, omega: Tensor, *, shear: float = 0.0, learn: bool) -> None:
        super().__init__()
        self.omega = nn.Parameter(omega, requires_grad=learn)
        # A zero is kept as well, because members of an ensemble may have other numbers, and costs nothing.
        self.register_buffer("shear", torch.tensor(shear), persistent=shear != 0)
        self._shears = shear != 0

    def forward(self, x: Tensor, turn: Turn) -> Tensor:
        """Velocity that broadcasts against x."""
        omega = self.omega
        if self._shears or self.shear.ndim:  # it has axes where members differ
            omega = omega - self.shear * x.square().sum(dim=-2, keepdim=True)
        return turn(x, omega)
