from __future__ import annotations

from itertools import product

import pytest
import torch
from dynamics import numbers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import Convolution, ConvolutionCouplingSpec
from oscillo.layout import StateShape, join

SHAPE = StateShape((3, 4), 2, 3)


def built(shape: StateShape = SHAPE, **fields: object) -> Convolution:
    return ConvolutionCouplingSpec.model_validate(fields).build(shape).double()


def by_loops(coupling: Convolution, x: Tensor, *, circular: bool) -> Tensor:
    """y_i = sum_d J_d x_{i+d} + b, site by site and offset by offset, on features [sample, y, x, channel]."""
    kernel, bias, features = coupling.kernel(), coupling.bias, join(x)
    _, rows, columns, _ = features.shape
    half = kernel.shape[-1] // 2
    y = torch.zeros_like(features)
    for row, column, down, right in product(range(rows), range(columns), *(range(-half, half + 1),) * 2):
        there, across = row + down, column + right
        if circular:
            there, across = there % rows, across % columns
        if 0 <= there < rows and 0 <= across < columns:
            y[:, row, column] += features[:, there, across] @ kernel[:, :, down + half, right + half].T
    return y if bias is None else y + bias


def dense(coupling: Convolution, shape: StateShape) -> Tensor:
    """J as one matrix [number of y, number of x], from unit vectors."""
    count = shape.positions * shape.channels
    units = torch.eye(count, dtype=torch.float64).reshape(count, *shape.sites, shape.components, shape.oscillators)
    b = coupling.constant()
    field = coupling(units) if b is None else coupling(units) - b
    return field.flatten(1).T


@pytest.mark.parametrize("boundary", ["zero", "circular"])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
def test_equals_loops_over_sites(boundary: str, size: int, bias: bool, symmetric: bool) -> None:
    coupling = built(boundary=boundary, kernel_size=size, bias=bias, symmetric=symmetric)
    x = numbers(2, 3, 4, 2, 3)
    assert_close(join(coupling(x)), by_loops(coupling, x, circular=boundary == "circular"))
    assert coupling.symmetric == symmetric


@given(
    st.sampled_from(["zero", "circular"]), st.sampled_from([1, 3, 5]), st.integers(2, 5), st.integers(2, 5),
    st.integers(0, 1000),
)  # fmt: skip
def test_symmetric_kernels_give_a_symmetric_matrix(boundary: str, size: int, rows: int, columns: int, key: int) -> None:
    torch.manual_seed(key)
    shape = StateShape((rows, columns), 2, 2)
    j = dense(built(shape, boundary=boundary, kernel_size=size, symmetric=True), shape)
    assert_close(j, j.T)
    assert j.abs().max() > 1e-3
    free = dense(built(shape, boundary=boundary, kernel_size=size), shape)
    assert (free - free.T).abs().max() > 1e-3


def test_a_feature_map_is_the_same_memory() -> None:
    features = numbers(2, 3, 4, 6)
    x = SHAPE.split(features)
    assert x.data_ptr() == features.data_ptr() and torch.equal(join(x), features)
    assert torch.equal(x[..., 1, 2], features[..., 1 * 3 + 2])  # channel = component * oscillators + oscillator


@pytest.mark.parametrize("size", [0, 2, 4, -3])
def test_even_kernels_are_refused(size: int) -> None:
    with pytest.raises(ValidationError):
        ConvolutionCouplingSpec(kernel_size=size)


@pytest.mark.parametrize("sites", [(), (5,), (2, 3, 4)])
def test_a_grid_of_two_axes_is_asked_for(sites: tuple[int, ...]) -> None:
    (problem,) = ConvolutionCouplingSpec().problems(StateShape(sites, 2, 3))
    assert "grid of two axes" in problem and str(list(sites)) in problem


def test_a_circular_kernel_that_wraps_twice_is_refused() -> None:
    wide = ConvolutionCouplingSpec(kernel_size=7, boundary="circular")
    assert "twice" in wide.problems(StateShape((2, 9), 2, 3))[0]
    served = StateShape((3, 9), 2, 3)
    assert not wide.problems(served)
    x = numbers(1, 3, 9, 2, 3)
    coupling = wide.build(served).double()
    assert_close(join(coupling(x)), by_loops(coupling, x, circular=True))
    assert not ConvolutionCouplingSpec(kernel_size=7).problems(StateShape((2, 9), 2, 3))
