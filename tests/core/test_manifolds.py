from __future__ import annotations

import math

import pytest
import torch
from dynamics import SPHERE, circle, numbers, points
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import GraphCouplingSpec
from oscillo.draws import normal
from oscillo.frequencies import NoFrequencySpec, SharedFrequencySpec
from oscillo.integrators import GeodesicEulerSpec, ProjectedEulerSpec, RK4Spec
from oscillo.layout import StateShape
from oscillo.manifolds import CircleSpec, EuclideanSpec, ManifoldSpec, PlaneSpec, SphereSpec
from oscillo.oscillators import Extras, Inertia, Oscillators

CIRCLE, PLANE = CircleSpec().build(), PlaneSpec().build()
ALL = [CircleSpec(), PlaneSpec(), EuclideanSpec(), EuclideanSpec(dimension=5), SphereSpec(), SphereSpec(dimension=2)]
KOLMOGOROV = 2.0
"""Largest distance of two distribution functions, times sqrt(n); larger ones come by chance in one of 1500 samples."""

keys = st.integers(0, 2**31)
angle = st.floats(-math.pi, math.pi)


def label(spec: ManifoldSpec) -> str:
    return f"{spec.kind}-{spec.components}"


def apart(values: Tensor, low: float = 0.0, high: float = 1.0) -> float:
    """Kolmogorov's distance from the uniform distribution, times the root of the number of values."""
    n = values.numel()
    share = ((values.flatten().double().sort().values - low) / (high - low)).clamp(0, 1)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return math.sqrt(n) * float(torch.maximum(share - steps[:-1], steps[1:] - share).max())


def tangent(spec: ManifoldSpec, key: int) -> tuple[Tensor, Tensor]:
    """A point and a tangent vector of moderate length."""
    manifold = spec.build()
    x = manifold.spread(numbers(2, spec.components, 5, key=key))
    return x, manifold.project(manifold.embed(x), numbers(2, spec.seen, 5, key=key + 1))


@pytest.mark.parametrize("spec", ALL, ids=label)
@given(keys)
def test_projecting_a_force_is_the_adjoint_of_pushing(spec: ManifoldSpec, key: int) -> None:
    """The power of a force, <f, dseen/dt>, is that of its projection, <project f, dx/dt>."""
    manifold, (x, v) = spec.build(), tangent(spec, key)
    seen, f = manifold.embed(x), numbers(2, spec.seen, 5, key=key + 2)
    assert_close((f * manifold.push(seen, v)).sum(-2), (manifold.project(seen, f) * v).sum(-2))


@pytest.mark.parametrize("spec", ALL, ids=label)
@given(keys)
def test_a_projected_force_is_the_slope_of_its_work(spec: ManifoldSpec, key: int) -> None:
    manifold, (x, v) = spec.build(), tangent(spec, key)
    f = numbers(2, spec.seen, 5, key=key + 2)
    x.requires_grad_()
    (slope,) = torch.autograd.grad((f * manifold.embed(x)).sum(), x)
    projected = manifold.project(manifold.embed(x), f)
    assert_close(((slope - projected) * v).sum(-2), torch.zeros(2, 5, dtype=x.dtype), rtol=0, atol=1e-12)


@pytest.mark.parametrize("spec", ALL, ids=label)
@given(keys, st.floats(1e-6, 1.0))
def test_distance_is_the_length_of_a_geodesic(spec: ManifoldSpec, key: int, length: float) -> None:
    manifold, (x, v) = spec.build(), tangent(spec, key)
    v = length * v / v.norm(dim=-2, keepdim=True)
    there = manifold.retract(manifold.exponential(x, v))
    assert_close(manifold.distance(x, there), torch.full((2, 1, 5), length, dtype=x.dtype), rtol=1e-8, atol=1e-15)
    assert_close(manifold.distance(there, x), manifold.distance(x, there))
    assert not manifold.distance(x, x).any()


@pytest.mark.parametrize("spec", [SphereSpec(dimension=2), SphereSpec(dimension=5)], ids=label)
@pytest.mark.parametrize("small", [1e-14, 1e-10, 1e-6, 1e-2])
def test_distance_on_the_sphere_is_exact_near_zero_and_near_pi(spec: SphereSpec, small: float) -> None:
    x, v = tangent(spec, 3)
    v = v / v.norm(dim=-2, keepdim=True)
    for length in (small, math.pi - small):
        there = math.cos(length) * x + math.sin(length) * v
        assert_close(SPHERE.distance(x, there), torch.full((2, 1, 5), length, dtype=x.dtype), rtol=0, atol=2e-15)
        single = SPHERE.distance(x.float(), SPHERE.retract(there.float()))
        assert_close(single, torch.full((2, 1, 5), length), rtol=0, atol=1e-6)
    assert not SPHERE.distance(x, x).any()


@given(angle, st.integers(-40, 40))
def test_whole_turns_are_taken_off_and_counted(theta: float, turns: int) -> None:
    x = torch.tensor([[[theta + 2 * math.pi * turns]]], dtype=torch.float64)
    rest, counted = CIRCLE.unwound(x)
    assert rest.abs() <= math.pi + 1e-13
    assert_close(rest + 2 * math.pi * counted, x, rtol=0, atol=1e-13)
    assert_close(CIRCLE.embed(rest), CIRCLE.embed(x), rtol=0, atol=1e-13)
    assert counted == turns or math.pi - abs(theta) < 1e-12
    assert torch.equal(CIRCLE.retract(rest), rest) or math.pi - rest.abs() < 1e-12


def test_many_turns_are_taken_off_float32_angles_at_once() -> None:
    """2 pi rounded to float32 would be wrong by 2e-7 for each turn."""
    turns = torch.arange(-10_000, 10_001, 7, dtype=torch.float64)
    x = (2 * math.pi * turns + torch.linspace(-3, 3, len(turns)).double()).float()[None, None]
    assert torch.equal(CIRCLE.unwound(x)[1][0, 0].double(), turns)
    assert_close(CIRCLE.retract(x).double(), x.double() - 2 * math.pi * turns, rtol=0, atol=2e-6)


@pytest.mark.parametrize("speed", [2.0, -2.0])
def test_angles_do_not_drift_in_many_float32_turns(speed: float) -> None:
    """2 pi rounded to float32 would make it 6e-4."""
    steps, omega = 10_000, torch.tensor(speed)
    alone = GraphCouplingSpec(generator="empty_graph").build(StateShape((), 2, 3))
    frequency = SharedFrequencySpec(init=speed).build(StateShape((), 2, 3))
    oscillators = Oscillators(StateShape((), 1, 3), CIRCLE, frequency, alone)
    start = torch.tensor([[[-3.0, 0.1, 3.0]]])
    state = {"x": start, "winding": torch.zeros_like(start, dtype=torch.int32)}
    step, dt = ProjectedEulerSpec().build(), torch.ones(())
    with torch.no_grad():
        for _ in range(steps):
            state = step(oscillators, state, None, 0 * dt, dt, oscillators.evaluate(state))
            assert state["x"].abs().max() <= math.pi + 1e-6
    travelled = state["x"].double() + 2 * math.pi * state["winding"].double()
    wanted = start.double() + steps * omega.double()
    assert state["winding"].dtype == torch.int32 and int(state["winding"].abs().min()) > 3000
    assert_close(travelled, wanted, rtol=0, atol=2e-4)


@given(angle, st.floats(-10, 10), st.floats(-10, 10), st.floats(-10, 10))
def test_the_circle_by_hand(theta: float, f0: float, f1: float, speed: float) -> None:
    x, v = (torch.tensor([[[number]]], dtype=torch.float64) for number in (theta, speed))
    f, seen = torch.tensor([[[f0], [f1]]], dtype=torch.float64), CIRCLE.embed(x)
    sin, cos = math.sin(theta), math.cos(theta)
    assert_close(seen.flatten().tolist(), [cos, sin])
    assert_close(CIRCLE.push(seen, v).flatten().tolist(), [-sin * speed, cos * speed])
    assert_close(CIRCLE.project(seen, f).item(), cos * f1 - sin * f0)
    assert torch.equal(CIRCLE.turn(x, v), v)
    assert CIRCLE.bend(x, v) is None and torch.equal(CIRCLE.transport(x, v), v)


@given(angle, angle, st.integers(-3, 3))
def test_distance_on_the_circle_is_the_shorter_arc(a: float, b: float, turns: int) -> None:
    x, y = (torch.tensor([[[theta]]], dtype=torch.float64) for theta in (a, b))
    distance = CIRCLE.distance(x, y)
    assert 0 <= distance <= math.pi * (1 + 1e-15)
    assert_close(distance, SPHERE.distance(CIRCLE.embed(x), CIRCLE.embed(y)), rtol=0, atol=1e-14)
    assert_close(CIRCLE.distance(x + 2 * math.pi * turns, y), distance, rtol=0, atol=1e-13)


def test_angles_move_as_unit_vectors_in_the_plane() -> None:
    """Kuramoto's model as angles and as vectors: Euler's step on the angle is the geodesic step."""
    coupling = GraphCouplingSpec(generator="complete_graph", strength=0.125)
    seen, theta = StateShape((), 2, 8), math.pi * (2 * torch.rand(3, 8, dtype=torch.float64) - 1)
    parts = lambda: (SharedFrequencySpec(init=0.5).build(seen), coupling.build(seen))  # noqa: E731
    as_angles = Oscillators(StateShape((), 1, 8), CIRCLE, *parts()).double()
    as_vectors = Oscillators(seen, SphereSpec(dimension=2).build(), *parts()).double()
    stimulus, dt = numbers(3, 2, 8), torch.tensor(0.1, dtype=torch.float64)
    angles_, vectors = {"x": theta[:, None]}, {"x": circle(theta)}
    one, other = ProjectedEulerSpec().build(), GeodesicEulerSpec().build()
    with torch.no_grad():
        for _ in range(30):
            energies = []
            for oscillators, state in ((as_angles, angles_), (as_vectors, vectors)):
                energies.append(oscillators.energy(state, stimulus, oscillators.evaluate(state, stimulus).y))
            assert_close(energies[0], energies[1])
            angles_ = one(as_angles, angles_, stimulus, 0 * dt, dt, as_angles.evaluate(angles_, stimulus))
            vectors = other(as_vectors, vectors, stimulus, 0 * dt, dt, as_vectors.evaluate(vectors, stimulus))
            assert_close(CIRCLE.embed(angles_["x"]), vectors["x"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spec", [PlaneSpec(), EuclideanSpec(), EuclideanSpec(dimension=3)], ids=label)
def test_points_fill_the_unit_ball_evenly(spec: ManifoldSpec, dtype: torch.dtype) -> None:
    n, k = 40_000, spec.components
    x = spec.build().spread(normal(7, torch.arange(n), (k, 1)).to(dtype))[..., 0]
    assert x.dtype == dtype
    radius = x.double().norm(dim=1)
    assert radius.max() <= 1 + 1e-6
    assert apart(radius**k) < KOLMOGOROV
    if k == 1:
        assert apart(x, -1, 1) < KOLMOGOROV
    if k == 2:
        assert apart(torch.atan2(x[:, 1], x[:, 0]), -math.pi, math.pi) < KOLMOGOROV
    if k == 3:
        assert apart(x[:, 2].double() / radius, -1, 1) < KOLMOGOROV
    sigma = 1 / math.sqrt(n * (k + 2))
    assert x.double().mean(0).abs().max() < 4.5 * sigma


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_angles_fill_the_circle_evenly(dtype: torch.dtype) -> None:
    theta = CIRCLE.spread(normal(7, torch.arange(40_000), (1, 1)).to(dtype))
    assert theta.dtype == dtype and theta.abs().max() <= math.pi * (1 + 1e-6)
    assert apart(theta, -math.pi, math.pi) < KOLMOGOROV


@pytest.mark.parametrize("spec", ALL, ids=label)
def test_a_zero_vector_spreads_to_a_finite_point(spec: ManifoldSpec) -> None:
    assert torch.isfinite(spec.build().spread(torch.zeros(1, spec.components, 2))).all()


@given(keys)
def test_the_plane_turns_as_complex_numbers_do(key: int) -> None:
    x, omega = numbers(2, 2, 5, key=key), numbers(5, key=key + 1)
    z = torch.complex(x[:, 0], x[:, 1])
    turned = PLANE.turn(x, omega)
    assert_close(torch.complex(turned[:, 0], turned[:, 1]), 1j * omega * z)


@pytest.mark.parametrize("spec", [PlaneSpec(), EuclideanSpec(dimension=3)], ids=label)
def test_flat_space_leaves_everything_as_it_is(spec: ManifoldSpec) -> None:
    flat, x, v = spec.build(), *(3 * numbers(2, spec.components, 5, key=key) for key in range(2))
    assert torch.equal(flat.exponential(x, v), x + v)
    for same in (flat.retract(x), flat.embed(x)):
        assert same is x
    assert flat.project(x, v) is v and flat.transport(x, v) is v and flat.bend(x, v) is None
    assert not flat.drift(x).any() and flat.drift(x).shape == (2, 1, 5)
    assert not spec.bounded and not flat.winds


@pytest.mark.parametrize("dimension", [2, 3, 5])
def test_a_free_particle_runs_along_a_great_circle(dimension: int) -> None:
    shape = StateShape((), dimension, 4)
    alone = GraphCouplingSpec(generator="empty_graph").build(shape)
    inertia = Inertia(torch.tensor(1.7), torch.tensor(0.0))
    free = Oscillators(shape, SPHERE, NoFrequencySpec().build(shape), alone, Extras(inertia=inertia)).double()
    x = points(2, dimension, 4, key=1)
    v = SPHERE.project(x, numbers(2, dimension, 4, key=2))
    state, step, dt = {"x": x, "v": v}, RK4Spec().build(), torch.tensor(0.02, dtype=x.dtype)
    speed = v.norm(dim=-2, keepdim=True)
    with torch.no_grad():
        for k in range(1, 251):
            state = step(free, state, None, k * dt, dt, free.evaluate(state))
            phase = speed * (k * dt)
            assert_close(state["x"], phase.cos() * x + phase.sin() * v / speed, rtol=0, atol=1e-5)
            assert_close(state["v"], -phase.sin() * speed * x + phase.cos() * v, rtol=0, atol=1e-5)
            assert_close(state["v"].norm(dim=-2, keepdim=True), speed, rtol=1e-6, atol=0)
            assert (state["x"] * state["v"]).sum(-2).abs().max() < 1e-14
            assert SPHERE.drift(state["x"]).max() < 1e-14


def test_only_bounded_manifolds_have_vectors_of_one_length() -> None:
    for spec in ALL:
        manifold = spec.build()
        lengths = manifold.embed(manifold.spread(numbers(3, spec.components, 5))).norm(dim=-2)
        assert spec.bounded == torch.allclose(lengths, torch.ones_like(lengths))
        assert manifold.embed(manifold.spread(numbers(3, spec.components, 5))).shape == (3, spec.seen, 5)
