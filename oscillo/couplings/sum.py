"""Several couplings on one layer, whose fields add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from oscillo.couplings.base import Coupling, CouplingSpec
from oscillo.couplings.delays import Past
from oscillo.layout import StateShape
from oscillo.spec import Component, register


@register
class SumCouplingSpec(CouplingSpec):
    """The sum of several couplings, such as a graph beside a mean field."""

    kind: Literal["sum"] = "sum"
    terms: list[Component[CouplingSpec]] = Field(min_length=1, description="The couplings that are added.")

    def problems(self, shape: StateShape) -> list[str]:
        """What the terms object to."""
        return [f"term {number}: {text}" for number, term in enumerate(self.terms) for text in term.problems(shape)]

    def build(self, shape: StateShape) -> SumCoupling:
        """The sum."""
        return SumCoupling([term.build(shape) for term in self.terms])


class SumCoupling(Coupling):
    """y = y_1 + y_2 + ..., and so are the constant and the energy."""

    def __init__(self, terms: list[Coupling]) -> None:
        super().__init__()
        self.terms: Sequence[Coupling] = nn.ModuleList(terms)  # pyright: ignore[reportAttributeAccessIssue]
        self.compilable = all(term.compilable for term in terms)
        self.node_major = any(term.node_major for term in terms)

    @property
    def symmetric(self) -> bool:
        """Whether all terms are."""
        return all(term.symmetric for term in self.terms)

    def constant(self) -> Tensor | None:
        """The sum of the constants."""
        constants = [b for term in self.terms if (b := term.constant()) is not None]
        return sum(constants[1:], start=constants[0]) if constants else None

    def energy(self, neighbours: Tensor, y: Tensor) -> Tensor:
        """The sum of the energies; the field of a term with an energy of its own is computed again."""
        own = [term for term in self.terms if type(term).energy is not Coupling.energy]
        energies = []
        for term in own:
            field = term(neighbours).expand_as(neighbours)
            energies.append(term.energy(neighbours, field))
            y = y - field
            b = term.constant()
            y = y if b is None else y - b
        return sum(energies, start=super().energy(neighbours, y))

    @property
    def delay_range(self) -> tuple[float, float] | None:
        """Shortest and longest delay of the terms that have any."""
        ranges = [term.delay_range for term in self.terms if term.delay_range is not None]
        return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None

    def delayed(self, neighbours: Tensor, stimulus: Tensor | None, past: Past) -> Tensor:
        """The sum of the fields, of which some come from what the others were."""
        fields = [term.delayed(neighbours, stimulus, past) for term in self.terms]
        return sum(fields[1:], start=fields[0])

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """The sum of the fields."""
        fields: list[Tensor] = [term(neighbours, stimulus) for term in self.terms]
        return sum(fields[1:], start=fields[0])
