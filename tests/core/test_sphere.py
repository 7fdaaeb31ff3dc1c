from __future__ import annotations

import math

import pytest
import torch
from dynamics import SPHERE, numbers, points, population, ring
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.testing import assert_close

from oscillo.draws import normal
from oscillo.frequencies import SharedFrequencySpec
from oscillo.integrators import IntegratorSpec
from oscillo.layout import StateShape
from oscillo.manifolds import SphereSpec
from oscillo.spec import registered

dimensions = st.integers(2, 9)
keys = st.integers(0, 2**31)
scales = st.floats(1e-6, 1e6)


@given(dimensions, keys, scales)
def test_retraction_is_idempotent_and_keeps_the_direction(dimension: int, key: int, scale: float) -> None:
    raw = scale * numbers(2, dimension, 5, key=key)
    x = SPHERE.retract(raw)
    assert_close(SPHERE.retract(x), x, rtol=0, atol=1e-15)
    assert_close(x * torch.linalg.vector_norm(raw, dim=-2, keepdim=True), raw)
    assert SPHERE.drift(x).max() < 1e-15


@given(dimensions, keys)
def test_projection_is_tangent_idempotent_and_symmetric(dimension: int, key: int) -> None:
    x, f, g = (points(2, dimension, 5, key=key), numbers(2, dimension, 5, key=key + 1), numbers(dimension, 5, key=7))
    tangent = SPHERE.project(x, f)
    assert_close((x * tangent).sum(-2), torch.zeros(2, 5, dtype=x.dtype), rtol=0, atol=1e-14)
    assert_close(SPHERE.project(x, tangent), tangent, rtol=0, atol=1e-14)
    assert_close((g * tangent).sum(-2), (SPHERE.project(x, g.expand_as(x)) * f).sum(-2))
    radial = SPHERE.project(x, 3 * x)
    assert_close(radial, torch.zeros_like(x), rtol=0, atol=1e-14)


@given(dimensions, keys, st.floats(1e-9, math.pi - 1e-3))
def test_exponential_goes_the_length_of_the_velocity(dimension: int, key: int, length: float) -> None:
    x = points(2, dimension, 5, key=key)
    v = SPHERE.project(x, numbers(2, dimension, 5, key=key + 1))
    v = length * v / torch.linalg.vector_norm(v, dim=-2, keepdim=True)
    arrived = SPHERE.exponential(x, v)
    assert SPHERE.drift(arrived).max() < 1e-14
    # The angle from the chord: the arc cosine loses all digits at small angles.
    chord = torch.linalg.vector_norm(arrived - x, dim=-2)
    assert_close(2 * torch.asin(chord / 2), torch.full((2, 5), length, dtype=x.dtype), rtol=1e-6, atol=1e-14)
    assert_close(SPHERE.exponential(x, v * 2 * math.pi / length), x, rtol=0, atol=1e-12)


def test_exponential_at_rest_has_finite_gradients() -> None:
    x = points(1, 3, 4).requires_grad_()
    v = torch.zeros_like(x, requires_grad=True)
    moved = SPHERE.exponential(x, v)
    assert torch.equal(moved, x)
    weights = numbers(1, 3, 4, key=1)
    (gradient,) = torch.autograd.grad((weights * moved).sum(), v)
    assert_close(gradient, weights)
    assert torch.isfinite(gradient).all()


def test_a_zero_vector_stays_finite() -> None:
    zero = torch.zeros(1, 3, 2, requires_grad=True)
    x = SPHERE.retract(zero)
    x.sum().backward()
    assert torch.equal(x, torch.zeros(1, 3, 2)) and zero.grad is not None and torch.isfinite(zero.grad).all()


@pytest.mark.parametrize("dimension", [2, 3, 4, 8])
def test_spread_is_uniform(dimension: int) -> None:
    n = 40_000
    x = SPHERE.spread(normal(5, torch.arange(n), (dimension, 1)))[..., 0].double()
    sigma = 1 / math.sqrt(n)
    assert x.mean(0).abs().max() < 4.5 * sigma / math.sqrt(dimension)
    covariance = x.T @ x / n
    assert (covariance - torch.eye(dimension) / dimension).abs().max() < 4.5 * sigma
    # The square of one component is Beta(1/2, (N - 1)/2): its second moment tells a sphere from a cube.
    fourth = 3 / (dimension * (dimension + 2))
    assert (x.pow(4).mean(0) - fourth).abs().max() < 4.5 * sigma


@pytest.mark.parametrize("kind", ["projected_euler", "geodesic_euler", "rk4"])
def test_states_do_not_drift_off_in_many_float32_steps(kind: str) -> None:
    spec = registered("integrator")["integrator"][kind]()
    assert isinstance(spec, IntegratorSpec)
    oscillators = population(StateShape((), 4, 6), ring(strength=0.3), SharedFrequencySpec(init=0.7)).float()
    step, dt = spec.build(), torch.tensor(0.05)
    state, stimulus = {"x": points(1, 4, 6).float()}, 0.1 * numbers(1, 4, 6, key=1).float()
    with torch.no_grad():
        for k in range(3_000 if kind == "rk4" else 10_000):
            state = step(oscillators, state, stimulus, k * dt, dt, oscillators.evaluate(state, stimulus))
    assert SPHERE.drift(state["x"]).max() < 1e-6


@pytest.mark.parametrize("dimension", [0, 1, -3])
def test_a_sphere_has_at_least_two_dimensions(dimension: int) -> None:
    with pytest.raises(ValidationError):
        SphereSpec(dimension=dimension)
