"""What holds an oscillator's amplitude. One file per kind."""

from oscillo.potentials.base import Potential, PotentialSpec
from oscillo.potentials.harmonic import Harmonic, HarmonicPotentialSpec
from oscillo.potentials.none import NoPotentialSpec
from oscillo.potentials.quartic import Quartic, QuarticPotentialSpec

__all__ = [
    "Harmonic", "HarmonicPotentialSpec", "NoPotentialSpec", "Potential", "PotentialSpec", "Quartic",
    "QuarticPotentialSpec",
]  # fmt: skip
