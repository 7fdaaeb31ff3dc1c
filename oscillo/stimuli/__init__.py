"""What an oscillator feels from outside. One file per kind."""

from oscillo.stimuli.base import Drive, Stimulus, StimulusSpec
from oscillo.stimuli.conditional import ConditionalStimulus, ConditionalStimulusSpec
from oscillo.stimuli.driven import (
    ConstantStimulusSpec,
    DrivenStimulusSpec,
    PulseStimulusSpec,
    RampStimulusSpec,
    SeriesStimulusSpec,
    SineStimulusSpec,
)
from oscillo.stimuli.none import NoStimulus, NoStimulusSpec

__all__ = [
    "ConditionalStimulus", "ConditionalStimulusSpec", "ConstantStimulusSpec", "Drive", "DrivenStimulusSpec",
    "NoStimulus", "NoStimulusSpec", "PulseStimulusSpec", "RampStimulusSpec", "SeriesStimulusSpec", "SineStimulusSpec",
    "Stimulus", "StimulusSpec",
]  # fmt: skip
