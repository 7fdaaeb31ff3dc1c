from __future__ import annotations

from dataclasses import replace
from math import asin, cos, pi
from pathlib import Path

import numpy as np
import pytest
import torch
from resting import all_locked, from_first, kuramoto, matrix, network, ring, same_states, twisted

from oscillo.stability.fixed_points import FixedPoints, fixed_points
from oscillo.stability.functions import flow, iterated_map
from oscillo.stability.system import System

pytestmark = pytest.mark.usefixtures("in_double")

ALL = {"kind": "mean_field", "strength": 1.0}


def _returns(found: FixedPoints, steps: int) -> list[bool]:
    """Whether each point is come back to from a small displacement; every point is displaced in several directions."""
    tries, size = 6, 1e-4
    rows = torch.arange(len(found.points)).repeat_interleave(tries)
    start = found.system.at(rows)
    push = size * torch.randn(start.state["x"].shape, generator=torch.Generator().manual_seed(1))
    moved = {"x": start.state["x"] + push} | ({"v": start.state["v"]} if "v" in start.state else {})
    end = replace(start, state=start.layer.initial_state(**moved)).after(steps)  # pyright: ignore[reportAttributeAccessIssue]
    apart = found.symmetry.distance(end.state, start.state).reshape(-1, tries)
    assert ((apart < size / 20) | (apart > 50 * size)).all(), "a longer time is needed to tell"
    return [bool((one < size).all()) for one in apart]


def test_two_oscillators_lock_at_the_arc_sine_of_their_detuning() -> None:
    found = fixed_points(network(kuramoto([0.3, 0.9], ALL), count=20))
    angle = asin(0.6)
    stable, unstable = found.points
    assert (stable.stable, unstable.stable) == (True, False)
    assert from_first(stable.state["x"])[1] == pytest.approx(angle, abs=1e-12)
    assert from_first(unstable.state["x"])[1] == pytest.approx(pi - angle, abs=1e-12)
    for point, rate in ((stable, -cos(angle)), (unstable, cos(angle))):
        assert point.frequency == pytest.approx(0.6)
        assert point.eigenvalues.real.tolist() == pytest.approx([rate])
        assert (point.symmetric, point.neutral, point.complete) == (1, 0, True)
        assert point.residual < 1e-12
    assert len(stable.starts) + len(unstable.starts) + len(found.lost) == 20


def test_too_different_oscillators_do_not_lock() -> None:
    found = fixed_points(network(kuramoto([0.0, 1.1], ALL), count=20))
    assert not found.points and len(found.lost) == 20


def test_states_that_turn_are_no_rest() -> None:
    turning = network(kuramoto([0.3, 0.9], ALL), count=20)
    resting = network(kuramoto([-0.3, 0.3], ALL), count=20)
    assert not fixed_points(turning, relative=False).points
    assert len(fixed_points(resting, relative=False).points) == 2


CASES = {
    "three_alike": ([0.0] * 3, np.ones((3, 3)) / 3, 24),
    "three_different": ([0.1, -0.2, 0.25], np.ones((3, 3)) / 3, 24),
    "three_asymmetric": ([0.0, 0.2, -0.1], np.array([[0, 1, -0.5], [0.3, 0, 0.8], [1.2, 0.1, 0]]), 24),
    "four_different": ([0.1, -0.05, 0.12, -0.2], np.ones((4, 4)) / 4, 12),
    "four_asymmetric": (
        [0.05, 0.0, -0.1, 0.1],
        np.array([[0, 0.9, -0.4, 0.2], [0.5, 0, 0.7, 0.1], [0.3, 1.1, 0, -0.6], [0.8, 0.2, 0.4, 0]]),
        12,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_finds_all_that_a_search_of_the_whole_torus_finds(name: str, tmp_path: Path) -> None:
    omega, weights, points = CASES[name]
    expected = all_locked(np.array(omega), weights, points)
    found = fixed_points(network(kuramoto(omega, matrix(weights, tmp_path)), count=400))
    assert same_states(np.array([from_first(one.state["x"]) for one in found.points]), expected)
    assert len(expected) >= 2
    assert sum(len(one.starts) for one in found.points) + len(found.lost) == 400


@pytest.mark.parametrize("name", CASES)
def test_stable_are_those_that_the_motion_comes_back_to(name: str, tmp_path: Path) -> None:
    omega, weights, _ = CASES[name]
    found = fixed_points(network(kuramoto(omega, matrix(weights, tmp_path)), count=200))
    assert all(not one.neutral for one in found.points)
    assert _returns(found, steps=4000) == [one.stable for one in found.points]


def test_a_family_of_states_is_told_by_its_neutral_direction() -> None:
    found = fixed_points(network(kuramoto([0.0] * 4, ALL), count=40))
    # Two pairs of opposite phases at any angle, where the mean field vanishes.
    family = [one for one in found.points if torch.exp(1j * one.state["x"]).mean().abs() < 1e-6]
    assert len(family) > 3
    assert all(one.neutral >= 1 and not one.stable for one in family)


def test_twisted_states_of_a_ring_are_stable_below_a_quarter_turn() -> None:
    n = 16
    numbers = list(range(-7, 9))
    found = fixed_points(twisted(network(ring(n)), numbers))
    assert len(found.points) == len(numbers)
    for point in found.points:
        q = numbers[int(point.starts[0])]
        assert point.stable == (abs(q) < n / 4)
        modes = 2 * np.cos(2 * np.pi * np.arange(1, n) / n) - 2
        expected = np.sort(np.cos(2 * np.pi * q / n) * modes)[::-1]
        assert point.eigenvalues.real.tolist() == pytest.approx(expected.tolist(), abs=1e-9)
        assert point.neutral == (n - 1 if abs(q) == n // 4 else 0)


def test_an_oscillator_of_stuart_and_landau_turns_on_its_limit_cycle() -> None:
    layer = {
        "manifold": {"kind": "plane"}, "oscillators": 1, "frequency": {"kind": "shared", "init": 0.7, "shear": 0.2},
        "potential": {"kind": "quartic", "mu": 1.0}, "coupling": {"kind": "mean_field", "strength": 0.0},
        "integrator": {"kind": "rk4", "step_size": 0.05},
    }  # fmt: skip
    found = fixed_points(network(layer, count=40))
    cycle, origin = found.points
    assert cycle.frequency == pytest.approx(0.5)
    assert float(cycle.state["x"].norm()) == pytest.approx(1.0)
    assert cycle.stable and cycle.symmetric == 1
    assert cycle.eigenvalues.real.tolist() == pytest.approx([-2.0])
    assert float(origin.state["x"].norm()) < 1e-6
    assert (origin.unstable, origin.symmetric) == (2, 0)
    assert origin.eigenvalues.real.tolist() == pytest.approx([1.0, 1.0])
    at_rest = fixed_points(network(layer, count=40), relative=False).points
    assert [one.eigenvalues.imag.abs().tolist() for one in at_rest] == [pytest.approx([0.7, 0.7])]
    of_step = fixed_points(network(layer, count=40), of="step")
    assert of_step.points[0].frequency == pytest.approx(0.5, rel=1e-6)
    assert of_step.points[0].eigenvalues.real.tolist() == pytest.approx([np.exp(-0.1)], rel=1e-5)


def test_the_swing_equation_has_the_eigenvalues_of_a_damped_spring() -> None:
    mass, damping = 0.5, 0.3
    layer = kuramoto([-0.2, 0.2], ALL, inertia={"mass": mass, "damping": damping})
    found = fixed_points(network(layer, count=30, speed=1.0))
    phases = [from_first(one.state["x"])[1] for one in found.points]
    assert phases == pytest.approx([asin(0.4), pi - asin(0.4)])
    for point in found.points:
        stiffness = cos(from_first(point.state["x"])[1])
        # mass l^2 + damping l + K cos = 0 of the difference, and what is left of the common turn: l = -damping / mass.
        expected = np.append(np.roots([mass, damping, stiffness]), -damping / mass)
        expected = sorted(expected, key=lambda one: (-round(one.real, 9), -one.imag))
        assert point.eigenvalues.tolist() == pytest.approx(expected)
    assert [one.stable for one in found.points] == [True, False]
    assert _returns(found, steps=2000) == [True, False]


def test_long_steps_lose_what_the_flow_holds() -> None:
    rate = 0.8
    for dt, stable in ((0.9 * 2 / rate, True), (1.1 * 2 / rate, False)):
        system = network(
            kuramoto([0.3, 0.9], ALL, integrator={"kind": "projected_euler", "step_size": dt}), count=20
        )  # fmt: skip
        of_flow, of_step = fixed_points(system), fixed_points(system, of="step")
        assert of_flow.points[0].stable
        multipliers = {round(float(one.eigenvalues[0].real), 6) for one in of_step.points}
        assert multipliers == {round(1 - dt * rate, 6), round(1 + dt * rate, 6)}
        assert len(of_step.stable) == stable
        assert all(abs(one.frequency - 0.6) < 1e-9 or dt * 0.6 > pi for one in of_step.points)
        assert _returns(of_step, steps=300) == [one.stable for one in of_step.points]


def test_points_of_a_map() -> None:
    for r, stable in ((2.8, True), (3.2, False)):
        x = torch.linspace(0.01, 0.99, 20).reshape(-1, 1, 1)
        found = fixed_points(iterated_map(lambda x, r=r: r * x * (1 - x), x), of="step")
        values = {round(float(one.state["x"]), 9): float(one.eigenvalues[0].real) for one in found.points}
        assert values == {0.0: pytest.approx(r), round(1 - 1 / r, 9): pytest.approx(2 - r)}
        assert len(found.stable) == stable


def test_points_of_a_network_that_is_a_map(tmp_path: Path) -> None:
    layer = {
        "manifold": {"kind": "euclidean"}, "oscillators": 1, "activation": "tanh", "integrator": {"kind": "map"},
        "coupling": matrix(np.array([[2.0]]), tmp_path),
    }  # fmt: skip
    found = fixed_points(network(layer, count=20), of="step")
    high = 0.957504024079
    assert sorted(float(one.state["x"]) for one in found.points) == pytest.approx([-high, 0.0, high])
    assert [one.stable for one in found.points] == [True, True, False]
    assert float(found.points[2].eigenvalues[0].real) == pytest.approx(2.0)
    assert float(found.points[0].eigenvalues[0].real) == pytest.approx(2 * (1 - high**2))


def test_equilibria_of_a_function_of_ones_own() -> None:
    def lorenz(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a, b, c = x.unbind(1)
        return torch.stack((10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c), dim=1)

    start = 20 * torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    found = fixed_points(flow(lorenz, start, dt=0.01))
    side = (8 / 3 * 27) ** 0.5
    expected = torch.tensor([[-side, -side, 27.0], [0.0, 0.0, 0.0], [side, side, 27.0]])
    points = torch.cat([one.state["x"] for one in found.points])
    assert torch.allclose(points[points[:, 0].argsort()], expected, atol=1e-9)
    assert [one.unstable for one in found.points] == [1, 2, 2]
    roots = np.roots([1, 41 / 3, 8 / 3 * 38, 2 * 10 * 8 / 3 * 27])
    assert found.points[1].eigenvalues.tolist() == pytest.approx(sorted(roots, key=lambda one: (-one.real, -one.imag)))


def test_numbers_of_starts_say_which() -> None:
    system = network(kuramoto([0.3, 0.9], ALL), count=30)
    found = fixed_points(system)
    for point, member in ((one, int(one.starts[3])) for one in found.points):
        alone = fixed_points(System(system.layer, {k: v[[member]] for k, v in system.state.items()}, system.dt))
        assert from_first(alone.points[0].state["x"])[1] == pytest.approx(from_first(point.state["x"])[1])
