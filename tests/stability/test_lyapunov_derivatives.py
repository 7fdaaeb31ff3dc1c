"""The derivative of a step is that of differences, for every kind that a layer can be made of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import pi
from typing import Any

import pytest
import torch
from torch import Tensor

from oscillo.draws import normal
from oscillo.integrators.torchdiffeq import ADAMS, ADAPTIVE, Method
from oscillo.layout import State
from oscillo.network import NetworkSpec
from oscillo.network.layer import Layer
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.oscillators import ACTIVATIONS
from oscillo.spec import registered
from oscillo.stability.system import MOVING, System, derivative
from oscillo.testing.pairs import EXAMPLES

ROLES = ("coupling", "frequency", "integrator", "manifold", "potential", "stimulus")
SMALL_WORLD = {"generator": "watts_strogatz_graph", "parameters": {"k": 4, "p": 0.3, "seed": 1}}
FIXED = [name for name in Method.__args__ if name not in ADAPTIVE]  # pyright: ignore[reportAttributeAccessIssue]
MORE: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("coupling", "attention"): [{}, {"heads": 2, "position": "gta"}],
    ("coupling", "convolution"): [
        {}, {"symmetric": True, "boundary": "circular"}, {"profile": [{"width": 0.7}], "symmetric": True},
    ],
    ("coupling", "dense"): [{}, {"learn": True, "symmetric": True, "self_coupling": False, "form": "diffusive"}],
    ("coupling", "energy_attention"): [{}, {"heads": 2, "position": "gta"}],
    ("coupling", "graph"): [SMALL_WORLD, SMALL_WORLD | {"learn": True, "form": "diffusive", "rotation": 0.3}],
    ("coupling", "mean_field"): [{}, {"rotation": 0.3, "learn_strength": True}],
    ("coupling", "sum"): [{"terms": [{"kind": "self"}, {"kind": "dense"}, {"kind": "graph"} | SMALL_WORLD]}],
    ("coupling", "triadic"): [SMALL_WORLD, SMALL_WORLD | {"form": "difference", "per_oscillator": True}],
    ("frequency", "shared"): [{}, {"shear": 0.4, "learn": True}],
    ("integrator", "torchdiffeq"): [{"method": name, "substeps": 4 if name in ADAMS else 1} for name in FIXED],
    ("stimulus", "sine"): [{}, {"acts_on": "velocity"}, {"rotating": True}],
    ("stimulus", "pulse"): [{"width": 3.0}],
    ("stimulus", "ramp"): [{"end": 5.0}],
}  # fmt: skip
"""Parameters to try beyond those of `EXAMPLES`."""

LEFT_OUT = {("integrator", "dopri5"), ("integrator", "euler_maruyama"), ("stimulus", "series")}
"""What chooses its own steps or is stochastic is refused; a series takes a file and is no other than a sine."""

PLACES: list[dict[str, Any]] = [
    {"manifold": {"kind": "sphere"}}, {"manifold": {"kind": "circle"}}, {"manifold": {"kind": "plane"}},
    {"manifold": {"kind": "sphere", "dimension": 2}}, {"manifold": {"kind": "euclidean", "dimension": 4}},
]  # fmt: skip
STEPS: list[dict[str, Any]] = [{"kind": "rk4"}, {"kind": "projected_euler"}]
WEIGHTS: list[dict[str, Any]] = [{}, {"inertia": {"mass": 2.0, "damping": 0.5}}]


def declarations() -> Iterator[Any]:
    for role in ROLES:
        for kind, cls in registered(role)[role].items():
            if cls.__module__.startswith("oscillo.") and (role, kind) not in LEFT_OUT:
                for number, own in enumerate(MORE.get((role, kind), EXAMPLES.get((role, kind), [{}]))):
                    yield pytest.param({role: {"kind": kind} | own}, id=f"{role}-{kind}-{number}")
    for name in ACTIVATIONS:
        yield pytest.param({"activation": name}, id=f"activation-{name}")
    yield pytest.param({"velocity_coupling": {"kind": "mean_field"}}, id="velocity_coupling")


def built(declaration: dict[str, Any]) -> Iterator[Layer]:
    """A layer of the declaration on every manifold and grid that it serves, with inertia and without."""
    free = {
        "coupling": {"kind": "mean_field"}, "oscillators": 6, "stimulus": {"kind": "conditional"},
        "readout": {"kind": "state"},
    }  # fmt: skip
    integrators = [declaration["integrator"]] if "integrator" in declaration else STEPS
    served = set()
    for place, weight, sites, (number, integrator) in product(PLACES, WEIGHTS, ((), (3, 4)), enumerate(integrators)):
        if number and served:  # the second integrator is for what the first one does not serve
            continue
        layer = free | place | weight | declaration | {"integrator": {"step_size": 0.2} | integrator}
        spec = NetworkSpec.model_validate({"sites": list(sites), "layers": [layer]})
        if not spec.problems(sites):
            served.add(number)
            yield spec.build(sites).layers[0]


def numbers(layer: Layer, key: int, samples: int = 2) -> Tensor:
    sizes = (*layer.shape.sites, layer.shape.components, layer.shape.oscillators)
    return normal(0, torch.arange(samples), sizes, purpose=key).double()


def system_of(layer: Layer) -> System:
    seen = layer.seen
    features = normal(0, torch.arange(2), (*seen.sites, seen.channels), purpose=1).double()
    if layer.starts_from_features:
        state = {"x": numbers(layer, 2)}
    else:
        state = layer.initial_state(layer.spread(numbers(layer, 2)), 0.5 * numbers(layer, 3))
    stimulus = layer.stimulus_of(features)
    return System(layer, state, layer.dt.detach(), None if stimulus is None else stimulus.detach(), step=2)


@torch.no_grad()
def differences(system: System, along: State) -> State:
    """How the next state changes along a direction, by central differences."""
    h = 1e-6
    ends = []
    for sign in (1, -1):
        moved = {name: system.state[name] + sign * h * along[name] for name in along}
        ends.append(system.following(system.state | moved))
    winds = isinstance(system.layer, OscillatorLayer) and system.layer.oscillators.manifold.winds
    found = {}
    for name in along:
        difference = ends[0][name] - ends[1][name]
        if winds and name == "x":
            difference = torch.remainder(difference + pi, 2 * pi) - pi
        found[name] = difference / (2 * h)
    return found


def check(layer: Layer) -> None:
    system = system_of(layer)
    along = {name: numbers(layer, 4 + k) for k, name in enumerate(MOVING) if name in system.state}
    value, rates = derivative(system.following, system.state, along)
    expected, plain = differences(system, along), system.following(system.state)
    for name in along:
        torch.testing.assert_close(rates[name], expected[name], rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(value[name], plain[name].detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("declaration", list(declarations()))
def test_derivative_of_a_step(declaration: dict[str, Any], in_double: None) -> None:
    layers = list(built(declaration))
    assert layers
    for layer in layers:
        check(layer)


@pytest.mark.parametrize("kind", [kind for kind in registered("block")["block"]])
def test_derivative_of_a_block(kind: str, in_double: None) -> None:
    layer = {"kind": "block", "channels": 8, "block": {"kind": kind}}
    check(NetworkSpec.model_validate({"sites": [3, 4], "layers": [layer]}).build((3, 4)).layers[0])


def test_compiled_steps_lose_no_derivative(in_double: None) -> None:
    layer = next(built({}))
    layer.compile(backend="eager")
    check(layer)
