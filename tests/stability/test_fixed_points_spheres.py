from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from resting import kuramoto, matrix, network
from torch import Tensor

from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.stability.alignment import best_rotation
from oscillo.stability.fixed_points import FixedPoints, fixed_points
from oscillo.stability.grouping import groups_of
from oscillo.stability.motion import in_double
from oscillo.stability.symmetry import Symmetry, symmetry_of
from oscillo.stability.system import System

pytestmark = pytest.mark.usefixtures("in_double")


def _spheres(dimension: int, oscillators: int, coupling: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "manifold": {"kind": "sphere", "dimension": dimension}, "oscillators": oscillators, "coupling": coupling,
        "integrator": {"kind": "projected_euler", "step_size": 0.1},
    } | more  # fmt: skip


def _symmetric(n: int, folder: Any) -> dict[str, Any]:
    weights = np.random.default_rng(5).standard_normal((n, n))
    return matrix((weights + weights.T) / 2, folder)


def _energies(system: System) -> Tensor:
    layer = system.layer
    assert isinstance(layer, OscillatorLayer)
    return layer.measure(system.state, system.stimulus, torch.zeros(()))["energy"]


def _are_lowest(found: FixedPoints, size: float) -> list[bool]:
    """Whether no state nearby leads to one of less energy than each point has."""
    tries = 4
    rows = torch.arange(len(found.points)).repeat_interleave(tries)
    around = found.system.at(rows)
    x = around.state["x"] + size * torch.randn(around.state["x"].shape, generator=torch.Generator().manual_seed(3))
    manifold = found.symmetry.manifold
    ended = replace(around, state=around.state | {"x": manifold.retract(x)}).after(3000)
    fall = _energies(found.system).repeat_interleave(tries) - _energies(ended)
    assert ((fall.abs() < 1e-6) | (fall > 1e-3)).all(), "a longer time is needed to tell"
    return [bool((one < 1e-6).all()) for one in fall.reshape(-1, tries)]


@pytest.mark.parametrize("of", ["flow", "step"])
def test_stable_points_are_the_minima_of_the_energy(of: Any, tmp_path: Any) -> None:
    layer = _spheres(3, 5, _symmetric(5, tmp_path))
    found = fixed_points(network(layer, count=150), of=of)
    assert found.symmetry.dimension == 3
    assert all(one.neutral == 0 for one in found.points)
    assert 0 < len(found.stable) < len(found.points)
    assert _are_lowest(found, 0.01) == [one.stable for one in found.points]
    assert all(one.frequency < 1e-7 for one in found.points)
    assert float(_energies(found.system).min()) == pytest.approx(float(_energies(found.system)[0:3].min()))
    imaginary = max(float(one.eigenvalues.imag.abs().max()) for one in found.points)
    assert imaginary < 1e-6  # a gradient's Jacobian is symmetric


def test_a_circle_and_a_sphere_of_two_components_have_the_same_points(tmp_path: Any) -> None:
    weights = np.array([[0, 1, -0.5], [0.3, 0, 0.8], [1.2, 0.1, 0]])
    omega = [0.0, 0.2, -0.1]
    circle = fixed_points(network(kuramoto(omega, matrix(weights, tmp_path)), count=150))
    layer = _spheres(2, 3, matrix(weights, tmp_path), frequency={"kind": "per_oscillator", "init": omega})
    sphere = fixed_points(network(layer, count=150))
    assert len(circle.points) == len(sphere.points)
    key = lambda one: (round(one.frequency, 6), *one.eigenvalues.real.numpy().round(6))  # noqa: E731
    for one, other in zip(sorted(circle.points, key=key), sorted(sphere.points, key=key), strict=True):
        assert one.frequency == pytest.approx(other.frequency, abs=1e-9)
        assert torch.allclose(one.eigenvalues, other.eigenvalues, atol=1e-8)


def test_a_shared_rotation_is_the_generator_of_what_it_turns() -> None:
    ring = {"kind": "graph", "generator": "cycle_graph", "parameters": {"n": 5}}
    layer = _spheres(4, 5, ring, frequency={"kind": "shared", "init": 0.5})
    found = fixed_points(network(layer, count=40), lead_in=400)
    assert found.symmetry.dimension == 4  # rotations that commute with that of two planes: U(2)
    assert found.points[0].stable
    assert found.points[0].frequency == pytest.approx(0.5)
    x = found.points[0].state["x"]
    velocity = found.system.layer.oscillators.velocity({"x": x})  # pyright: ignore[reportAttributeAccessIssue]
    assert torch.allclose(found.points[0].generator @ x, velocity, atol=1e-9)
    of_step = fixed_points(network(layer, count=10), lead_in=400, of="step")
    assert of_step.points[0].frequency == pytest.approx(np.arctan(0.05) / 0.1, rel=1e-6)


def test_what_breaks_the_symmetry_is_found_out() -> None:
    full = {"kind": "mean_field", "strength": 1.0}
    pointed = {"kind": "constant", "amplitude": 0.3, "direction": [0.0, 0.0, 1.0]}
    cases = [
        (_spheres(3, 4, full), 3),
        (_spheres(3, 4, full, stimulus=pointed), 1),
        (_spheres(4, 4, full, frequency={"kind": "per_oscillator", "init": [0.1, 0.2, 0.3, 0.4]}), 4),
        (kuramoto([0.1, 0.2], full), 1),
        (kuramoto([0.1, 0.2], full, stimulus={"kind": "constant", "amplitude": 0.1}), 0),
        (kuramoto([0.1, 0.2], full, stimulus={"kind": "constant", "amplitude": 0.1, "acts_on": "velocity",
                                              "direction": [1.0]}), 1),
    ]  # fmt: skip
    for layer, dimension in cases:
        system = in_double(network(layer))
        assert [symmetry_of(system, of).dimension for of in ("flow", "step")] == [dimension] * 2


def test_points_under_a_stimulus_are_compared_up_to_rotations_about_it() -> None:
    pointed = {"kind": "constant", "amplitude": 0.3, "direction": [0.0, 0.0, 1.0]}
    layer = _spheres(3, 4, {"kind": "mean_field", "strength": -1.0}, stimulus=pointed)
    found = fixed_points(network(layer, count=60))
    heights = torch.cat([one.state["x"][:, 2] for one in found.points])
    assert len(found.points) < 60
    for i, one in enumerate(heights):  # no two are the same up to a turn about the stimulus
        for j in range(i):
            x, z = found.points[i].state["x"][0], found.points[j].state["x"][0]
            alike = torch.allclose(one, heights[j], atol=1e-6) and torch.allclose(x.T @ x, z.T @ z, atol=1e-6)
            assert not alike or _mirrored(x, z)


def _mirrored(x: Tensor, z: Tensor) -> bool:
    """Whether vectors of equal lengths and angles are mirror images about the third axis, and no rotated ones."""
    planar, other = x[:2], z[:2]
    c, s = (planar * other).sum(), (planar[0] * other[1] - planar[1] * other[0]).sum()
    angle = torch.atan2(s, c)
    turn = torch.stack((torch.stack((angle.cos(), -angle.sin())), torch.stack((angle.sin(), angle.cos()))))
    return not torch.allclose(turn @ planar, other, atol=1e-4)


@pytest.mark.parametrize("dimension", [2, 3, 5])
def test_the_best_rotation_undoes_a_rotation(dimension: int) -> None:
    source = torch.Generator().manual_seed(2)
    x = torch.randn(6, dimension, 7, generator=source)
    turn = torch.linalg.matrix_exp(3 * _antisymmetric(torch.randn(6, dimension, dimension, generator=source)))
    assert torch.allclose(best_rotation((turn @ x) @ x.mT), turn)
    flat = x.clone()
    flat[:, -1] = 0  # a plane of them leaves one axis free, which has to be no mirror
    found = best_rotation((turn @ flat) @ flat.mT)
    assert torch.allclose(found @ flat, turn @ flat)
    assert torch.allclose(torch.linalg.det(found), torch.ones(6))


def test_the_best_rotation_of_a_smaller_group_is_climbed_to() -> None:
    first, second = torch.zeros(4, 4), torch.zeros(4, 4)
    first[0, 1], first[1, 0], second[2, 3], second[3, 2] = 1, -1, 1, -1
    generators = torch.stack((first, second))
    x = torch.randn(5, 4, 6, generator=torch.Generator().manual_seed(4))
    angles = torch.tensor([[3.0, -2.0], [0.1, 0.2], [-3.1, 3.1], [1.0, 2.5], [2.0, 0.0]])
    turn = torch.linalg.matrix_exp(torch.einsum("sg,gij->sij", angles, generators))
    assert torch.allclose(best_rotation((turn @ x) @ x.mT, generators), turn, atol=1e-7)


def test_states_are_grouped_up_to_the_rotations_there_are(tmp_path: Any) -> None:
    system = network(_spheres(3, 4, _symmetric(4, tmp_path)), count=4)
    full = symmetry_of(in_double(system), "flow")
    axis = Symmetry(full.manifold, full.generators[:1])
    angles = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.5, 1.0, -2.0], [0.0, 0.0, 0.0]])
    x = system.state["x"][[0, 0, 0, 1]]
    state = full.turned({"x": x}, angles)
    assert groups_of(full, state, 1e-6).tolist() == [0, 0, 0, 1]
    assert groups_of(axis, state, 1e-6).tolist() == [0, 0, 1, 2]
    assert groups_of(full.without, state, 1e-6).tolist() == [0, 1, 2, 3]
    assert torch.allclose(full.generator(full.angles({"x": x[1:3]}, full.turned({"x": x[1:3]}, 0.3 * angles[1:3]))),
                          full.generator(0.3 * angles[1:3]))  # fmt: skip


def _antisymmetric(matrices: Tensor) -> Tensor:
    return (matrices - matrices.mT) / 2
