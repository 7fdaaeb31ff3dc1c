from __future__ import annotations

import pytest
import torch
from dynamics import follow, numbers, points, population, ring
from flows import layer_of
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import (
    AttentionCouplingSpec,
    ConvolutionCouplingSpec,
    CouplingSpec,
    EnergyAttentionCouplingSpec,
    GraphCouplingSpec,
)
from oscillo.frequencies import FrequencySpec, IdentityFrequencySpec, NoFrequencySpec, SharedFrequencySpec
from oscillo.integrators import GeodesicEulerSpec, IntegratorSpec, ProjectedEulerSpec, RK4Spec
from oscillo.integrators.loop import advance
from oscillo.layout import StateShape
from oscillo.oscillators import Oscillators

GRID, NODES = StateShape((4, 5), 3, 4), StateShape((), 3, 12)
CASES = {
    "zero_boundary": (GRID, ConvolutionCouplingSpec(symmetric=True)),
    "circular": (GRID, ConvolutionCouplingSpec(symmetric=True, boundary="circular", kernel_size=5)),
    "no_bias": (GRID, ConvolutionCouplingSpec(symmetric=True, bias=False)),
    "graph": (NODES, ring(strength=-0.7)),
    "energy_attention": (GRID, EnergyAttentionCouplingSpec(heads=3)),
    "energy_attention_gta": (GRID, EnergyAttentionCouplingSpec(heads=3, position="gta", base=10.0)),
}
INTEGRATORS = [ProjectedEulerSpec(), GeodesicEulerSpec(), RK4Spec()]


def drawn(shape: StateShape, coupling: CouplingSpec, key: int) -> tuple[Oscillators, Tensor, Tensor]:
    torch.manual_seed(key)
    sizes = (2, *shape.sites, shape.components, shape.oscillators)
    return population(shape, coupling), points(*sizes, key=key), numbers(*sizes, key=key + 1)


def energy(oscillators: Oscillators, x: Tensor, stimulus: Tensor) -> Tensor:
    return oscillators.energy({"x": x}, stimulus, oscillators.coupling(x, stimulus))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda spec: spec.kind)
@given(key=st.integers(0, 10**6))
def test_energy_never_rises(case: str, integrator: IntegratorSpec, key: int) -> None:
    oscillators, x, stimulus = drawn(*CASES[case], key)
    assert oscillators.has_energy
    steps = 4 if integrator.kind == "rk4" else 25
    states = follow(integrator, oscillators, x, stimulus, dt=0.05, steps=steps)
    with torch.no_grad():
        energies = torch.stack([energy(oscillators, x, stimulus) for x in states])
    assert (energies.diff(dim=0) <= 1e-12 * energies.abs().max()).all()
    assert (energies[-1] < energies[0] - 1e-3).all()


@pytest.mark.parametrize("case", CASES)
@given(key=st.integers(0, 10**6))
def test_the_force_is_minus_the_gradient_of_the_energy(case: str, key: int) -> None:
    oscillators, x, stimulus = drawn(*CASES[case], key)
    x.requires_grad_()
    y = oscillators.coupling(x, stimulus)
    (gradient,) = torch.autograd.grad(energy(oscillators, x, stimulus).sum(), x)
    assert_close(gradient, -(y + stimulus))


def test_energy_counts_the_bias_without_the_half() -> None:
    oscillators, x, stimulus = drawn(*CASES["zero_boundary"], 3)
    b = oscillators.coupling.constant()
    assert b is not None
    j_x = oscillators.coupling(x) - b
    by_hand = -(0.5 * x * j_x + x * (stimulus + b)).flatten(1).sum(1)
    assert_close(energy(oscillators, x, stimulus), by_hand)
    pseudo = oscillators.pseudo_energy({"x": x}, stimulus, j_x + b)
    assert_close(pseudo, -(x * (j_x + b + stimulus)).flatten(1).sum(1))


def test_two_oscillators_by_hand() -> None:
    # E = -K cos(theta_1 - theta_0) - <c, x>
    pair = population(StateShape((), 2, 2), GraphCouplingSpec(generator="path_graph", strength=0.8))
    theta = torch.tensor([[0.3, 1.5]], dtype=torch.float64)
    x = torch.stack((theta.cos(), theta.sin()), dim=-2)
    c = torch.tensor([[[0.2, 0.0], [0.0, -0.4]]], dtype=torch.float64)
    expected = -0.8 * (theta[0, 1] - theta[0, 0]).cos() - 0.2 * theta[0, 0].cos() + 0.4 * theta[0, 1].sin()
    assert_close(energy(pair, x, c), expected[None])


@pytest.mark.parametrize(
    ("coupling", "frequency", "project"),
    [
        (ConvolutionCouplingSpec(), NoFrequencySpec(), True),
        (AttentionCouplingSpec(heads=2), NoFrequencySpec(), True),
        (EnergyAttentionCouplingSpec(heads=2), SharedFrequencySpec(), True),
        (ConvolutionCouplingSpec(symmetric=True), SharedFrequencySpec(), True),
        (ConvolutionCouplingSpec(symmetric=True), IdentityFrequencySpec(), True),
        (ConvolutionCouplingSpec(symmetric=True), NoFrequencySpec(), False),
    ],
)
def test_no_energy_is_promised_where_it_may_rise(
    coupling: CouplingSpec, frequency: FrequencySpec, project: bool
) -> None:
    assert not population(StateShape((3, 3), 4, 2), coupling, frequency, project=project).has_energy


def test_velocities_that_are_felt_are_no_part_of_the_energy() -> None:
    """Two springs that rub on each other: the energy is that of the springs, and falls by what rubbing takes."""
    layer = layer_of({
        "manifold": {"kind": "euclidean"}, "oscillators": 2, "coupling": {"kind": "mean_field", "strength": 0.0},
        "potential": {"kind": "harmonic", "stiffness": 1.0}, "inertia": {"mass": 1.0, "damping": 0.0},
        "velocity_coupling": {"kind": "dense", "distribution": {"kind": "normal", "deviation": 1.0}, "seed": 2},
    })  # fmt: skip
    oscillators = layer.oscillators
    state = layer.initial_state(torch.tensor([[[0.3, -0.8]]], dtype=torch.float64))
    state["v"] = torch.tensor([[[1.0, 0.5]]], dtype=torch.float64)
    expected = 0.5 * (state["x"].square() + state["v"].square()).sum()
    assert_close(oscillators.energy(state, None, oscillators.evaluate(state).y), expected[None])


def test_a_sum_of_one_is_that_one() -> None:
    given = {"kind": "graph", "generator": "cycle_graph", "strength": 0.7, "delay": {"time": 0.3}}
    found = []
    for coupling in (given, {"kind": "sum", "terms": [given]}):
        layer = layer_of({
            "manifold": {"kind": "circle"}, "coupling": coupling,
            "frequency": {"kind": "per_oscillator", "init": [0.9, -0.4, 0.3, 0.1]},
            "integrator": {"kind": "rk4", "step_size": 0.1},
        })  # fmt: skip
        state = layer.initial_state(torch.tensor([[[0.3, -1.0, 2.0, 0.9]]], dtype=torch.float64))
        energies: list[torch.Tensor] = []
        with torch.no_grad():
            advance(
                layer, state, None, steps=8, dt=layer.dt,
                observe=lambda k, state, measures, to=energies: to.append(measures["energy"]),
            )  # fmt: skip
        found.append(torch.stack(energies))
    assert_close(found[0], found[1])


def test_energy_rises_somewhere_for_a_free_kernel() -> None:
    oscillators, x, stimulus = drawn(GRID, ConvolutionCouplingSpec(), 1)
    with torch.no_grad():
        oscillators.coupling.weight.mul_(8)
    states = follow(ProjectedEulerSpec(), oscillators, x, 0 * stimulus, dt=0.05, steps=200)
    with torch.no_grad():
        energies = torch.stack([energy(oscillators, x, 0 * stimulus) for x in states])
    assert (energies.diff(dim=0) > 1e-6).any()
