from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from resting import network, ring, twisted

from oscillo.stability.fixed_points import fixed_points
from oscillo.stability.krylov import gmres

pytestmark = pytest.mark.usefixtures("in_double")

GRID: dict[str, Any] = {
    "manifold": {"kind": "sphere", "dimension": 4}, "channels": 16,
    "coupling": {"kind": "energy_attention", "heads": 2}, "integrator": {"kind": "projected_euler", "step_size": 0.2},
}  # fmt: skip


def test_products_alone_find_what_matrices_find() -> None:
    near = network(ring(12), count=20)
    dense = fixed_points(near, lead_in=400)
    products = fixed_points(near, lead_in=400, method="krylov", eigenvalues=3)
    assert [one.starts.tolist() for one in dense.points] == [one.starts.tolist() for one in products.points]
    for one, other in zip(dense.points, products.points, strict=True):
        assert torch.allclose(one.eigenvalues[:3], other.eigenvalues, atol=1e-8)
        assert (one.complete, other.complete) == (True, False)
        assert dense.symmetry.distance(one.state, other.state) < 1e-7


@pytest.mark.parametrize("of", ["flow", "step"])
def test_attention_on_a_grid(of: Any) -> None:
    near = network(GRID, (3, 3), count=3)
    dense = fixed_points(near, of=of, lead_in=600, method="dense")
    products = fixed_points(near, of=of, lead_in=600, method="krylov", eigenvalues=4)
    assert len(dense.points) >= 1
    assert len(dense.points) == len(products.points)
    for one, other in zip(dense.points, products.points, strict=True):
        assert torch.allclose(one.eigenvalues[:4], other.eigenvalues, atol=1e-7)


def test_eigenvalues_that_are_there_twice_are_found_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oscillo.stability.transverse.SMALL_MATRIX", 0)
    n, q = 60, 3
    system = twisted(network(ring(n)), [q])
    for of in ("flow", "step"):
        found = fixed_points(system, of=of, method="krylov", eigenvalues=4).points[0]
        slow = np.cos(2 * np.pi * q / n) * (2 * np.cos(2 * np.pi * np.array([1, 1, 2, 2]) / n) - 2)
        expected = slow if of == "flow" else np.exp(0.05 * slow)
        assert found.eigenvalues.real.tolist() == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-6)
        assert found.stable and found.symmetric == 1


def test_too_large_for_a_matrix_is_told() -> None:
    with pytest.raises(ValueError, match=r"3,001 degrees of freedom.*method='krylov'"):
        fixed_points(network(ring(3001)), method="dense")
    with pytest.raises(ValueError, match="`eigenvalues`"):
        fixed_points(twisted(network(ring(3001)), [0]), eigenvalues=3000)


def test_gmres_solves_what_can_be_solved() -> None:
    source = torch.Generator().manual_seed(0)
    matrices = torch.randn(3, 12, 12, generator=source)
    matrices[1, :, 4] = 0  # singular, and the right-hand side is within its reach
    wanted = (matrices @ torch.randn(3, 12, 1, generator=source)).squeeze(-1)
    wanted[2] = 0
    u = gmres(lambda v: (matrices @ v.unsqueeze(-1)).squeeze(-1), wanted, share=1e-10, most=12)
    left = (matrices @ u.unsqueeze(-1)).squeeze(-1) - wanted
    assert float(left[[0, 2]].norm()) < 1e-8
    assert float(u[2].norm()) == 0
