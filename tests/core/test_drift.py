"""States stay on the sphere, energies stay where they should, and solvers say what they did."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from flows import last, layer_of, normals, population_on, start
from torch import Tensor
from torch.testing import assert_close

from oscillo.integrators.loop import advance
from oscillo.layout import State
from oscillo.network.oscillator_layer import OscillatorLayer

NOISE = {"noise": {"strength": 0.3}}
COUPLING = {"kind": "mean_field", "strength": 0.8}


def declared(kind: str, **more: Any) -> dict[str, Any]:
    """Oscillators on a sphere with that integrator."""
    step = {"step_size": 0.05} | more.pop("integrator", {})
    return population_on("sphere_4", **{"coupling": COUPLING, "integrator": {"kind": kind} | step} | more)


LONG = {
    "projected_euler": declared("projected_euler"), "geodesic_euler": declared("geodesic_euler"),
    "euler_maruyama": declared("euler_maruyama", **NOISE),
    "map": declared("map", frequency={"kind": "none"}, coupling={"kind": "dense", "seed": 1}),
}  # fmt: skip
LONGER = {
    "projected_euler-inertia": declared("projected_euler", inertia=True),
    "geodesic_euler-inertia": declared("geodesic_euler", inertia=True),
    "semi_implicit_euler": declared("semi_implicit_euler", inertia=True),
    "euler_maruyama-inertia": declared("euler_maruyama", inertia=True, **NOISE),
    "heun": declared("heun"), "heun-inertia": declared("heun", inertia=True), "heun-noise": declared("heun", **NOISE),
    "rk4": declared("rk4"), "rk4-inertia": declared("rk4", inertia=True),
    "dopri5": declared("dopri5", integrator={"rtol": 1e-3}),
    "dopri5-inertia": declared("dopri5", inertia=True, integrator={"rtol": 1e-3}),
}  # fmt: skip


def off(layer: OscillatorLayer, state: State) -> float:
    """Largest distance of a state from the sphere, or of a velocity from the tangent space, in float64."""
    x = state["x"].double()
    distance = layer.oscillators.manifold.drift(x).max()
    if "v" in state:
        distance = torch.maximum(distance, (x * state["v"].double()).sum(-2).abs().max())
    return float(distance)


def drift_after(declaration: dict[str, Any], steps: int) -> float:
    """How far off float32 states are after many steps."""
    layer = layer_of(declaration, dtype=torch.float32)
    drawn = torch.stack([normals(layer, 2, key=k) for k in range(64)])
    noise = (lambda k: {"normals": drawn[k % 64]}) if layer.is_noisy else None
    state = start(layer)
    after = last(layer, state, steps, noise)
    assert after["x"].dtype == torch.float32
    assert (after["x"] - state["x"]).abs().max() > 0.1
    return off(layer, after)


@pytest.mark.parametrize("case", LONG)
def test_float32_states_stay_on_the_sphere_for_ten_thousand_steps(case: str) -> None:
    assert drift_after(LONG[case], 10_000) <= 1e-6


@pytest.mark.parametrize("case", LONGER)
def test_float32_states_stay_on_the_sphere(case: str) -> None:
    assert drift_after(LONGER[case], 1_000) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("case", LONGER)
def test_float32_states_stay_on_the_sphere_for_as_long(case: str) -> None:
    assert drift_after(LONGER[case], 10_000) <= 1e-6


FREE = {"coupling": {"kind": "self", "strength": 0.0}, "frequency": {"kind": "none"}, "inertia": {"damping": 0.0}}
"""Oscillators with inertia that nothing pushes and nothing slows down."""


@pytest.mark.parametrize("kind", ["geodesic_euler", "semi_implicit_euler"])
@pytest.mark.parametrize("manifold", ["circle", "sphere_4"])
def test_an_oscillator_that_nothing_pushes_runs_along_a_geodesic(manifold: str, kind: str) -> None:
    layer = layer_of(population_on(manifold, integrator={"kind": kind, "step_size": 0.5}) | FREE)
    state, t = start(layer), 20 * 0.5
    after = last(layer, state, 20)
    x, v, geometry = state["x"], state["v"], layer.oscillators.manifold
    assert_close(after["x"], geometry.retract(geometry.exponential(x, t * v)), rtol=0, atol=1e-12)
    assert_close(after["v"], geometry.carry(x, v, t), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["projected_euler", "euler_maruyama"])
def test_a_straight_step_keeps_the_speed_on_the_sphere(kind: str) -> None:
    quiet = {"noise": {"strength": 0.0}} if kind == "euler_maruyama" else {}
    layer = layer_of(declared(kind, **quiet) | FREE)
    state = start(layer)
    after = last(layer, state, 200, lambda k: {"normals": torch.zeros_like(state["x"])})
    assert_close(after["v"].norm(dim=1), state["v"].norm(dim=1), rtol=1e-3, atol=0)


@pytest.mark.parametrize("manifold", ["circle", "sphere_4", "plane"])
def test_semi_implicit_euler_is_symplectic(manifold: str) -> None:
    # Its energy swings by the order of the step and goes nowhere; that of explicit Euler steps grows.
    swings = {}
    for kind in ("semi_implicit_euler", "geodesic_euler"):
        declaration = population_on(manifold, coupling=COUPLING, integrator={"kind": kind, "step_size": 0.05}) | {
            "frequency": {"kind": "none"}, "inertia": {"damping": 0.0},
        }  # fmt: skip
        layer, energies = layer_of(declaration), []
        told = lambda k, state, measures, to=energies: to.append(measures["energy"])  # noqa: E731
        with torch.no_grad():
            advance(layer, start(layer), None, steps=2_000, dt=layer.dt, observe=told)
        energy = torch.stack(energies)
        swings[kind] = float((energy[-500:].mean(0) - energy[:500].mean(0)).abs().max())
    assert swings["semi_implicit_euler"] < 0.02
    assert not swings["geodesic_euler"] < 0.5


def one_step(declaration: dict[str, Any], steps: int = 1) -> tuple[OscillatorLayer, State, State]:
    """A layer in float64, the state it starts from, and the one after some steps."""
    layer = layer_of(declaration)
    state = start(layer)
    return layer, state, last(layer, state, steps)


def test_torchdiffeq_tells_how_far_off_its_steps_end() -> None:
    layer, state, after = one_step(declared("torchdiffeq", integrator={"method": "euler", "step_size": 0.3}))
    straight = state["x"] + 0.3 * layer.oscillators.velocity(state)
    expected = layer.oscillators.manifold.drift(straight).flatten(1).amax(1)
    assert_close(after["drift"], expected)
    assert off(layer, after) < 1e-15
    assert_close(last(layer, state, 4)["drift"], largest_of_single_steps(layer, state, 4))


def largest_of_single_steps(layer: OscillatorLayer, state: State, steps: int) -> Tensor:
    """Largest drift of so many steps, each from a counter at zero."""
    drifts = []
    for _ in range(steps):
        state = last(layer, state | {"drift": torch.zeros_like(state["drift"])}, 1)
        drifts.append(state["drift"])
    return torch.stack(drifts).amax(0)


@pytest.mark.parametrize("kind", ["dopri5", "torchdiffeq"])
def test_the_drift_of_adaptive_methods_follows_the_tolerance(kind: str) -> None:
    drifts = []
    for tolerance in (1e-3, 1e-6, 1e-9):
        own = {"rtol": tolerance, "atol": tolerance, "step_size": 2.0}
        layer, _, after = one_step(declared(kind, integrator=own), steps=3)
        assert off(layer, after) < 1e-15
        drifts.append(float(after["drift"].max()))
    assert drifts == sorted(drifts, reverse=True)
    assert 0 < drifts[2] < 1e-7 < 1e-5 < drifts[0] < 0.1


def test_dopri5_counts_what_it_did() -> None:
    _, _, after = one_step(declared("dopri5", integrator={"rtol": 1e-7, "atol": 1e-9, "step_size": 2.0}), steps=3)
    assert (after["accepted"] > 5).all()
    assert (after["rejected"] >= 0).all()
    assert torch.equal(after["evaluations"], 2 + 6 * (after["accepted"] + after["rejected"]))
    assert (after["reached"] >= 6).all()
    assert (after["before"] < 6).all()


def test_dopri5_counts_its_evaluations_right() -> None:
    layer = layer_of(declared("dopri5", integrator={"step_size": 2.0}))
    counted, evaluate = [], layer.oscillators.evaluate
    layer.oscillators.evaluate = lambda *of, **more: counted.append(1) or evaluate(*of, **more)  # pyright: ignore
    after = last(layer, start(layer, 1), 3)
    assert int(after["evaluations"]) == len(counted)


@pytest.mark.parametrize(("method", "evaluations"), [("euler", 1), ("midpoint", 2), ("heun3", 3), ("rk4", 4)])
def test_torchdiffeq_counts_its_evaluations(method: str, evaluations: int) -> None:
    _, _, after = one_step(declared("torchdiffeq", integrator={"method": method, "substeps": 2}), steps=5)
    assert after["evaluations"].tolist() == [5 * 2 * evaluations] * 2


def test_more_is_evaluated_for_a_tighter_tolerance() -> None:
    counts = []
    for tolerance in (1e-3, 1e-6, 1e-9):
        own = {"rtol": tolerance, "atol": tolerance, "step_size": math.pi}
        _, _, after = one_step(declared("torchdiffeq", integrator=own), steps=2)
        counts.append(int(after["evaluations"][0]))
    assert counts == sorted(counts)
    assert counts[0] < counts[2]
