from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from resting import kuramoto, matrix, network, ring

from oscillo.stability import basins, fixed_points, flow
from oscillo.stability.grouping import wilson_interval

pytestmark = pytest.mark.usefixtures("in_double")

ALL = {"kind": "mean_field", "strength": 1.0}


def _twists(n: int, samples: int, steps: int) -> dict[int, float]:
    found = basins(network(ring(n, integrator={"kind": "rk4", "step_size": 0.5}), count=samples), steps)
    assert found.moving.count == 0
    assert all(one.kind == "rest" and abs(one.frequency) < 1e-6 for one in found.attractors)
    fractions: dict[int, float] = {}
    for one in found.attractors:
        assert one.winding is not None and one.order_parameter is not None
        assert one.winding not in fractions  # each twisted state is one attractor
        assert one.order_parameter == pytest.approx(float(one.winding == 0), abs=1e-3)
        fractions[one.winding] = one.share.fraction
    assert max(abs(q) for q in fractions) < n / 4
    return fractions


def test_basins_of_a_ring_shrink_like_a_gaussian_with_the_winding_number() -> None:
    n = 20
    fractions = _twists(n, samples=500, steps=500)
    assert sum(fractions.values()) == pytest.approx(1)
    width = sum(share * q**2 for q, share in fractions.items()) ** 0.5
    assert width == pytest.approx(0.2 * n**0.5, rel=0.2)
    assert fractions[1] == pytest.approx(fractions[-1], abs=0.08)


@pytest.mark.slow
def test_basins_of_rings_of_several_lengths() -> None:
    """Wiley, Strogatz and Girvan 2006, Fig. 5: Gaussians in q, of width about 0.2 times the root of n."""
    for n, steps in ((20, 800), (30, 1500), (40, 3000)):
        fractions = _twists(n, samples=3000, steps=steps)
        width = sum(share * q**2 for q, share in fractions.items()) ** 0.5
        assert width == pytest.approx(0.2 * n**0.5, rel=0.1)
        for q, share in fractions.items():
            gaussian = np.exp(-(q**2) / (2 * width**2)) / (width * (2 * np.pi) ** 0.5)
            assert share == pytest.approx(gaussian, abs=0.03)


def test_locked_and_drifting_oscillators() -> None:
    locked = basins(network(kuramoto([0.3, 0.9], ALL), count=30), 1000)
    (one,) = locked.attractors
    assert (one.kind, one.share.count, one.winding) == ("rotation", 30, 0)
    assert one.frequency == pytest.approx(0.6, rel=1e-6)
    assert one.residual < 1e-6
    assert one.samples.tolist() == list(range(30)) and locked.ends.tolist() == [0] * 30
    drifting = basins(network(kuramoto([0.0, 1.1], ALL), count=30), 1000)
    assert not drifting.attractors and drifting.moving.count == 30
    assert drifting.moving.fraction == 1 and drifting.ends.tolist() == [-1] * 30
    assert float(drifting.residual.min()) > 1e-3


def test_two_wells_of_a_particle() -> None:
    x = torch.linspace(-1.5, 1.7, 33).reshape(-1, 1, 1)
    found = basins(flow(lambda x, t: x - x**3, x, dt=0.1), 400)
    left, right = sorted(found.attractors, key=lambda one: float(one.state["x"]))
    assert [float(one.state["x"]) for one in (left, right)] == pytest.approx([-1, 1])
    assert left.samples.tolist() == [i for i in range(33) if float(x[i]) < -1e-9]
    assert (left.order_parameter, left.winding) == (None, None)
    middle = int((x.abs() < 1e-9).sum())  # a start on the saddle stays there
    assert left.share.count + right.share.count + middle == 33
    low, high = right.share.interval
    assert low < right.share.fraction < high


def test_a_cycle_of_two_is_no_rest() -> None:
    strong = {"kind": "projected_euler", "step_size": 2.5}
    found = basins(network(kuramoto([0.0, 0.0], ALL, integrator=strong), count=20), 500)
    assert found.moving.count == 20


def test_representatives_are_the_stable_fixed_points(tmp_path: Any) -> None:
    weights = np.random.default_rng(5).standard_normal((5, 5))
    layer = {
        "manifold": {"kind": "sphere", "dimension": 2}, "oscillators": 5,
        "coupling": matrix(weights + weights.T, tmp_path), "integrator": {"kind": "projected_euler", "step_size": 0.1},
    }  # fmt: skip
    system = network(layer, count=100)
    found = basins(system, 1500)
    stable = fixed_points(system, lead_in=1500, of="step").stable
    assert found.moving.count == 0 and len(stable) == len(found.attractors)
    for one in found.attractors:
        near = [float(found.symmetry.distance(one.state, point.state)) for point in stable]
        assert min(near) < 1e-4
    assert [one.share.count for one in found.attractors] == sorted((len(p.starts) for p in stable), reverse=True)


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    system = network(ring(12), count=40)
    whole = basins(system, 600)
    monkeypatch.setattr(import_module("oscillo.stability.basins"), "AT_ONCE", 12 * 7)
    parts = basins(system, 600)
    assert torch.equal(whole.ends, parts.ends)
    assert torch.allclose(whole.system.state["x"], parts.system.state["x"], atol=1e-12)


@pytest.mark.parametrize("kind", ["dopri5", "torchdiffeq"])
def test_solvers_that_choose_their_steps(kind: str) -> None:
    found = basins(network(kuramoto([0.3, 0.9], ALL, integrator={"kind": kind, "step_size": 0.5}), count=5), 60)
    assert [one.kind for one in found.attractors] == ["rotation"]
    assert found.attractors[0].frequency == pytest.approx(0.6, rel=1e-3)


def test_grids_have_an_order_and_no_winding() -> None:
    layer = {
        "manifold": {"kind": "sphere", "dimension": 3}, "oscillators": 2,
        "coupling": {"kind": "convolution", "kernel_size": 3, "symmetric": True},
        "integrator": {"kind": "projected_euler", "step_size": 0.2},
    }  # fmt: skip
    found = basins(network(layer, (3, 3), count=4), 2000, still=1e-3)
    assert len(found.attractors) >= 1
    assert all(one.winding is None and 0 <= (one.order_parameter or 0) <= 1 for one in found.attractors)


def test_shares_are_as_wilson_has_them() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81/263, 15/148, 0/20, 1/29.
    for count, total, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
                                    (1, 29, 0.0061, 0.1718)):  # fmt: skip
        assert wilson_interval(count, total) == pytest.approx((low, high), abs=5e-5)
