"""Ring: every oscillator feels the others on a ring with a weight that depends on the distance."""

from __future__ import annotations

from math import pi
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from oscillo.couplings.linear import LinearCoupling, LinearCouplingSpec
from oscillo.layout import StateShape
from oscillo.spec import register


@register
class RingCouplingSpec(LinearCouplingSpec):
    """Nonlocal coupling on a ring, by Fourier transform: the cost grows as n log n, whatever the range.

    With d the distance as a share of the ring, up to 1/2, the weights are proportional to exp(-decay d)
    (`exponential`), to 1 + modulation cos(2 pi d) (`cosine`), or equal up to a `range` of neighbours on either side
    (`box`). They add up to one, and all phases feel themselves as well.
    """

    kind: Literal["ring"] = "ring"
    profile: Literal["exponential", "cosine", "box"] = Field(
        default="box", description="How the weight depends on the distance."
    )
    decay: float | None = Field(
        default=None, gt=0, allow_inf_nan=False,
        description="Of `exponential`: decay of the weight over the whole ring.",
    )  # fmt: skip
    modulation: float | None = Field(
        default=None, ge=-1, le=1, description="Of `cosine`: how much nearer ones weigh more."
    )
    range: int | None = Field(default=None, ge=1, description="Of `box`: neighbours on either side.")

    @model_validator(mode="after")
    def _what_the_profile_takes(self) -> RingCouplingSpec:
        own = {"exponential": "decay", "cosine": "modulation", "box": "range"}
        for profile, name in own.items():
            given = getattr(self, name) is not None
            if given and profile != self.profile:
                raise ValueError(f"`{name}` belongs to `profile: {profile}`, and the profile is {self.profile}")
            if not given and profile == self.profile:
                raise ValueError(f"`profile: {profile}` takes `{name}`")
        return self

    def problems(self, shape: StateShape) -> list[str]:
        """A ring without sites, with room for the range."""
        if shape.sites:
            return [f"a ring couples the oscillators of a layer without sites, and the sites are {list(shape.sites)}"]
        found = super().problems(shape)
        if self.range is not None and 2 * self.range + 1 > shape.oscillators:
            found.append(f"{self.range} neighbours on either side are more than a ring of {shape.oscillators} has")
        return found

    def weights(self, oscillators: int) -> Tensor:
        """Weight by offset along the ring, float64 [oscillator]; they add up to one."""
        offset = torch.arange(oscillators, dtype=torch.float64)
        near = torch.minimum(offset, oscillators - offset)
        if self.decay is not None:
            weight = torch.exp(-self.decay * near / oscillators)
        elif self.modulation is not None:
            weight = 1 + self.modulation * torch.cos(2 * pi * near / oscillators)
        else:
            assert self.range is not None
            weight = (near <= self.range).double()
        return weight / weight.sum()

    def build(self, shape: StateShape) -> RingCoupling:
        """The convolution around the ring."""
        return RingCoupling(self, shape)


class RingCoupling(LinearCoupling):
    r"""y_i = K \sum_j G(|i - j|) M x_j, a circular convolution (Kuramoto and Battogtokh 2002, eq. 1)."""

    compilable = False
    stackable = frozenset({"strength", "matrix", "offset", "spectrum"})

    def __init__(self, spec: RingCouplingSpec, shape: StateShape) -> None:
        super().__init__(spec, shape)
        # The weights are symmetric, so their spectrum is real.
        spectrum = torch.fft.rfft(spec.weights(shape.oscillators)).real
        self.spectrum = nn.Parameter(spectrum.to(torch.get_default_dtype()), requires_grad=False)

    def gather(self, neighbours: Tensor) -> Tensor:
        """The weighted mean around each oscillator, [sample, component, oscillator]."""
        return torch.fft.irfft(torch.fft.rfft(neighbours) * self.spectrum, n=neighbours.shape[-1])

    def reach(self) -> float:
        """The weights add up to one."""
        return 1.0

    def mirrored(self, sign: int) -> bool:
        """Weights are the same both ways."""
        return sign == 1
