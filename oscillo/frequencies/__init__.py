"""How an oscillator turns by itself. One file per kind."""

from oscillo.frequencies.base import Frequency, FrequencySpec, Turn
from oscillo.frequencies.identity import IdentityFrequency, IdentityFrequencySpec
from oscillo.frequencies.none import NoFrequency, NoFrequencySpec
from oscillo.frequencies.rotation import (
    DrawnFrequencySpec,
    PerOscillatorFrequencySpec,
    Rotation,
    SharedFrequencySpec,
)

__all__ = [
    "DrawnFrequencySpec", "Frequency", "FrequencySpec", "IdentityFrequency", "IdentityFrequencySpec", "NoFrequency",
    "NoFrequencySpec", "PerOscillatorFrequencySpec", "Rotation", "SharedFrequencySpec", "Turn",
]  # fmt: skip
