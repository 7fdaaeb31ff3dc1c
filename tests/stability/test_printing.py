"""Results say in a few lines what was found, and print no tensors."""

from __future__ import annotations

import pytest
import torch
from resting import network, ring
from torch import Tensor

from oscillo.stability import basins, fixed_points, flow, lyapunov_exponents

pytestmark = pytest.mark.usefixtures("in_double")


def test_points_and_basins_print_a_line_for_each() -> None:
    starts = network(ring(6, integrator={"kind": "rk4", "step_size": 0.2}), count=30)
    points = fixed_points(starts)
    first, *lines = repr(points).splitlines()
    assert (
        first
        == f"FixedPoints({len(points.points)} of the flow, {len(points.stable)} of them stable; 0 starts led nowhere)"
    )
    assert len(lines) == min(10, len(points.points)) + (len(points.points) > 10)
    assert lines[0].strip().startswith("FixedPoint(stable; frequency 0, leading eigenvalue -1")
    found = basins(starts, 400)
    first, *lines = repr(found).splitlines()
    assert first == f"Basins({len(found.attractors)} attractors, 0 of 30 samples still move)"
    assert len(lines) == len(found.attractors) and "winding 0" in lines[0] and "(rest: " in lines[0]
    assert "x [30, 1, 6]" in repr(starts) and "tensor" not in repr(starts) + repr(points) + repr(found)


def test_a_spectrum_prints_its_means_and_its_time() -> None:
    def decaying(x: Tensor, t: Tensor) -> Tensor:
        return -torch.arange(1.0, 4.0) * x

    spectrum = lyapunov_exponents(flow(decaying, torch.ones(2, 3), dt=0.01), 3, steps=100, transient=1000)
    assert repr(spectrum) == "LyapunovSpectrum(2 samples over T = 1; means: -1 -2 -3)"


def test_what_is_no_tensor_is_told() -> None:
    with pytest.raises(ValueError, match=r"x is ndarray, and a tensor \[sample, \.\.\.\] is wanted"):
        flow(lambda x, t: -x, torch.ones(1, 2).numpy(), dt=0.1)  # pyright: ignore[reportArgumentType]
