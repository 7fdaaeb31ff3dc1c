r"""The equation at the heart, and its energy.

    y      = coupling(embed(x), stimulus)            what an oscillator feels from the others
    f      = y + stimulus
    dx/dt  = frequency(x) + project(x, f)

Kuramoto's model in vector form (Miyato et al. 2025, AKOrN, eq. 2): `embed` sends a state to the vector that others
see, `project` takes a vector to the tangent space of the manifold at x.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from oscillo.couplings import Coupling
from oscillo.frequencies import Frequency
from oscillo.layout import StateShape
from oscillo.manifolds import Manifold


class Evaluation(NamedTuple):
    """The right-hand side at one state."""

    y: Tensor
    """What each oscillator feels from the others, [sample, *sites, component, oscillator]."""
    velocity: Tensor
    """dx/dt, of the same shape."""


class Oscillators(nn.Module):
    """A population of coupled oscillators: the right-hand side of their equation, and their energy.

    Shapes: x and stimulus are [sample, *sites, component, oscillator].
    """

    def __init__(self, shape: StateShape, manifold: Manifold, frequency: Frequency, coupling: Coupling) -> None:
        super().__init__()
        self.shape, self.manifold = shape, manifold
        self.frequency, self.coupling = frequency, coupling
        self.projects = True
        """Whether the force is projected to the tangent space; off only for the ablation that leaves it out."""

    def evaluate(self, x: Tensor, stimulus: Tensor, t: Tensor | None = None) -> Evaluation:
        """Right-hand side at x.

        Args:
            x: states on the manifold.
            stimulus: what comes from outside.
            t: time, for parts that depend on it; a scalar or one number per sample.
        """
        y = self.coupling(self.manifold.embed(x), stimulus)
        f = y + stimulus
        force = self.manifold.project(x, f) if self.projects else f
        return Evaluation(y, self.frequency(x) + force)

    def velocity(self, x: Tensor, stimulus: Tensor, t: Tensor | None = None) -> Tensor:
        """dx/dt at x."""
        return self.evaluate(x, stimulus, t).velocity

    def energy(self, x: Tensor, stimulus: Tensor, y: Tensor) -> Tensor:
        r"""E(x) = coupling.energy(x) - \sum <stimulus, x>, [sample]; the first is -1/2 \sum <x, J x> - \sum <b, x>.

        y = J x + b; a coupling may have another energy of its own. A sum over all sites, components and oscillators.
        It never rises when y is minus the gradient of the coupling's energy (`Coupling.symmetric`), the frequencies
        vanish, and the steps are small.
        """
        seen = self.manifold.embed(x)
        return self.coupling.energy(seen, y) - (seen * stimulus).flatten(1).sum(1)

    def pseudo_energy(self, x: Tensor, stimulus: Tensor, y: Tensor) -> Tensor:
        r"""-\sum <x, y + stimulus>, [sample]: what AKOrN's released code calls the energy of the state x.

        It lacks the half in front of the coupling, so it is no potential of the flow. The released code reports it
        one step late, with a zero in front; see `oscillo.network.reference_energies`.
        """
        return -(self.manifold.embed(x) * (y + stimulus)).flatten(1).sum(1)

    @property
    def has_energy(self) -> bool:
        """Whether the energy is sure to fall along the flow."""
        return self.coupling.symmetric and self.frequency.vanishes and self.projects
