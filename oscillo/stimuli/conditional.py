"""Conditional stimulus: the input, or the readout of the layer before, pushes each oscillator."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import register
from oscillo.stimuli.base import Stimulus, StimulusSpec


@register
class ConditionalStimulusSpec(StimulusSpec):
    """What arrives at the layer, normalised once and then constant over its steps (AKOrN's c)."""

    kind: Literal["conditional"] = "conditional"
    normalization: Literal["none", "group", "affine"] = Field(
        default="none",
        description="`group`: zero mean and unit variance over the sites and components of each oscillator, then a "
        "learned scale and shift per channel. `affine`: the scale and shift alone. `none`: as it arrives.",
    )

    def problems(self, shape: StateShape) -> list[str]:
        """Enough numbers to take a variance over."""
        numbers = shape.positions * shape.components
        if self.normalization == "group" and numbers <= 2:
            return [
                f"`normalization: group` over {numbers} number{'s' * (numbers > 1)} for each oscillator leaves nothing "
                "of the input but signs; take `none` or `affine`"
            ]
        return []

    def build(self, shape: StateShape) -> ConditionalStimulus:
        """The normalisation, with scales of one and shifts of zero."""
        return ConditionalStimulus(shape, self.normalization)


class ConditionalStimulus(Stimulus):
    """c = scale * normalise(arriving) + shift."""

    smallest_variance = 1e-5

    def __init__(self, shape: StateShape, normalization: str) -> None:
        super().__init__()
        self.normalization = normalization
        if normalization != "none":
            self.scale = nn.Parameter(torch.ones(shape.components, shape.oscillators))
            self.shift = nn.Parameter(torch.zeros(shape.components, shape.oscillators))

    def forward(self, arriving: Tensor) -> Tensor:
        """Stimulus [sample, *sites, component, oscillator]."""
        if self.normalization == "none":
            return arriving
        if self.normalization == "group":
            axes = tuple(range(1, arriving.ndim - 1))
            variance, mean = torch.var_mean(arriving, dim=axes, correction=0, keepdim=True)
            arriving = (arriving - mean) * (variance + self.smallest_variance).rsqrt()
        return arriving * self.scale + self.shift
