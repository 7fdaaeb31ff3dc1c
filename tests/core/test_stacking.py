from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flows import layer_of, normals, whereabouts
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo.integrators.loop import advance
from oscillo.layout import State
from oscillo.network import OscillatorLayerSpec
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.spec import registered
from oscillo.stacking import NotStackable, Stack, of_samples

pytestmark = pytest.mark.usefixtures("in_double")

N = 4
MEMBERS = 5
PLANE = {"manifold": {"kind": "plane"}, "potential": {"kind": "quartic", "mu": 0.8}}
TRIANGLES = {"kind": "triadic", "generator": "complete_graph"}
SUM = {"kind": "sum", "terms": [{"kind": "mean_field"}, TRIANGLES]}


def each(*path: str, **fields: Any) -> list[dict[str, Any]]:
    """One declaration for each value of the last field."""
    *_, (name, values) = fields.items()
    rest = {key: value for key, value in fields.items() if key != name}
    found: list[dict[str, Any]] = [rest | {name: value} for value in values]
    for key in reversed(path):
        found = [{key: one} for one in found]
    return found


VARIED: dict[str, list[dict[str, Any]]] = {
    "strength": each("coupling", kind="mean_field", strength=[0.5, 1.0, -1.0, 2.0, 0.5]),
    "rotation": each("coupling", kind="mean_field", rotation=[0.3, 0.1, 0.0, -1.0, 2.0]),
    "matrix": each("coupling", kind="self", matrix=[[[1.0, 0.0], [0.0, float(k)]] for k in range(5)]),
    "offset": each("coupling", kind="mean_field", form="diffusive", offset=[[0.1 * k, 1.0] for k in range(5)]),
    "dense": each("coupling", kind="dense", form="diffusive", seed=range(5)),
    "dense_symmetric": each("coupling", kind="dense", symmetric=True, seed=range(5)),
    "graph": each("coupling", kind="graph", generator="cycle_graph", rotation=0.2, strength=[1.0, 2.0, 3.0, 0.0, 1.0]),
    "graph_diffusive": each(
        "coupling", kind="graph", generator="star_graph", parameters={"n": 3}, form="diffusive",
        strength=[1.0, 2.0, 3.0, 0.0, 1.0],
    ),
    "ring": each("coupling", kind="ring", profile="exponential", decay=[0.1, 1.0, 2.0, 5.0, 9.0]),
    "triadic": each("coupling", **TRIANGLES, strength=[0.5, 1.0, -1.0, 2.0, 0.5]),
    "one_term": [
        {"coupling": SUM | {"terms": [{"kind": "mean_field", "strength": 0.3 * k}, TRIANGLES]}} for k in range(5)
    ],
    "delay": each("coupling", kind="dense", delay={"time": 0.25}, seed=range(5)),
    "delayed_graph": each(
        "coupling", kind="graph", generator="cycle_graph", delay={"time": 0.25}, strength=[1.0, 2.0, 3.0, 0.0, 1.0],
    ),
    "frequency": each("frequency", kind="shared", init=[0.5, 1.0, -1.0, 2.0, 0.5]),
    "frequencies": each("frequency", kind="per_oscillator", init=[[0.1 * k * j for j in range(N)] for k in range(5)]),
    "drawn": each("frequency", kind="drawn", seed=range(5)),
    "shear": [PLANE | one for one in each("frequency", kind="shared", shear=[0.5, 1.0, -1.0, 2.0, 0.5])],
    "shear_or_none": [PLANE | one for one in each("frequency", kind="shared", shear=[0.0, 1.0, -1.0, 0.0, 0.5])],
    "mu": [PLANE | one for one in each("potential", kind="quartic", saturation=2.0, mu=[0.5, 1.0, -1.0, 2.0, 0.5])],
    "saturation": [PLANE | one for one in each("potential", kind="quartic", saturation=[0.5, 1.0, 1.5, 2.0, 0.5])],
    "mass": each("inertia", mass=[0.5, 1.0, 1.5, 2.0, 0.5]),
    "damping": each("inertia", damping=[[0.1 * k * j for j in range(N)] for k in range(5)]),
    "noise": each("noise", strength=[0.0, 0.1, 0.2, 0.3, 0.5]),
    "field": each("stimulus", kind="constant", amplitude=[0.5, 1.0, -1.0, 2.0, 0.5]),
    "sine": each("stimulus", kind="sine", phase=0.3, frequency=[0.5, 1.0, -1.0, 2.0, 0.5]),
    "phase": each("stimulus", kind="sine", frequency=2.0, phase=[0.5, 1.0, -1.0, 2.0, 0.5]),
    "rotating": each("stimulus", kind="sine", rotating=True, frequency=[0.5, 1.0, -1.0, 2.0, 0.5]),
    "push": each("stimulus", kind="ramp", end=1.0, acts_on="velocity", amplitude=[0.5, 1.0, -1.0, 2.0, 0.5]),
}  # fmt: skip
"""Declarations of members that differ in one number."""


def members_of(name: str, **more: Any) -> list[OscillatorLayer]:
    base = {
        "manifold": {"kind": "circle"}, "oscillators": N, "coupling": {"kind": "mean_field"},
        "frequency": {"kind": "shared", "init": 0.4}, "integrator": {"kind": "heun", "step_size": 0.125},
    }  # fmt: skip
    return [layer_of(base | declaration | more) for declaration in VARIED[name]]


def stacked(layers: list[OscillatorLayer], axes: int = 3) -> OscillatorLayer:
    stack = Stack(layers[0])
    for layer in layers[1:]:
        stack.add(layer)
    return stack.module(axes)


def first_state(layer: OscillatorLayer, samples: slice = slice(None)) -> State:
    x, v = layer.spread(normals(layer, MEMBERS)), normals(layer, MEMBERS, key=1)
    return layer.initial_state(x[samples], v[samples])


@torch.no_grad()
def steps(layer: OscillatorLayer, state: State, count: int, samples: slice = slice(None)) -> tuple[Tensor, Tensor]:
    """Where all are after some steps, and the energies on the way, [sample, step]."""
    features = torch.zeros(len(state["x"]), layer.seen.channels)
    shown = torch.stack([normals(layer, MEMBERS, key=k) for k in range(2, 2 + count)])
    noise = (lambda k: {"normals": shown[k, samples]}) if layer.is_noisy else None
    energies: list[Tensor] = []
    after = advance(
        layer, state, layer.stimulus_of(features), steps=count, dt=layer.dt, noise=noise,
        observe=lambda step, state, measures: energies.append(measures["energy"]),
    )  # fmt: skip
    return whereabouts(after), torch.stack(energies, 1)


@pytest.mark.parametrize("name", VARIED)
def test_a_stack_does_what_its_members_do_alone(name: str) -> None:
    layers = members_of(name)
    together = stacked(layers)
    x, energy = steps(together, first_state(together), 12)
    apart = [float((x[0] - other).abs().max()) for other in x[1:]]
    assert max(apart) > 1e-3
    for number, layer in enumerate(layers):
        samples = slice(number, number + 1)
        alone, own = steps(layer, first_state(layer, samples), 12, samples)
        assert_close(x[samples], alone, rtol=1e-13, atol=1e-13)
        assert_close(energy[samples], own, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in VARIED if "delay" not in name and name != "noise"])
def test_samples_that_choose_their_own_steps(name: str) -> None:
    # dopri5 goes on with those samples that have not arrived, and a time for each.
    layers = members_of(name, integrator={"kind": "dopri5", "step_size": 0.5})
    together = stacked(layers)
    x, _ = steps(together, first_state(together), 2)
    for number, layer in enumerate(layers):
        samples = slice(number, number + 1)
        assert_close(x[samples], steps(layer, first_state(layer, samples), 2, samples)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", VARIED)
@settings(max_examples=8)
@given(chosen=st.lists(st.integers(0, MEMBERS - 1), min_size=1, max_size=7))
def test_some_samples_of_a_stack(name: str, chosen: list[int]) -> None:
    together, some = _built(name), torch.tensor(chosen)
    t = 0.0 if "delay" in name else 0.7  # what was is known up to the state, which is the first one
    part = of_samples(together, some)
    state = first_state(together)
    whole = together.oscillators.evaluate(state, None, t)
    here = part.oscillators.evaluate({key: value[some] for key, value in state.items()}, None, t)
    for key, rate in here.rates.items():
        assert_close(rate.expand(len(some), -1, -1), whole.rates[key].expand(MEMBERS, -1, -1)[some])
    energy = part.oscillators.energy({key: value[some] for key, value in state.items()}, None, here.y)
    assert_close(energy, together.oscillators.energy(state, None, whole.y)[some])


def _built(name: str, kept: dict[str, OscillatorLayer] = {}) -> OscillatorLayer:  # noqa: B006 (a cache)
    if name not in kept:
        kept[name] = stacked(members_of(name))
    return kept[name]


def test_what_is_taken_out_leaves_the_stack_as_it_was() -> None:
    together = stacked(members_of("frequencies"))
    before = {key: value.clone() for key, value in together.state_dict().items()}
    part = of_samples(together, torch.tensor([3, 1]))
    assert part.oscillators.frequency.omega.shape == (2, 1, N)
    for key, value in together.state_dict().items():
        assert torch.equal(value, before[key])
    assert of_samples(part, torch.tensor([1])).oscillators.frequency.omega.equal(
        before["oscillators.frequency.omega"][1:2]
    )


@pytest.mark.parametrize("kind", ["mean_field", "self"])
def test_members_on_a_grid(kind: str) -> None:
    sites = (2, 3)

    def member(k: int) -> OscillatorLayer:
        spec = OscillatorLayerSpec.model_validate({
            "manifold": {"kind": "plane"}, "oscillators": N, "integrator": {"kind": "rk4", "step_size": 0.25},
            "coupling": {"kind": kind, "strength": 0.4 * k, "rotation": 0.1 * k, "offset": [0.2 * k, 1.0]},
            "frequency": {"kind": "per_oscillator", "init": [0.3 * k, 0.0, 1.0, -1.0]},
            "potential": {"kind": "quartic", "mu": 0.3 * k}, "readout": {"kind": "state"},
            "stimulus": {"kind": "sine", "rotating": True, "frequency": 1.0 + k, "amplitude": 0.5 * k},
        })  # fmt: skip
        return spec.build(sites, None).requires_grad_(False)

    layers = [member(k) for k in range(3)]
    together, x = stacked(layers, axes=5), torch.randn(3, *sites, 2, N)
    after = advance(together, together.initial_state(x), None, steps=3, dt=together.dt)["x"]
    for k, layer in enumerate(layers):
        alone = advance(layer, layer.initial_state(x[k : k + 1]), None, steps=3, dt=layer.dt)["x"]
        assert_close(after[k : k + 1], alone, rtol=1e-13, atol=1e-13)


def test_what_is_equal_is_kept_once() -> None:
    layers = members_of("dense")
    for layer in layers:
        layer.oscillators.coupling.weights.data.copy_(layers[0].oscillators.coupling.weights)
    together = stacked(layers)
    assert together.oscillators.coupling.weights.shape == (N, N)
    assert of_samples(together, torch.tensor([0])) is together
    assert stacked(members_of("frequency")).oscillators.coupling.strength.ndim == 0


def test_an_energy_is_promised_when_all_members_have_one(tmp_path: Path) -> None:
    free = {"frequency": {"kind": "none"}}
    assert stacked(members_of("dense_symmetric", **free)).oscillators.has_energy
    even, odd = np.eye(N), np.triu(np.ones((N, N)))
    np.savez(tmp_path / "w.npz", even=even, odd=odd)
    layers = [
        layer_of({
            "manifold": {"kind": "circle"}, "oscillators": N,
            "coupling": {"kind": "dense", "weights": f"{tmp_path}/w.npz:{name}"},
        })
        for name in ("even", "odd")
    ]  # fmt: skip
    for pair in (layers, layers[::-1], layers[1:] * 2):
        assert not stacked(pair).oscillators.has_energy
    assert stacked(layers[:1] * 2).oscillators.has_energy
    assert layers[0].oscillators.has_energy  # stacking leaves the members as they are


def test_a_long_time_keeps_the_phases_of_all_drives() -> None:
    torch.set_default_dtype(torch.float32)
    stimulus = registered("stimulus")["stimulus"]["sine"]
    shape = layer_of({"manifold": {"kind": "circle"}, "coupling": {"kind": "mean_field"}}).seen
    stack = Stack(stimulus.model_validate({"frequency": 1.0}).build(shape).drive)
    stack.add(stimulus.model_validate({"frequency": 2.0}).build(shape).drive)
    t = 2 * math.pi * 1e5 + 0.25
    value = stack.module(3)(torch.tensor(t, dtype=torch.float64))
    assert value.dtype == torch.float32
    assert_close(value[:, 0, 0], torch.tensor([math.sin(0.25), math.sin(0.5)]), rtol=0, atol=1e-5)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "oscillators.coupling": ({"coupling": {"kind": "mean_field"}}, {"coupling": {"kind": "ring", "range": 1}}),
    "oscillators.coupling.weights": (
        {"coupling": {"kind": "graph", "generator": "cycle_graph"}},
        {"coupling": {"kind": "graph", "generator": "complete_graph"}},
    ),
    "oscillators.coupling.rows": (
        {"coupling": {"kind": "graph", "generator": "path_graph"}},
        {"coupling": {"kind": "graph", "generator": "star_graph", "parameters": {"n": 3}}},
    ),
    "oscillators.coupling.delays.times": (
        {"coupling": {"kind": "dense", "seed": 0, "delay": {"time": 2.0}}},
        {"coupling": {"kind": "dense", "seed": 0, "delay": {"time": 3.0}}},
    ),
    "oscillators.coupling.diffusive": (
        {"coupling": {"kind": "mean_field"}}, {"coupling": {"kind": "mean_field", "form": "diffusive"}},
    ),
    "oscillators.coupling.matrix": (
        {"coupling": {"kind": "mean_field"}}, {"coupling": {"kind": "mean_field", "rotation": 0.3}},
    ),
    "oscillators.coupling.offset": (
        {"coupling": {"kind": "mean_field"}}, {"coupling": {"kind": "mean_field", "offset": [1.0, 0.0]}},
    ),
    "oscillators.coupling.terms.1": (
        {"coupling": SUM}, {"coupling": SUM | {"terms": [{"kind": "mean_field"}]}},
    ),
    "oscillators.coupling.terms.1.weights": (
        {"coupling": SUM},
        {"coupling": SUM | {"terms": [{"kind": "mean_field"}, TRIANGLES | {"per_oscillator": True}]}},
    ),
    "oscillators.activation": (PLANE, PLANE | {"activation": "tanh"}),
    "oscillators.inertia": ({}, {"inertia": {}}),
    "oscillators.velocity_coupling": (
        PLANE | {"inertia": {}}, PLANE | {"inertia": {}, "velocity_coupling": {"kind": "mean_field"}},
    ),
    "oscillators.diffusion": (
        {"integrator": {"kind": "heun"}}, {"integrator": {"kind": "heun"}, "noise": {"strength": 0.1}},
    ),
    "oscillators.drive": ({"stimulus": {"kind": "sine"}}, {"stimulus": {"kind": "pulse"}}),
    "oscillators.drive.start": ({"stimulus": {"kind": "pulse"}}, {"stimulus": {"kind": "pulse", "start": 1.0}}),
    "oscillators.drive.period": ({"stimulus": {"kind": "pulse"}}, {"stimulus": {"kind": "pulse", "period": 3.0}}),
    "oscillators.drive.acts_on": (
        {"stimulus": {"kind": "sine"}}, {"stimulus": {"kind": "sine", "acts_on": "velocity"}},
    ),
    "integrator": ({"integrator": {"kind": "heun"}}, {"integrator": {"kind": "rk4"}}),
    "integrator.step_size": (
        {"integrator": {"kind": "rk4", "step_size": 0.1}}, {"integrator": {"kind": "rk4", "step_size": 0.2}},
    ),
    "integrator.options": (
        {"integrator": {"kind": "torchdiffeq", "method": "rk4"}},
        {"integrator": {"kind": "torchdiffeq", "method": "rk4", "substeps": 3}},
    ),
    "oscillators.manifold": ({"manifold": {"kind": "sphere", "dimension": 2}}, {"manifold": {"kind": "plane"}}),
    "shape": ({"manifold": {"kind": "plane"}}, {"manifold": {"kind": "euclidean", "dimension": 3}}),
}  # fmt: skip
"""What cannot differ, and two members that differ in it."""


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_differ_is_named(what: str, turned: bool) -> None:
    base = {
        "manifold": {"kind": "circle"}, "oscillators": N, "coupling": {"kind": "mean_field"},
        "integrator": {"kind": "heun"},
    }  # fmt: skip
    first, second = (layer_of(base | declaration) for declaration in REFUSED[what][:: -1 if turned else 1])
    stack = Stack(first)
    with pytest.raises(NotStackable, match="would differ from sample to sample") as error:
        stack.add(second)
    assert error.value.what == what
