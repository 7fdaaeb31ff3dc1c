from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dynamics import SPHERE, numbers, points
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import GraphCouplingSpec
from oscillo.distributions import FREQUENCIES, DistributionSpec, LorentzianSpec, NormalSpec, UniformSpec
from oscillo.frequencies import DrawnFrequencySpec, FrequencySpec, PerOscillatorFrequencySpec, SharedFrequencySpec
from oscillo.integrators import ProjectedEulerSpec, RK4Spec
from oscillo.layout import StateShape
from oscillo.manifolds import CircleSpec, PlaneSpec
from oscillo.network import OscillatorLayerSpec
from oscillo.oscillators import Extras, Oscillators
from oscillo.potentials import QuarticPotentialSpec

CIRCLE, PLANE = CircleSpec().build(), PlaneSpec().build()
GRID = StateShape((2, 3), 4, 5)
DISTRIBUTIONS = [NormalSpec(mean=0.5, deviation=2.0), LorentzianSpec(width=0.1), UniformSpec(low=1.0, high=3.0)]


def layer(**fields: Any) -> OscillatorLayerSpec:
    uncoupled = {"kind": "graph", "generator": "empty_graph"}
    return OscillatorLayerSpec.model_validate(
        {"manifold": {"kind": "plane"}, "oscillators": 3, "coupling": uncoupled} | fields
    )


def objections(**fields: Any) -> list[tuple[tuple[str | int, ...], str]]:
    return layer(**fields).problems(())


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda spec: spec.kind)
def test_quantiles_stand_in_ascending_order_over_all_axes(distribution: DistributionSpec) -> None:
    omega = DrawnFrequencySpec(distribution=distribution, spacing="quantiles").build(GRID).omega
    assert omega.shape == (2, 3, 2, 5) and omega.dtype == torch.float32
    assert_close(omega.flatten().double(), distribution.spaced(60), rtol=1e-6, atol=1e-6)
    assert (omega.flatten().diff() > 0).all()
    torch.manual_seed(5)
    assert torch.equal(DrawnFrequencySpec(distribution=distribution, spacing="quantiles").build(GRID).omega, omega)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda spec: spec.kind)
def test_random_frequencies_are_those_of_the_distribution(distribution: DistributionSpec) -> None:
    omega = DrawnFrequencySpec(distribution=distribution, seed=7).build(GRID).omega
    assert_close(omega.double(), distribution.random((2, 3, 2, 5), 7, purpose=FREQUENCIES), rtol=1e-6, atol=1e-6)
    assert len(omega.unique()) == omega.numel()


def test_a_seed_of_its_own_leaves_torch_alone() -> None:
    built = lambda seed: DrawnFrequencySpec(seed=seed).build(GRID).omega  # noqa: E731
    before = torch.get_rng_state()
    first = built(3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(11)
    assert torch.equal(built(3), first)
    assert not torch.equal(built(4), first)


def test_without_a_seed_frequencies_follow_torch_as_weights_do() -> None:
    def built(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return DrawnFrequencySpec().build(GRID).omega

    assert torch.equal(built(1), built(1))
    assert not torch.equal(built(1), built(2))
    torch.manual_seed(1)
    twice = [DrawnFrequencySpec().build(GRID).omega for _ in range(2)]
    assert not torch.equal(*twice)  # two layers of one network


def test_every_site_plane_and_oscillator_turns_at_its_own_frequency() -> None:
    frequency = DrawnFrequencySpec(seed=2).build(GRID).double()
    x = points(3, 2, 3, 4, 5)
    velocity = frequency(x, SPHERE.turn)
    for plane in range(2):
        omega, (a, b) = frequency.omega[:, :, plane], x[..., 2 * plane : 2 * plane + 2, :].unbind(-2)
        assert_close(velocity[..., 2 * plane, :], -omega * b)
        assert_close(velocity[..., 2 * plane + 1, :], omega * a)


@pytest.mark.parametrize(
    "spec",
    [SharedFrequencySpec(init=0.7), PerOscillatorFrequencySpec(init=[0.7, -0.2, 2.0]), DrawnFrequencySpec(seed=1)],
    ids=lambda spec: spec.kind,
)
def test_on_the_circle_the_velocity_is_the_frequency(spec: FrequencySpec) -> None:
    seen = StateShape((), 2, 3)
    oscillators = Oscillators(
        seen._replace(components=1), CIRCLE, spec.build(seen), GraphCouplingSpec(generator="empty_graph").build(seen)
    ).double()
    theta = numbers(2, 1, 3)
    omega = oscillators.frequency.omega.expand(2, 1, 3)
    assert_close(oscillators.velocity({"x": theta}).expand(2, 1, 3), omega)
    state, step, dt = {"x": theta}, ProjectedEulerSpec().build(), torch.tensor(0.3, dtype=torch.float64)
    with torch.no_grad():
        for _ in range(4):
            state = step(oscillators, state, None, 0 * dt, dt, oscillators.evaluate(state))
    assert CIRCLE.distance(state["x"], theta + 1.2 * omega).max() < 1e-12


@given(st.floats(-2, 2), st.floats(-2, 2), st.integers(0, 2**31))
def test_shear_slows_large_amplitudes(omega: float, shear: float, key: int) -> None:
    frequency = SharedFrequencySpec(init=omega, shear=shear).build(StateShape((), 2, 5)).double()
    x = 2 * numbers(3, 2, 5, key=key)
    velocity = frequency(x, PLANE.turn)
    z = torch.complex(x[:, 0], x[:, 1])
    speed = float(torch.tensor(omega)) - float(torch.tensor(shear)) * z.abs().square()
    assert_close(torch.complex(velocity[:, 0], velocity[:, 1]), 1j * speed * z)
    assert_close((x * velocity).sum(-2), torch.zeros(3, 5, dtype=x.dtype), rtol=0, atol=1e-11)


@pytest.mark.parametrize("shear", [0.0, 0.75])
def test_stuart_landau_oscillators_follow_their_closed_form(shear: float) -> None:
    """r^2 follows the logistic equation, and the phase omega t - shear times the integral of r^2."""
    mu, saturation, omega, dt, steps = 0.75, 1.5, 1.25, 0.01, 500
    shape = StateShape((), 2, 4)
    extras = Extras(potential=QuarticPotentialSpec(mu=mu, saturation=saturation).build(shape))
    frequency = SharedFrequencySpec(init=omega, shear=shear).build(shape)
    alone = GraphCouplingSpec(generator="empty_graph").build(shape)
    oscillators = Oscillators(shape, PLANE, frequency, alone, extras).double()
    radius = torch.tensor([0.05, 0.5, 1.0, 2.0], dtype=torch.float64)
    phase = torch.tensor([0.0, 1.0, -2.0, 3.0], dtype=torch.float64)
    state: dict[str, Tensor] = {"x": torch.stack((radius * phase.cos(), radius * phase.sin()))[None]}
    step, size = RK4Spec().build(), torch.tensor(dt, dtype=torch.float64)
    with torch.no_grad():
        for k in range(steps):
            state = step(oscillators, state, None, k * size, size, oscillators.evaluate(state))
    t = steps * dt
    grown = 1 + saturation * radius.square() * (math.exp(2 * mu * t) - 1) / mu
    after = radius * math.exp(mu * t) / grown.sqrt()
    turned = phase + omega * t - shear * grown.log() / (2 * saturation)
    expected = torch.stack((after * turned.cos(), after * turned.sin()))[None]
    assert_close(state["x"], expected, rtol=0, atol=1e-6)
    assert_close(after[1:], torch.full((3,), math.sqrt(mu / saturation), dtype=torch.float64), rtol=0, atol=1e-2)


def test_shear_is_among_the_weights_only_where_there_is_some() -> None:
    shape = StateShape((), 2, 5)
    assert set(SharedFrequencySpec(shear=0.5).build(shape).state_dict()) == {"omega", "shear"}
    assert set(SharedFrequencySpec().build(shape).state_dict()) == {"omega"}


def test_shear_is_refused_where_amplitudes_are_one() -> None:
    sheared = {"kind": "shared", "shear": 0.5}
    for manifold in ({"kind": "circle"}, {"kind": "sphere", "dimension": 2}):
        ((place, text),) = objections(manifold=manifold, frequency=sheared)
        assert place == ("frequency", "shear") and "amplitudes are one" in text
    assert not objections(frequency=sheared)
    assert not SharedFrequencySpec().needs_amplitude and SharedFrequencySpec(shear=0.1).needs_amplitude


def test_a_list_gives_every_oscillator_its_frequency_in_all_planes() -> None:
    frequency = PerOscillatorFrequencySpec(init=[0.5, -1.0, 2.0]).build(StateShape((4,), 4, 3))
    assert frequency.omega.tolist() == [[0.5, -1.0, 2.0]] * 2
    assert not frequency.omega.requires_grad
    learned = PerOscillatorFrequencySpec(init=[0.5, -1.0, 2.0], learn=True).build(StateShape((4,), 4, 3))
    learned(points(1, 4, 4, 3).float(), SPHERE.turn).square().sum().backward()
    assert learned.omega.grad is not None and (learned.omega.grad != 0).all()


@pytest.mark.parametrize("file", ["power.npy", "power.txt", "power.csv", "grid.npz:power"])
def test_frequencies_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.chdir(tmp_path)
    power = np.array([0.5, -1.25, 2.0])
    np.save("power.npy", power)
    np.savetxt("power.txt", power)
    np.savetxt("power.csv", power[None], delimiter=",")
    np.savez("grid.npz", power=power)
    spec = PerOscillatorFrequencySpec(init=file)
    assert not spec.problems(StateShape((), 2, 3))
    assert spec.build(StateShape((), 2, 3)).omega.tolist() == [power.tolist()]
    assert "3 numbers, and there are 4 oscillators" in spec.problems(StateShape((), 2, 4))[0]


@pytest.mark.parametrize(
    ("init", "complaint"),
    [
        ([1.0, 2.0], "the list has 2 numbers, and there are 3 oscillators"),
        ([1.0, math.nan, 2.0], "not finite, at 1"),
        (math.inf, "not finite"),
        ("nowhere.npy", "there is no file nowhere.npy"),
    ],
)
def test_frequencies_that_cannot_be_are_refused_with_their_place(init: Any, complaint: str) -> None:
    ((place, text),) = objections(frequency={"kind": "per_oscillator", "init": init})
    assert place == ("frequency",) and complaint in text


def test_drawn_rotations_refuse_an_odd_dimension() -> None:
    for spec in (DrawnFrequencySpec(), PerOscillatorFrequencySpec(), SharedFrequencySpec()):
        assert "even dimension" in spec.problems(StateShape((), 3, 2))[0]
        ((place, _),) = objections(manifold={"kind": "euclidean", "dimension": 3}, frequency=spec.model_dump())
        assert place == ("frequency",)
        assert not objections(manifold={"kind": "circle"}, frequency=spec.model_dump())
