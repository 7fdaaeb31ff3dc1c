"""A small declaration with everything the spec package has to cope with; registered by the fixture in conftest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from oscillo.spec import Component, ComponentSpec, OneOf, Spec


class BondSpec(ComponentSpec):
    """What ties two oscillators."""

    role = "bond"


class HeadsBondSpec(BondSpec):
    """A bond with heads.

    Its second paragraph.
    """

    kind: Literal["heads"] = "heads"
    heads: int = Field(8, gt=0, le=64, description="Number of heads.")
    position: Literal["none", "gta"] = "none"


class SpringBondSpec(BondSpec):
    """A spring."""

    kind: Literal["spring"] = "spring"
    strength: float = Field(description="Stiffness, in units of inverse time.")


class SumBondSpec(BondSpec):
    """A sum of bonds."""

    kind: Literal["sum"] = "sum"
    terms: list[Component[BondSpec]] = Field(min_length=1)


KINDS = (HeadsBondSpec, SpringBondSpec, SumBondSpec)


class ClipSpec(Spec):
    """How gradients are clipped."""

    norm: float


class LayerSpec(Spec):
    """One layer."""

    channels: int = Field(ge=1)
    bond: Component[BondSpec] = HeadsBondSpec()
    tied: Annotated[BondSpec, OneOf(BondSpec, "heads")] | None = None

    @model_validator(mode="after")
    def _heads_divide(self) -> LayerSpec:
        if isinstance(self.bond, HeadsBondSpec) and self.channels % self.bond.heads:
            raise ValueError(f"{self.bond.heads} heads do not divide {self.channels} channels")
        return self


class RootSpec(Spec):
    """The whole."""

    version: int = 2
    name: str = "unnamed"
    plugins: list[str] = Field([])
    layers: list[LayerSpec] = Field([], description="Layers, first to last.")
    by_name: dict[str, LayerSpec] = Field({})
    clip: float | ClipSpec | None = None
    device: Literal["auto", "cpu"] | int = "auto"
    givens: tuple[int, int] = (31, 42)
    learn: bool = True
    rate: float = Field(1e-3, gt=0)
    notes: dict[str, Any] = Field({})
    folder: Path | None = None
