"""Reductions of numbers against the same in numpy, and what cannot be reduced."""

from __future__ import annotations

from math import pi
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from observed_layers import numbers
from pydantic import TypeAdapter, ValidationError

from oscillo.observables import Reduction, ReductionSpec, Variable
from oscillo.spec import Component

SIZES = {"y": 3, "x": 4, "component": 2, "oscillator": 5, "head": 2}
_REDUCTION: TypeAdapter[ReductionSpec] = TypeAdapter(Component[ReductionSpec])

DIMS = st.sampled_from(
    [("oscillator",), ("component", "oscillator"), ("y", "x"), ("y", "x", "component", "oscillator")]
)
OVER = st.lists(st.sampled_from(["sites", "oscillators", "components"]), min_size=1, unique=True)
AXES = {"sites": ("y", "x"), "oscillators": ("oscillator",), "components": ("component",)}


def variable(dims: tuple[str, ...], units: str = "1") -> Variable:
    return Variable("own", "own", dims, tuple(SIZES[dim] for dim in dims), units, "of its own")


def reduction(of: Variable, **fields: object) -> Reduction:
    spec = _REDUCTION.validate_python(fields)
    assert not spec.problems(of)
    return spec.build(of)


def axes_of(dims: tuple[str, ...], over: list[str]) -> tuple[int, ...]:
    wanted = {dim for axis in over for dim in AXES[axis]}
    return tuple(place for place, dim in enumerate(dims, 1) if dim in wanted)


def left(dims: tuple[str, ...], over: list[str]) -> tuple[str, ...]:
    wanted = {dim for axis in over for dim in AXES[axis]}
    return tuple(dim for dim in dims if dim not in wanted)


@given(dims=DIMS, over=OVER)
def test_a_mean_is_numpys(dims: tuple[str, ...], over: list[str]) -> None:
    of = variable(dims)
    lacking = [axis for axis in over if not axes_of(dims, [axis])]
    if lacking:
        found = _REDUCTION.validate_python({"kind": "mean", "over": over}).problems(of)
        assert found == [f"there are no {axis} in `own` ({', '.join(dims)})" for axis in lacking]
        return
    values, mean = numbers(3, *of.shape), reduction(of, kind="mean", over=over)
    found = mean(values)
    np.testing.assert_allclose(found, values.numpy().mean(axes_of(dims, over)), rtol=1e-12, atol=1e-14)
    assert mean.variable.dims == left(dims, over) and tuple(found.shape[1:]) == mean.variable.shape
    assert mean.variable.units == of.units and not mean.coordinates


@given(
    dims=DIMS, over=OVER, bins=st.integers(2, 40), low=st.floats(-3, 2, width=16), span=st.floats(0.125, 6, width=16)
)
def test_shares_are_those_of_a_histogram(
    dims: tuple[str, ...], over: list[str], bins: int, low: float, span: float
) -> None:
    if any(not axes_of(dims, [axis]) for axis in over):
        return
    of, ends = variable(dims), (low, low + span)
    values, histogram = numbers(3, *of.shape), reduction(of, kind="histogram", over=over, bins=bins, range=ends)
    found, axes = histogram(values).numpy(), axes_of(dims, over)
    kept = [axis for axis in range(values.ndim) if axis not in axes]
    flat = values.permute(*kept, *axes).flatten(len(kept)).numpy()
    known = np.apply_along_axis(lambda row: np.histogram(row, bins, ends)[0] / len(row), -1, flat)
    np.testing.assert_allclose(found, known, atol=1e-12)
    inside = ((flat >= ends[0]) & (flat <= ends[1])).mean(-1)
    np.testing.assert_allclose(found.sum(-1), inside, atol=1e-12)
    assert histogram.variable.dims == (*left(dims, over), "bin") and found.shape[1:] == histogram.variable.shape
    edges = np.linspace(*ends, bins + 1)
    np.testing.assert_allclose(histogram.coordinates["bin"], (edges[1:] + edges[:-1]) / 2, atol=1e-9)


def test_phases_are_counted_over_the_circle() -> None:
    of = variable(("oscillator",), units="rad")
    phases = torch.tensor([[-pi, -pi / 2 - 0.1, 0.1, pi / 2 + 0.1, pi]], dtype=torch.float64)
    found = reduction(of, kind="histogram", bins=4)(phases)
    np.testing.assert_allclose(found, [[0.4, 0.0, 0.2, 0.4]])
    lost = reduction(of, kind="histogram", bins=4)(torch.tensor([[0.1, torch.nan, torch.inf, 9.0, -9.0]]))
    np.testing.assert_allclose(lost, [[0, 0, 0.2, 0]], err_msg="what is no phase is in no bin", rtol=1e-6)


@given(dims=DIMS, over=OVER, directions=st.integers(1, 4))
def test_a_projection_is_a_product_of_matrices(dims: tuple[str, ...], over: list[str], directions: int) -> None:
    if any(not axes_of(dims, [axis]) for axis in over):
        return
    of, axes = variable(dims), axes_of(dims, over)
    values = numbers(3, *of.shape)
    kept = [axis for axis in range(values.ndim) if axis not in axes]
    flat = values.permute(*kept, *axes).flatten(len(kept)).numpy()
    vectors = numbers(directions, flat.shape[-1], key=4)
    projection = reduction(of, kind="projection", over=over, vectors=vectors.tolist())
    np.testing.assert_allclose(projection(values), flat @ vectors.numpy().T, rtol=1e-10, atol=1e-12)
    assert projection.variable.dims == (*left(dims, over), "direction")
    assert projection.variable.shape[-1] == directions


def test_directions_come_from_a_file(tmp_path: Path) -> None:
    vectors = numbers(3, 2, key=5).numpy()
    np.savez(tmp_path / "pca.npz", vectors=vectors)
    of = variable(("component", "oscillator"))
    values = numbers(3, *of.shape)
    found = reduction(of, kind="projection", vectors=f"{tmp_path}/pca.npz:vectors")(values)
    np.testing.assert_allclose(found, np.einsum("dc,sco->sod", vectors, values), rtol=1e-12)


@pytest.mark.parametrize(("fields", "dims", "words"), [
    ({"kind": "mean", "over": ["components"]}, ("oscillator",), "there are no components in `own` (oscillator)"),
    ({"kind": "mean"}, (), "there are no oscillators in `own` (one number of the whole layer)"),
    ({"kind": "histogram", "range": [0, 1]}, ("component",), "there are no oscillators in `own` (component)"),
    ({"kind": "histogram"}, ("oscillator",), "the bins of `own` need their `range`, such as [0, 1]"),
    ({"kind": "projection", "vectors": [[1.0, 2.0]]}, ("oscillator",), "there are no components in `own` (oscillator)"),
    ({"kind": "projection", "vectors": [[1.0, 2.0, 3.0]]}, ("component",),
     "the directions are [1, 3], and 2 numbers make a vector"),
    ({"kind": "projection", "vectors": [[1.0, 2.0], [3.0]]}, ("component",), "the directions cannot be used: "),
    ({"kind": "projection", "vectors": "nowhere.npz:vectors"}, ("component",),
     "the directions cannot be used: there is no file nowhere.npz"),
    ({"kind": "projection", "vectors": []}, ("component",), "the directions are [0], and 2 numbers make a vector"),
])  # fmt: skip
def test_what_cannot_be_reduced_is_told(fields: dict[str, object], dims: tuple[str, ...], words: str) -> None:
    (found,) = _REDUCTION.validate_python(fields).problems(variable(dims))
    assert found.startswith(words)


@pytest.mark.parametrize(("fields", "words"), [
    ({"kind": "histogram", "range": [1, 1]}, "`range` goes from 1 to 1, and has to rise"),
    ({"kind": "histogram", "bins": 1}, "greater than or equal to 2"), ({"kind": "mean", "over": []}, "at least 1 item"),
    ({"kind": "mean", "over": ["time"]}, "'sites', 'oscillators' or 'components'"),
])  # fmt: skip
def test_what_is_no_reduction_is_told(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        _REDUCTION.validate_python(fields)


@pytest.mark.parametrize("kind", ["mean", "histogram", "projection"])
def test_a_resolved_reduction_says_what_was_declared(kind: str) -> None:
    """Every default is written out, and read again it is none that somebody chose."""
    of, values = variable(("oscillator",), units="rad"), numbers(3, 5)
    fields = {"vectors": numbers(2, 5).tolist(), "over": ["oscillators"]} if kind == "projection" else {}
    spec = _REDUCTION.validate_python({"kind": kind, **fields})
    again = _REDUCTION.validate_python(spec.model_dump(mode="json"))
    assert again == spec and not again.problems(of)
    torch.testing.assert_close(again.build(of)(values), spec.build(of)(values))


def test_half_precision_is_not_summed_up_in() -> None:
    """The mean of many ones and a little is not what a sum in float16 would be."""
    of = Variable("own", "own", ("oscillator",), (5000,))
    assert reduction(of, kind="mean")(torch.ones(1, 5000, dtype=torch.float16)).item() == 1.0
