"""Simulations against what is known in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from flows import last, layer_of, population_on, start, whereabouts
from scipy.special import ellipk
from torch import Tensor
from torch.testing import assert_close

from oscillo.integrators.loop import advance
from oscillo.layout import State
from oscillo.measures.theory import (
    locked_frequency,
    lorentzian_order,
    ott_antonsen_order,
    two_oscillator_beat,
    two_oscillator_difference,
)
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.stacking import Stack

CIRCLE = {"manifold": {"kind": "circle"}}
TIGHT = {"kind": "dopri5", "rtol": 1e-10, "atol": 1e-11}


def double(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def kuramoto(strength: float, omega: list[float], integrator: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Kuramoto's model with those frequencies."""
    return CIRCLE | {
        "oscillators": len(omega), "frequency": {"kind": "per_oscillator", "init": omega},
        "coupling": {"kind": "mean_field", "strength": strength} | more, "integrator": integrator,
    }  # fmt: skip


def stacked(strengths: list[float], omega: list[float], integrator: dict[str, Any]) -> OscillatorLayer:
    """Kuramoto's model with a strength of its own for every sample."""
    stack = Stack(layer_of(kuramoto(strengths[0], omega, integrator)))
    for strength in strengths[1:]:
        stack.add(layer_of(kuramoto(strength, omega, integrator)))
    return stack.module(axes=3)


def difference(layer: OscillatorLayer, theta: list[float], samples: int, steps: int) -> Tensor:
    """theta_2 - theta_1 of two oscillators with all turns, [sample], after some steps."""
    state = layer.initial_state(double(*theta).expand(samples, 1, 2))
    row = whereabouts(last(layer, state, steps))
    return row[:, 1] - row[:, 0]


# Two oscillators.


def test_two_oscillators_lock_at_the_strength_of_adlers_equation() -> None:
    # Eight strengths at a time, of which the weakest that locks ends the next interval.
    omega, low, high = [0.0, 1.0], 0.9, 1.1
    for _ in range(3):
        strengths = np.linspace(low, high, 9).tolist()
        layer = stacked(strengths, omega, {"kind": "dopri5", "step_size": 300.0, "rtol": 1e-6, "atol": 1e-6})
        locked = difference(layer, [0.0, 0.0], len(strengths), 1) < math.pi
        first = int(locked.double().argmax())
        assert not locked[:first].any()
        assert locked[first:].all()
        low, high = strengths[first - 1], strengths[first]
    assert high - low < 1e-3
    assert (low + high) / 2 == pytest.approx(1.0, abs=1e-3)


def test_locked_oscillators_have_the_difference_of_theory() -> None:
    strengths = [1.1, 1.5, 3.0]
    layer = stacked(strengths, [0.2, 1.2], TIGHT | {"step_size": 60.0})
    expected = two_oscillator_difference(0.2, 1.2, double(*strengths))
    assert_close(difference(layer, [0.0, 0.0], 3, 1), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("strength", [0.3, 0.8, 0.97])
def test_oscillators_that_do_not_lock_beat_with_adlers_frequency(strength: float) -> None:
    # Whatever happens within a beat, the difference grows by a whole turn from beat to beat.
    omega, beats = [-0.2, 0.8], 6
    beat = float(two_oscillator_beat(*omega, strength))
    own = {"kind": "dopri5", "rtol": 1e-8, "atol": 1e-8, "step_size": 2 * math.pi / beat}
    layer = layer_of(kuramoto(strength, omega, own))
    grown = difference(layer, [0.3, 1.0], 1, beats)
    assert_close(grown - 0.7, double(2 * math.pi * beats), rtol=0, atol=1e-5)
    mean = whereabouts(last(layer, layer.initial_state(double(0.3, 1.0).reshape(1, 1, 2)), beats)).mean()
    assert float(mean) == pytest.approx(0.65 + 0.3 * beats * 2 * math.pi / beat, abs=1e-6)


# Many oscillators.


@pytest.mark.parametrize("lag", [0.0, 0.4, 1.2])
def test_oscillators_alike_lock_at_the_frequency_of_sakaguchi_and_kuramoto(lag: float) -> None:
    declaration = kuramoto(1.5, [0.7] * 12, {"kind": "rk4", "step_size": 0.05}, rotation=-lag)
    layer = layer_of(declaration)
    state = layer.initial_state(torch.linspace(-1.0, 1.0, 12, dtype=torch.float64).reshape(1, 1, 12))
    before = last(layer, state, 1200)
    after = last(layer, before, 200)
    mean = (whereabouts(after) - whereabouts(before)) / (200 * 0.05)
    expected = locked_frequency(1.5, lag, 0.7)
    assert float(expected) == pytest.approx(0.7 - 1.5 * math.sin(lag))
    assert_close(mean, expected.expand_as(mean), rtol=0, atol=1e-6)


def lorentzian(count: int, strength: float, step: float) -> OscillatorLayer:
    """Kuramoto's model with Lorentzian frequencies of width 1, evenly spaced quantiles."""
    frequencies = {"kind": "drawn", "distribution": {"kind": "lorentzian"}, "spacing": "quantiles"}
    declaration = kuramoto(strength, [0.0] * count, {"kind": "rk4", "step_size": step})
    return layer_of(declaration | {"frequency": frequencies})


def orders(layer: OscillatorLayer, theta: Tensor, steps: int) -> Tensor:
    """R at steps 0 .. T."""
    found: list[float] = []

    def told(k: int, state: State, measures: dict[str, Tensor]) -> None:
        found.append(float(layer.oscillators.manifold.embed(state["x"]).mean(-1).norm()))

    with torch.no_grad():
        advance(layer, layer.initial_state(theta.reshape(1, 1, -1)), None, steps=steps, dt=layer.dt, observe=told)
    return torch.tensor(found, dtype=torch.float64)


def test_incoherence_is_reached_at_the_rate_of_ott_and_antonsen() -> None:
    # On their manifold dR/dt = -R/2 - R^3/2 for K = 1 and width 1, so log(R / sqrt(1 + R^2)) falls with slope -1/2.
    # Phases of density (1 - R^2) / (1 - 2 R cos + R^2) at quantiles that do not know the frequencies' order.
    n, r = 10_000, 0.5
    u = torch.remainder(torch.arange(n, dtype=torch.float64) * (math.sqrt(5) - 1) / 2 + 0.5, 1)
    theta = 2 * torch.atan((1 - r) / (1 + r) * torch.tan(math.pi * (u - 0.5)))
    order = orders(lorentzian(n, 1.0, 0.05), theta, 80)
    t = 0.05 * torch.arange(81, dtype=torch.float64)
    slope = np.polyfit(t.numpy(), (order / (1 + order.square()).sqrt()).log().numpy(), 1)[0]
    assert slope == pytest.approx(-0.5, rel=0.02)
    assert_close(order, ott_antonsen_order(t, r, 1.0, 1.0), rtol=0, atol=3e-3)


@pytest.mark.parametrize("strength", [3.0, 4.0])
def test_lorentzian_frequencies_give_kuramotos_order(strength: float) -> None:
    n = 1000
    theta = 2 * math.pi * torch.remainder(torch.arange(n, dtype=torch.float64) * (math.sqrt(5) - 1) / 2, 1)
    order = orders(lorentzian(n, strength, 0.05), 0.3 * theta, 1200)
    assert float(order[600:].mean()) == pytest.approx(float(lorentzian_order(strength, 1.0)), abs=0.01)


# The same flow in other coordinates.


def on_both(integrator: dict[str, Any], steps: int) -> tuple[Tensor, Tensor]:
    """Vectors [sample, 2, oscillator] that others see, after steps on the circle and on the sphere of dimension 2."""
    ends = []
    for manifold in ("circle", "sphere_2"):
        layer = layer_of(population_on(manifold, integrator=integrator))
        theta = start(layer_of(population_on("circle")))["x"]
        seen = torch.cat((theta.cos(), theta.sin()), dim=-2)
        after = last(layer, layer.initial_state(theta if manifold == "circle" else seen), steps)
        ends.append(layer.oscillators.manifold.embed(after["x"]))
    return ends[0], ends[1]


def test_a_geodesic_step_on_the_sphere_is_eulers_step_on_the_angle() -> None:
    circle, sphere = on_both({"kind": "geodesic_euler", "step_size": 0.05}, 200)
    assert_close(circle, sphere, rtol=0, atol=1e-12)


OF_TORCHDIFFEQ = {"kind": "torchdiffeq", "rtol": 1e-10, "atol": 1e-11, "step_size": 0.5}


@pytest.mark.parametrize(
    ("integrator", "tolerance"),
    [({"kind": "rk4", "step_size": 0.01}, 2e-8), (TIGHT | {"step_size": 0.5}, 1e-9), (OF_TORCHDIFFEQ, 1e-9)],
    ids=["rk4", "dopri5", "torchdiffeq"],
)
def test_a_sphere_of_two_dimensions_is_the_circle(integrator: dict[str, Any], tolerance: float) -> None:
    circle, sphere = on_both(integrator, round(10 / integrator["step_size"]))
    assert_close(circle, sphere, rtol=0, atol=tolerance)


# Amplitudes.


def test_stuart_landau_oscillators_have_their_amplitude_and_frequency() -> None:
    mu, saturation, omega, shear = 0.8, 0.5, 1.5, 0.6
    layer = layer_of({
        "manifold": {"kind": "plane"}, "oscillators": 3, "coupling": {"kind": "self", "strength": 0.0},
        "potential": {"kind": "quartic", "mu": [mu, mu, -0.3], "saturation": saturation},
        "frequency": {"kind": "shared", "init": omega, "shear": shear}, "integrator": TIGHT | {"step_size": 40.0},
    })  # fmt: skip
    state = layer.initial_state(double(0.1, 2.0, 0.5, 0.0, 0.3, 0.2).reshape(1, 2, 3))
    before = last(layer, state, 1)["x"]
    radius = before.norm(dim=1)[0]
    assert_close(radius[:2], double(math.sqrt(mu / saturation)).expand(2), rtol=0, atol=1e-8)
    assert radius[2] < 1e-4
    turned = (omega - shear * mu / saturation) * torch.stack((-before[0, 1, :2], before[0, 0, :2]))
    assert_close(layer.oscillators.velocity({"x": before})[0, :, :2], turned, rtol=0, atol=1e-7)


def test_diffusive_stuart_landau_oscillators_die_of_different_frequencies() -> None:
    # Two with K > 1 and |omega_2 - omega_1| > 2 sqrt(2 K - 1) for mu = 1: amplitude death (Aronson et al. 1990).
    strength, half = 1.5, 1.15 * math.sqrt(2 * 1.5 - 1)
    for factor, dead in ((1.0, True), (0.8, False)):
        layer = layer_of({
            "manifold": {"kind": "plane"}, "oscillators": 2, "potential": {"kind": "quartic"},
            "coupling": {"kind": "mean_field", "strength": 2 * strength, "form": "diffusive"},
            "frequency": {"kind": "per_oscillator", "init": [3 - factor * half, 3 + factor * half]},
            "integrator": {"kind": "rk4", "step_size": 0.05},
        })  # fmt: skip
        radius = last(layer, start(layer, 1), 800)["x"].norm(dim=1)
        assert bool((radius < 1e-3).all()) == dead
        assert bool((radius > 0.05).all()) != dead


# Inertia.

FREE = {"kind": "self", "strength": 0.0}


@pytest.mark.parametrize("swing", [0.1, 1.5, 3.0])
def test_a_pendulum_comes_back_after_its_period(swing: float) -> None:
    # 4 K(sin^2(swing / 2)) / sqrt(g), with g as a stimulus that pulls to zero.
    g, steps = 2.0, 8
    period = 4 * ellipk(math.sin(swing / 2) ** 2) / math.sqrt(g)
    layer = layer_of(CIRCLE | {
        "oscillators": 1, "coupling": FREE, "inertia": {"damping": 0.0},
        "stimulus": {"kind": "sine", "amplitude": g, "frequency": 0.0, "phase": math.pi / 2},
        "integrator": TIGHT | {"step_size": period / steps},
    })  # fmt: skip
    state = layer.initial_state(double(swing).reshape(1, 1, 1))
    there = last(layer, state, steps // 2)
    assert_close(whereabouts(there), double(-swing, 0.0)[None], rtol=0, atol=1e-7)
    assert_close(whereabouts(last(layer, state, steps)), double(swing, 0.0)[None], rtol=0, atol=1e-7)


def test_a_power_line_swings_about_its_angle_as_theory_says() -> None:
    # m phi'' = -d phi' + 2 P - 2 K sin phi: sin phi_0 = P / K, Omega^2 = 2 K cos phi_0 / m - (d / 2 m)^2.
    mass, damping, power, strength, small = 0.5, 0.2, 0.9, 1.5, 1e-5
    grid = {"kind": "graph", "generator": "path_graph", "strength": strength}
    declaration = kuramoto(0.0, [power, -power], TIGHT | {"step_size": 0.5, "rtol": 1e-12, "atol": 1e-13})
    layer = layer_of(declaration | {"coupling": grid, "inertia": {"mass": mass, "damping": damping}})
    angle = math.asin(power / strength)
    state = layer.initial_state(double(angle + small, 0.0).reshape(1, 1, 2))
    omega = math.sqrt(2 * strength * math.cos(angle) / mass - (damping / (2 * mass)) ** 2)
    decay = damping / (2 * mass)
    for steps in (3, 10, 25):
        after, t = whereabouts(last(layer, state, steps))[0], 0.5 * steps
        swung = small * math.exp(-decay * t) * (math.cos(omega * t) + decay / omega * math.sin(omega * t))
        assert float(after[0] - after[1] - angle) == pytest.approx(swung, abs=2e-4 * small)


def dense(layer_part: Any) -> Tensor:
    """Matrix of a dense coupling, with its strength."""
    return layer_part.strength * layer_part.weights


def test_the_step_of_cornn_is_the_published_one() -> None:
    # z <- z + dt (tanh(W y + W' z + b) - gamma y - eps z); y <- y + dt z (Rusch and Mishra 2021, eq. 3).
    n, dt, gamma, epsilon = 6, 0.042, 2.7, 4.7
    b = [0.3, -0.5, 0.1, 0.0, 0.9, -0.2]
    layer = layer_of({
        "manifold": {"kind": "euclidean"}, "oscillators": n, "activation": "tanh",
        "coupling": {"kind": "dense", "seed": 1, "strength": 2.0}, "velocity_coupling": {"kind": "dense", "seed": 2},
        "potential": {"kind": "harmonic", "stiffness": gamma}, "inertia": {"mass": 1.0, "damping": epsilon},
        "stimulus": {"kind": "constant", "amplitude": b},
        "integrator": {"kind": "semi_implicit_euler", "step_size": dt},
    })  # fmt: skip
    state = start(layer, 3)
    stimulus = layer.stimulus_of(torch.zeros(3, n, dtype=torch.float64))
    y, z = state["x"][:, 0], state["v"][:, 0]
    oscillators = layer.oscillators
    w, w_z = dense(oscillators.coupling), dense(oscillators.velocity_coupling)
    for _ in range(20):
        z = z + dt * (torch.tanh(y @ w.T + z @ w_z.T + double(*b)) - gamma * y - epsilon * z)
        y = y + dt * z
    with torch.no_grad():
        after = advance(layer, state, stimulus, steps=20, dt=layer.dt)
    assert_close(after["x"][:, 0], y, rtol=0, atol=1e-14)
    assert_close(after["v"][:, 0], z, rtol=0, atol=1e-14)


def test_the_step_of_graphcon_is_the_published_one() -> None:
    # Y <- Y + dt (relu(A X) - alpha Y - gamma X); X <- X + dt Y (Rusch et al. 2022), with k features for each node.
    n, k, dt, alpha, gamma = 8, 3, 0.5, 0.8, 1.2
    graph = {"kind": "graph", "generator": "cycle_graph", "normalization": "degree"}
    layer = layer_of({
        "manifold": {"kind": "euclidean", "dimension": k}, "oscillators": n, "coupling": graph, "activation": "relu",
        "potential": {"kind": "harmonic", "stiffness": gamma}, "inertia": {"damping": alpha},
        "integrator": {"kind": "semi_implicit_euler", "step_size": dt},
    })  # fmt: skip
    state = start(layer, 1)
    x, y = state["x"][0].T, state["v"][0].T
    a = (torch.eye(n, dtype=torch.float64).roll(1, 0) + torch.eye(n, dtype=torch.float64).roll(-1, 0)) / 2
    for _ in range(5):
        y = y + dt * (torch.relu(a @ x) - alpha * y - gamma * x)
        x = x + dt * y
    assert_close(last(layer, state, 5)["x"][0].T, x, rtol=0, atol=1e-14)


def test_free_oscillators_of_horn_ring_down_at_their_frequency() -> None:
    # x'' + 2 gamma x' + omega^2 x = 0.
    omega, gamma, t = 2 * math.pi / 28, 0.01, 90.0
    layer = layer_of({
        "manifold": {"kind": "euclidean"}, "oscillators": 1, "coupling": FREE, "activation": "tanh",
        "potential": {"kind": "harmonic", "stiffness": omega**2}, "inertia": {"damping": 2 * gamma},
        "integrator": TIGHT | {"step_size": t},
    })  # fmt: skip
    after = last(layer, layer.initial_state(double(1.0).reshape(1, 1, 1)), 1)
    damped = math.sqrt(omega**2 - gamma**2)
    expected = math.exp(-gamma * t) * (math.cos(damped * t) + gamma / damped * math.sin(damped * t))
    assert float(after["x"]) == pytest.approx(expected, abs=1e-8)
