"""What an oscillator feels from outside. One file per kind."""

from oscillo.stimuli.base import Drive, Stimulus, StimulusSpec
from oscillo.stimuli.conditional import ConditionalStimulus, ConditionalStimulusSpec
from oscillo.stimuli.none import NoStimulus, NoStimulusSpec

__all__ = [
    "ConditionalStimulus", "ConditionalStimulusSpec", "Drive", "NoStimulus", "NoStimulusSpec", "Stimulus",
    "StimulusSpec",
]  # fmt: skip
