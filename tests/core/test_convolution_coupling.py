from __future__ import annotations

import math
from itertools import product
from typing import Any

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


def built(shape: StateShape = SHAPE, **fields: object) -> Any:
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


def gaussians(profile: list[dict[str, float]], down: int, right: int, size: int) -> float:
    """The kernel of a profile at an offset, Gaussian by Gaussian."""
    total = 0.0
    for gaussian in profile:
        bell = lambda a, b: math.exp(-(a * a + b * b) / (2 * gaussian["width"] ** 2))  # noqa: E731, B023
        window = range(-(size // 2), size // 2 + 1)
        total += gaussian.get("weight", 1.0) * bell(down, right) / sum(bell(a, b) for a in window for b in window)
    return total


MEXICAN_HAT = [{"width": 0.8, "weight": 2.0}, {"width": 1.7, "weight": -1.3}]


@pytest.mark.parametrize("boundary", ["zero", "circular"])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("matrix", [None, [[1.0, 0.5], [-0.25, 0.0]]])
@pytest.mark.usefixtures("in_double")
def test_a_profile_is_a_sum_of_gaussians(boundary: str, size: int, matrix: list[list[float]] | None) -> None:
    coupling = built(profile=MEXICAN_HAT, kernel_size=size, boundary=boundary, matrix=matrix)
    assert coupling.bias is None
    x, half = numbers(2, 3, 4, 2, 3), size // 2
    m = torch.eye(2, dtype=torch.float64) if matrix is None else torch.tensor(matrix)
    y = torch.zeros_like(x)
    for row, column, down, right in product(range(3), range(4), *(range(-half, half + 1),) * 2):
        there, across = row + down, column + right
        if boundary == "circular":
            there, across = there % 3, across % 4
        if 0 <= there < 3 and 0 <= across < 4:
            y[:, row, column] += gaussians(MEXICAN_HAT, down, right, size) * (m @ x[:, there, across])
    assert_close(coupling(x), y, rtol=1e-12, atol=1e-12)


@given(st.lists(st.tuples(st.floats(0.1, 5), st.floats(-3, 3)), min_size=1, max_size=3), st.sampled_from([1, 3, 5]))
@pytest.mark.usefixtures("in_double")
def test_equal_neighbours_feel_the_weights_of_the_profile(bells: list[tuple[float, float]], size: int) -> None:
    profile = [{"width": width, "weight": weight} for width, weight in bells]
    coupling = built(profile=profile, kernel_size=size, boundary="circular")
    x = numbers(1, 1, 1, 2, 3).expand(2, 3, 4, 2, 3)
    assert_close(coupling(x), sum(weight for _, weight in bells) * x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("boundary", ["zero", "circular"])
@pytest.mark.parametrize(
    ("fields", "symmetric"),
    [
        ({"profile": MEXICAN_HAT, "learn": False}, True),
        ({"profile": MEXICAN_HAT, "learn": False, "matrix": [[1.0, 0.5], [0.5, 0.0]]}, True),
        ({"profile": MEXICAN_HAT, "learn": False, "matrix": [[1.0, 0.5], [0.0, 0.0]]}, False),
        ({"profile": MEXICAN_HAT}, False),
        ({"profile": MEXICAN_HAT, "symmetric": True}, True),
        ({"learn": False}, False),
        ({"learn": False, "symmetric": True}, True),
    ],
)
def test_symmetric_says_whether_there_is_an_energy(boundary: str, fields: dict[str, Any], symmetric: bool) -> None:
    coupling = built(kernel_size=3, boundary=boundary, **fields)
    assert coupling.symmetric == symmetric
    j = dense(coupling, SHAPE)
    learns_from_a_symmetric_start = "profile" in fields and fields.get("learn", True)
    assert torch.allclose(j, j.T) == (symmetric or learns_from_a_symmetric_start)


@pytest.mark.parametrize("part", ["window", "matrix"])
def test_symmetric_speaks_of_the_numbers_as_they_are(part: str) -> None:
    coupling = built(kernel_size=3, profile=MEXICAN_HAT, learn=False)
    numbers = coupling.state_dict()[part].clone()
    numbers[0, 1] += 1
    coupling.load_state_dict(coupling.state_dict() | {part: numbers})
    j = dense(coupling, SHAPE)
    assert not coupling.symmetric and not torch.allclose(j, j.T)


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize("profile", [None, MEXICAN_HAT])
def test_learn_decides_what_is_trained(learn: bool, profile: Any) -> None:
    coupling = built(profile=profile, learn=learn, bias=True)
    trained = {"weight", "bias"} if profile is None else {"window", "matrix", "bias"}
    assert {key for key, p in coupling.named_parameters() if p.requires_grad} == (trained if learn else set())
    assert coupling.bias is not None and bool(coupling.bias.any()) == (profile is None)


def test_a_fixed_profile_draws_no_numbers() -> None:
    first = built(profile=MEXICAN_HAT).window
    torch.manual_seed(3)
    assert built(profile=MEXICAN_HAT).window.equal(first)


@given(st.booleans(), st.integers(0, 100))
@pytest.mark.usefixtures("in_double")
def test_a_trained_profile_keeps_oscillators_apart_and_may_keep_its_energy(symmetric: bool, key: int) -> None:
    coupling = built(profile=MEXICAN_HAT, symmetric=symmetric)
    generator = torch.Generator().manual_seed(key)
    with torch.no_grad():
        for parameter in coupling.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    j = dense(coupling, SHAPE)
    assert torch.allclose(j, j.T) == symmetric
    blocks = j.unflatten(0, (*SHAPE.sites, 2, 3)).unflatten(-1, (*SHAPE.sites, 2, 3)).movedim((3, 7), (0, 1))
    assert not blocks[~torch.eye(3, dtype=torch.bool)].any()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"matrix": [[1.0, 0.0], [0.0, 1.0]]}, "`matrix` belongs to a kernel with `profile`"),
        ({"profile": []}, "at least 1"),
        ({"profile": [{"width": 0.0}]}, "greater than 0"),
        ({"profile": [{"width": 1.0, "weight": math.nan}]}, "finite"),
        ({"profile": MEXICAN_HAT, "matrix": [[1.0, math.inf], [0.0, 1.0]]}, "finite"),
    ],
)
def test_profiles_that_cannot_be_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ConvolutionCouplingSpec.model_validate(fields)


def test_a_component_matrix_has_to_fit() -> None:
    spec = ConvolutionCouplingSpec.model_validate({"profile": MEXICAN_HAT, "matrix": [[1.0]]})
    assert "1 x 1, and vectors of 2 components take 2 x 2" in spec.problems(SHAPE)[0]


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
