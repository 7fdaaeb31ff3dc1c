"""What a coupling is: what an oscillator feels from the others."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from oscillo.couplings.delays import Past
from oscillo.layout import StateShape
from oscillo.spec import ComponentSpec


class CouplingSpec(ComponentSpec):
    """What an oscillator feels from the others."""

    role: ClassVar[str] = "coupling"

    def problems(self, shape: StateShape) -> list[str]:
        """Reasons why this coupling cannot serve states of that shape; empty when it can."""
        return []

    def build(self, shape: StateShape) -> Coupling:
        """The module that maps the neighbours' vectors to the field each oscillator feels."""
        raise NotImplementedError


class Coupling(nn.Module):
    """Maps embedded states [sample, *sites, component, oscillator] to a field that broadcasts against them.

    The field is y = J x + b, where J may depend on the state. The constant part b has a place of its own, because the
    energy counts it with the stimulus, without the half that belongs to J.
    """

    symmetric = False
    """Whether y is minus the gradient of `energy`, so that the energy can fall monotonically. With a J that does not
    depend on the state and the energy below, that is so when J is symmetric."""

    compilable = True
    """Whether it is made of operations that compile."""

    node_major = False
    """Whether it is fastest when the numbers of one oscillator lie together in memory, over samples and components."""

    @property
    def delay_range(self) -> tuple[float, float] | None:
        """Shortest and longest delay in units of time; None where the field follows the state at once."""
        return None

    def delayed(self, neighbours: Tensor, stimulus: Tensor | None, past: Past) -> Tensor:
        """Field that each oscillator feels, where it depends on what the others were; in place of `forward`."""
        return self(neighbours, stimulus)

    def constant(self) -> Tensor | None:
        """The part b of the field that does not depend on the state; broadcasts against it. None for zero."""
        return None

    def energy(self, neighbours: Tensor, y: Tensor) -> Tensor:
        r"""The coupling's own part of the energy, [sample]: -1/2 \sum <x, J x> - \sum <b, x>.

        A coupling whose field is minus the gradient of something else says here what that is.

        Args:
            neighbours: embedded states x, [sample, *sites, component, oscillator].
            y: the field at x.
        """
        b = self.constant()
        return -0.5 * (neighbours * (y if b is None else y + b)).flatten(1).sum(1)

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field that each oscillator feels.

        Args:
            neighbours: embedded states, [sample, *sites, component, oscillator].
            stimulus: what comes from outside, of the same shape; only couplings that mix it in use it.
        """
        raise NotImplementedError
