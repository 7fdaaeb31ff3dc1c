"""No stimulus: what arrives at the layer may choose its initial state, but does not push it."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.layout import StateShape
from oscillo.spec import register
from oscillo.stimuli.base import Stimulus, StimulusSpec


@register
class NoStimulusSpec(StimulusSpec):
    """The stimulus is zero."""

    kind: Literal["none"] = "none"

    def build(self, shape: StateShape) -> NoStimulus:
        """A stimulus of zero."""
        return NoStimulus()


class NoStimulus(Stimulus):
    """Zero for every oscillator."""

    def forward(self, arriving: Tensor) -> None:
        """Nothing."""
        return None
