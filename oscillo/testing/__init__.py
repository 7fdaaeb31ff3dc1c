"""Contract tests for components, ours and those of plugins.

`check_component(spec)` builds what a declaration declares and holds it to the contract of its role: it can be written
down and read again, it keeps the layout, gradients are right, float64 stays float64, results do not depend on
the samples beside, and weights can be saved and loaded. A contract that is broken raises `AssertionError` with the
reason. A plugin's own test is one line:

    def test_my_coupling():
        check_component(MyCouplingSpec())
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from oscillo.couplings import CouplingSpec
from oscillo.distributions import DistributionSpec
from oscillo.frequencies import FrequencySpec
from oscillo.integrators import IntegratorSpec
from oscillo.layout import StateShape
from oscillo.manifolds import ManifoldSpec
from oscillo.network import LayerSpec
from oscillo.network.blocks import BlockSpec
from oscillo.network.readouts import ReadoutSpec
from oscillo.potentials import PotentialSpec
from oscillo.spec import ComponentSpec, registered
from oscillo.stimuli import StimulusSpec
from oscillo.testing.layers import check_block, check_integrator, check_layer, check_readout
from oscillo.testing.modules import SAMPLES, name_of, of_block, require
from oscillo.testing.parts import (
    check_coupling,
    check_distribution,
    check_frequency,
    check_manifold,
    check_potential,
    check_stimulus,
)

__all__ = [
    "ROLES", "SAMPLES", "SHAPES", "Role", "check_block", "check_component", "check_coupling", "check_declaration",
    "check_distribution", "check_frequency", "check_integrator", "check_layer", "check_manifold", "check_potential",
    "check_readout", "check_stimulus",
]  # fmt: skip

SHAPES = (StateShape((3, 4), 4, 8), StateShape((), 4, 12), StateShape((), 2, 12))
"""Shapes tried in this order when none is given: a grid of sites, a network without sites, and one of phases."""


def check_component(spec: ComponentSpec, shape: StateShape | None = None, *, tolerance: float = 1e-9) -> None:
    """Hold what a declaration declares to the contract of its role.

    Args:
        spec: the declaration.
        shape: shape of one sample's state, one that the component serves; left out, the first of `SHAPES` that it
            does not object to. A block is given the same number of channels with one component.
        tolerance: how far results in float64 may depend on the samples beside, and gradients on the tolerance of a
            solver; larger than rounding only for adaptive methods.

    Raises:
        AssertionError: naming the component and what it breaks.
        TypeError: when no contract is written for the role.
    """
    check_declaration(spec)
    role = next((role for base, role in ROLES.items() if isinstance(spec, base)), None)
    if role is None:
        raise TypeError(f"no contract is written for the role {spec.role!r}; known: {', '.join(_role_names())}")
    served = _served(spec, role, SHAPES if shape is None else (shape,))
    role.check(spec, served, tolerance)


def check_declaration(spec: ComponentSpec) -> None:
    """A declaration is registered, immutable, explained field by field, and survives JSON."""
    name, cls = name_of(spec), type(spec)
    known = registered(cls.role)[cls.role].get(getattr(spec, "kind", ""))
    require(known is cls, f"{name}: not registered; decorate the class with `@register`")
    require(bool(cls.model_config.get("frozen")), f"{name}: a declaration is immutable")
    for field, info in cls.model_fields.items():
        require(field == "kind" or bool(info.description), f"{name}: the field `{field}` has no description")
    require(bool(cls.__doc__), f"{name}: the class has no docstring, and `explain` shows it")
    again = cls.model_validate_json(spec.model_dump_json())
    require(again == spec, f"{name}: changes when written to JSON and read again: {again!r}")


class Role(NamedTuple):
    """What is checked of the components of one role."""

    check: Callable[[Any, StateShape, float], None]
    """Holds a declaration to the contract on one shape."""
    objections: Callable[[Any, StateShape], list[str]]
    """What the declaration's `problems` says about that shape."""


ROLES: dict[type[ComponentSpec], Role] = {
    ManifoldSpec: Role(check_manifold, lambda spec, shape: []),
    FrequencySpec: Role(check_frequency, lambda spec, shape: spec.problems(shape)),
    CouplingSpec: Role(check_coupling, lambda spec, shape: spec.problems(shape)),
    StimulusSpec: Role(check_stimulus, lambda spec, shape: spec.problems(shape)),
    IntegratorSpec: Role(check_integrator, lambda spec, shape: []),
    PotentialSpec: Role(check_potential, lambda spec, shape: spec.problems(shape)),
    DistributionSpec: Role(check_distribution, lambda spec, shape: []),
    ReadoutSpec: Role(check_readout, lambda spec, shape: []),
    BlockSpec: Role(check_block, lambda spec, shape: spec.problems(of_block(shape))),
    LayerSpec: Role(check_layer, lambda spec, shape: [text for _, text in spec.problems(shape.sites)]),
}
"""The contracts, by the class that declares the role."""


def _role_names() -> list[str]:
    return sorted(base.role for base in ROLES)


def _served(spec: ComponentSpec, role: Role, shapes: tuple[StateShape, ...]) -> StateShape:
    objections = {shape: role.objections(spec, shape) for shape in shapes}
    served = [shape for shape, found in objections.items() if not found]
    words = "; ".join(f"{tuple(shape)}: {', '.join(found)}" for shape, found in objections.items())
    require(bool(served), f"{name_of(spec)}: serves no shape that was tried ({words})")
    return served[0]
