from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from dynamics import SPHERE, angles, circle, follow, numbers, points, population, ring
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import ConvolutionCouplingSpec, GraphCouplingSpec
from oscillo.frequencies import IdentityFrequencySpec, PerOscillatorFrequencySpec, SharedFrequencySpec
from oscillo.integrators import Dopri5Spec, GeodesicEulerSpec, IntegratorSpec, ProjectedEulerSpec, RK4Spec
from oscillo.layout import StateShape
from oscillo.oscillators import Oscillators

N = 10
NODES = StateShape((), 2, N)
GRID = StateShape((4, 5), 4, 3)
NO_STIMULUS = torch.zeros(1, 2, N, dtype=torch.float64)


def kuramoto() -> tuple[Oscillators, Tensor, Tensor]:
    """Oscillators on the circle with their dense matrix K_ij (i feels j) and natural frequencies."""
    strength = 0.625  # exact in float32, in which weights are made
    spec = ring(strength=strength)
    oscillators = population(NODES, spec, PerOscillatorFrequencySpec())
    omega = numbers(N, key=5)
    oscillators.frequency.omega.data.copy_(omega)
    return oscillators, strength * torch.from_numpy(spec.read(N).matrix(N).toarray()), omega


def sines(theta: Tensor, matrix: Tensor, omega: Tensor, push: float = 0.0) -> Tensor:
    r"""Kuramoto's equation, omega_i + sum_j K_ij sin(theta_j - theta_i) + push sin(-theta_i)."""
    difference = theta[..., None, :] - theta[..., :, None]
    return omega + (matrix * difference.sin()).sum(-1) - push * theta.sin()


def turned(a: Tensor, b: Tensor) -> Tensor:
    """Largest angle between phases, whatever their windings."""
    return torch.remainder(a - b + math.pi, 2 * math.pi).sub(math.pi).abs().max()


@pytest.mark.parametrize("push", [0.0, 0.7])
def test_geodesic_euler_on_the_circle_is_euler_on_the_angle(push: float) -> None:
    oscillators, matrix, omega = kuramoto()
    theta = 2 * math.pi * torch.rand(3, N, dtype=torch.float64)
    stimulus = torch.tensor([push, 0.0], dtype=torch.float64)[:, None].expand(3, 2, N)
    states = follow(GeodesicEulerSpec(), oscillators, circle(theta), stimulus, dt=0.1, steps=50)
    for x in states[1:]:
        theta = theta + 0.1 * sines(theta, matrix, omega, push)
        assert turned(angles(x), theta) < 1e-12


@pytest.mark.parametrize(
    ("integrator", "tolerance"),
    [(ProjectedEulerSpec(), 3e-2), (RK4Spec(), 1e-7), (Dopri5Spec(rtol=1e-9, atol=1e-11), 1e-8)],
    ids=["projected_euler", "rk4", "dopri5"],
)
def test_other_steps_on_the_circle_follow_the_angle(integrator: IntegratorSpec, tolerance: float) -> None:
    oscillators, matrix, omega = kuramoto()
    theta = 2 * math.pi * torch.rand(1, N, dtype=torch.float64)
    last = follow(integrator, oscillators, circle(theta), NO_STIMULUS, dt=0.02, steps=50)[-1]
    h = 1e-3  # reference: the classical Runge-Kutta method on the angle
    for _ in range(1000):
        a = sines(theta, matrix, omega)
        b = sines(theta + h / 2 * a, matrix, omega)
        c = sines(theta + h / 2 * b, matrix, omega)
        d = sines(theta + h * c, matrix, omega)
        theta = theta + h / 6 * (a + 2 * b + 2 * c + d)
    assert turned(angles(last), theta) < tolerance


def test_strong_coupling_synchronises_and_weak_does_not() -> None:
    def order(strength: float) -> float:
        coupling = GraphCouplingSpec(generator="complete_graph", strength=strength / N)
        oscillators = population(NODES, coupling, PerOscillatorFrequencySpec())
        oscillators.frequency.omega.data.copy_(torch.linspace(-1, 1, N))
        x = circle(2 * math.pi * torch.arange(N, dtype=torch.float64)[None] / N + 0.1 * numbers(1, N))
        return float(follow(GeodesicEulerSpec(), oscillators, x, NO_STIMULUS, dt=0.05, steps=600)[-1].mean(-1).norm())

    assert order(4.0) > 0.9
    assert order(0.1) < 0.6


@pytest.mark.parametrize("spec", [SharedFrequencySpec(init=0.9), PerOscillatorFrequencySpec(init=0.9)])
@pytest.mark.parametrize("components", [2, 4, 6])
def test_frequencies_turn_every_plane_counter_clockwise(spec: Any, components: int) -> None:
    shape = StateShape((), components, 3)
    alone = population(shape, GraphCouplingSpec(generator="empty_graph"), spec)
    x = points(2, components, 3)
    dt = 0.1
    after = follow(RK4Spec(), alone, x, torch.zeros_like(x), dt=dt, steps=20)[-1]
    for plane in range(components // 2):
        first, second = x[:, 2 * plane], x[:, 2 * plane + 1]
        cos, sin = math.cos(0.9 * 2.0), math.sin(0.9 * 2.0)
        expected = torch.stack((cos * first - sin * second, sin * first + cos * second), dim=1)
        assert_close(after[:, 2 * plane : 2 * plane + 2], expected, rtol=0, atol=1e-5)


def test_each_plane_and_oscillator_has_its_own_frequency() -> None:
    shape = StateShape((), 4, 3)
    frequency = PerOscillatorFrequencySpec().build(shape).double()
    frequency.omega.data.copy_(numbers(2, 3))
    x = points(1, 4, 3)
    velocity = frequency(x, SPHERE.turn)
    for plane in range(2):
        for oscillator in range(3):
            w, (a, b) = frequency.omega[plane, oscillator], x[0, 2 * plane : 2 * plane + 2, oscillator]
            assert_close(velocity[0, 2 * plane : 2 * plane + 2, oscillator], torch.stack((-w * b, w * a)))


def test_rotations_refuse_an_odd_dimension() -> None:
    for spec in (SharedFrequencySpec(), PerOscillatorFrequencySpec()):
        assert "even dimension" in spec.problems(StateShape((), 3, 2))[0]
        assert not spec.problems(StateShape((), 4, 2))


@given(st.floats(0.01, 5.0), st.integers(0, 1000))
def test_identity_frequency_shortens_the_step(g: float, key: int) -> None:
    coupling = ConvolutionCouplingSpec()
    torch.manual_seed(key)
    plain = population(GRID, coupling)
    odd = population(GRID, coupling, IdentityFrequencySpec())
    odd.coupling = plain.coupling
    x, stimulus = points(2, 4, 5, 4, 3, key=key), numbers(2, 4, 5, 4, 3, key=key + 1)
    shortened = follow(ProjectedEulerSpec(), plain, x, stimulus, dt=g / (1 + g), steps=3)[-1]
    assert_close(follow(ProjectedEulerSpec(), odd, x, stimulus, dt=g, steps=3)[-1], shortened)


def test_identity_frequency_is_refused_where_the_flow_is_followed() -> None:
    odd = population(GRID, ConvolutionCouplingSpec(), IdentityFrequencySpec())
    for spec in (GeodesicEulerSpec(), RK4Spec(), Dopri5Spec()):
        assert "points off it" in spec.problems(odd)[0]
    assert not ProjectedEulerSpec().problems(odd)


def test_without_projection_the_step_is_another() -> None:
    x, stimulus = points(2, 4, 5, 4, 3), numbers(2, 4, 5, 4, 3, key=1)
    with_, without = population(GRID, ConvolutionCouplingSpec()), population(GRID, ConvolutionCouplingSpec())
    without.coupling, without.projects = with_.coupling, False
    (_, a), (_, b) = (follow(ProjectedEulerSpec(), o, x, stimulus, dt=0.5, steps=1) for o in (with_, without))
    y = with_.coupling(x, stimulus)
    assert_close(b, SPHERE.retract(x + 0.5 * (y + stimulus)))
    assert (a - b).abs().max() > 1e-2
    assert with_.evaluate({"x": x}, stimulus).y.equal(without.evaluate({"x": x}, stimulus).y)


@given(st.integers(0, 10**6))
def test_velocity_is_tangent(key: int) -> None:
    torch.manual_seed(key)
    oscillators = population(GRID, ConvolutionCouplingSpec(), SharedFrequencySpec(init=1.3))
    x, stimulus = points(2, 4, 5, 4, 3, key=key), numbers(2, 4, 5, 4, 3, key=key + 1)
    radial = (x * oscillators.velocity({"x": x}, stimulus)).sum(-2)
    assert_close(radial, torch.zeros_like(radial), rtol=0, atol=1e-13)


def errors(integrator: IntegratorSpec, steps: list[int]) -> list[float]:
    """Largest error at t = 1 against a fine reference, for each number of steps."""
    torch.manual_seed(4)
    shape = StateShape((), 4, 6)
    oscillators = population(shape, ring(strength=0.5), SharedFrequencySpec(init=0.8))
    x, stimulus = points(2, 4, 6), 0.5 * numbers(2, 4, 6, key=1)
    reference = follow(Dopri5Spec(rtol=1e-12, atol=1e-13), oscillators, x, stimulus, dt=1.0, steps=1)[-1]
    run = lambda n: follow(integrator, oscillators, x, stimulus, dt=1 / n, steps=n)[-1]  # noqa: E731
    return [float((run(n) - reference).abs().max()) for n in steps]


@pytest.mark.parametrize(
    ("integrator", "order", "steps"),
    [(ProjectedEulerSpec(), 1, [80, 160]), (GeodesicEulerSpec(), 1, [80, 160]), (RK4Spec(), 4, [20, 40])],
    ids=["projected_euler", "geodesic_euler", "rk4"],
)
def test_convergence_order(integrator: IntegratorSpec, order: int, steps: list[int]) -> None:
    coarse, fine = errors(integrator, steps)
    assert abs(math.log2(coarse / fine) - order) < 0.15


def test_dopri5_keeps_its_tolerance() -> None:
    tight, loose = (errors(Dopri5Spec(rtol=r, atol=r), [1])[0] for r in (1e-9, 1e-4))
    assert tight < 1e-8
    assert tight < loose < 1e-3


def test_a_trained_step_size_gets_the_gradient_of_time() -> None:
    oscillators, _, _ = kuramoto()
    x = circle(numbers(1, N))
    for spec in (GeodesicEulerSpec(learn_step_size=True), RK4Spec(learn_step_size=True)):
        step = spec.build().double()
        state, dt = {"x": x}, step.step_size
        after = step(oscillators, state, NO_STIMULUS, 0 * dt, dt, oscillators.evaluate(state, x * 0))["x"]
        weights = numbers(1, 2, N, key=3)
        (slope,) = torch.autograd.grad((weights * after).sum(), step.step_size)
        ends = [follow(spec, oscillators, x, NO_STIMULUS, dt=dt, steps=1)[-1] for dt in (1 + 1e-5, 1 - 1e-5)]
        assert_close(slope, (weights * (ends[0] - ends[1])).sum() / 2e-5, rtol=1e-5, atol=1e-7)


def test_a_solver_that_cannot_advance_says_so() -> None:
    oscillators = population(NODES, GraphCouplingSpec(generator="empty_graph", strength=1.0))
    wild = torch.full((1, 2, N), float("nan"), dtype=torch.float64)
    with pytest.raises(FloatingPointError, match="dopri5 could not advance"):
        follow(Dopri5Spec(), oscillators, circle(numbers(1, N)), wild, dt=1.0, steps=1)
