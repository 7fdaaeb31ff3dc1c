from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dynamics import numbers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import DenseCoupling, DenseCouplingSpec
from oscillo.layout import StateShape
from oscillo.testing import check_component

pytestmark = pytest.mark.usefixtures("in_double")

N = 6
SHAPE = StateShape((), 2, N)


def built(**fields: Any) -> DenseCoupling:
    spec = DenseCouplingSpec.model_validate(fields)
    assert not spec.problems(SHAPE)
    return spec.build(SHAPE)


def weights_of(**fields: Any) -> Tensor:
    """W as it acts, from unit vectors: W[i, j] is what i feels of j."""
    return built(**fields)(torch.eye(N)[:, None]).detach().squeeze(1).T


@pytest.fixture
def given_weights(tmp_path: Path) -> tuple[str, Tensor]:
    w = numbers(N, N, key=4) * (numbers(N, N, key=5) > 0)
    w[2] = 0  # feels nobody
    np.save(tmp_path / "weights.npy", w.numpy())
    return str(tmp_path / "weights.npy"), w


@pytest.mark.parametrize("suffix", [".npy", ".txt", ".csv", ".npz"])
def test_weights_come_from_a_file(tmp_path: Path, suffix: str) -> None:
    w, file = numbers(N, N), tmp_path / f"weights{suffix}"
    match suffix:
        case ".npy":
            np.save(file, w.numpy())
        case ".npz":
            np.savez(file, w=w.numpy(), other=np.zeros(3))
        case _:
            np.savetxt(file, w.numpy(), delimiter="," if suffix == ".csv" else " ", fmt="%.17g")
    assert_close(weights_of(weights=f"{file}:w" if suffix == ".npz" else str(file)), w, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("normalization", "symmetric"),
    [("none", True), ("none", False), ("size", True), ("size", False), ("strength", False)],
)
@pytest.mark.parametrize("self_coupling", [True, False])
def test_what_is_done_to_the_weights(
    given_weights: tuple[str, Tensor], normalization: str, symmetric: bool, self_coupling: bool
) -> None:
    file, w = given_weights
    fields = {"normalization": normalization, "symmetric": symmetric, "self_coupling": self_coupling}
    if symmetric:
        w = (w + w.T) / 2
    if not self_coupling:
        w = w - w.diagonal().diag()
    reach = {"none": torch.ones(N), "size": torch.full((N,), float(N)), "strength": w.abs().sum(1)}[normalization]
    expected = w / torch.where(reach > 0, reach, 1.0)[:, None]
    assert_close(weights_of(weights=file, **fields), expected, rtol=1e-15, atol=1e-15)
    assert built(weights=file, **fields).symmetric == torch.equal(expected, expected.T)


def test_random_weights_belong_to_their_seed() -> None:
    assert weights_of(seed=1).equal(weights_of(seed=1))
    assert not weights_of(seed=1).equal(weights_of(seed=2))
    normal = {"kind": "normal", "mean": 3.0, "deviation": 0.1}
    assert (weights_of(seed=1, distribution=normal) - 3).abs().max() < 1
    torch.manual_seed(5)
    first, second = weights_of(), weights_of()
    torch.manual_seed(5)
    assert first.equal(weights_of()) and not first.equal(second)


def test_weights_begin_as_those_of_linear_layers_do() -> None:
    n = 400
    spec = DenseCouplingSpec(seed=0)
    weights = spec.build(StateShape((), 1, n)).weights * n**0.5
    assert weights.abs().max() <= 1
    assert abs(float(weights.mean())) < 0.01 and abs(float(weights.var()) - 1 / 3) < 0.01


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("self_coupling", [True, False])
@given(key=st.integers(0, 1000))
def test_trained_weights_keep_their_form(symmetric: bool, self_coupling: bool, key: int) -> None:
    coupling = built(learn=True, seed=0, symmetric=symmetric, self_coupling=self_coupling, form="diffusive")
    coupling.weights.data.copy_(numbers(N, N, key=key))  # wherever an optimiser has led
    w = coupling.product_weights()
    assert coupling.symmetric == symmetric == torch.equal(w, w.T)
    assert self_coupling == bool(w.diagonal().any())
    x = numbers(2, 2, N, key=key + 1)
    assert_close(coupling(x), x @ w.T - w.sum(1) * x)

    def field(weights: Tensor, x: Tensor) -> Tensor:
        return torch.func.functional_call(coupling, {"weights": weights}, (x,))

    inputs = (coupling.weights.detach().clone().requires_grad_(), x.requires_grad_())
    assert torch.autograd.gradcheck(field, inputs, fast_mode=True)


def test_only_what_learns_has_gradients(given_weights: tuple[str, Tensor]) -> None:
    learning = lambda **fields: {key for key, p in built(**fields).named_parameters() if p.requires_grad}  # noqa: E731
    assert learning() == set()
    assert learning(learn=True) == {"weights"}
    assert learning(weights=given_weights[0], learn_strength=True, rotation=0.2, offset=[1.0, 0.0]) == {"strength"}


def test_weights_from_a_file_keep_the_contract(given_weights: tuple[str, Tensor]) -> None:
    torch.set_default_dtype(torch.float32)
    for normalization in ("none", "strength"):
        check_component(DenseCouplingSpec(weights=given_weights[0], normalization=normalization, rotation=0.2), SHAPE)


@pytest.mark.parametrize("field", ["weights", "lengths"])
@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        (None, "there is no file"),
        (np.zeros((N, N - 1)), "is [6, 5], and 6 oscillators take a square of that"),
        (np.zeros((N + 1, N + 1)), "is [7, 7], and 6 oscillators"),
        (np.zeros(N), "is [6], and 6 oscillators"),
        (np.where(np.arange(N * N).reshape(N, N) == 2 * N + 3, np.nan, 1.0), "[2, 3] is not finite"),
        (np.full((N, N), "heavy"), "numbers are wanted"),
        (np.full((N, N), 1j), "numbers are wanted"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_refused(tmp_path: Path, field: str, matrix: Any, complaint: str) -> None:
    file = tmp_path / "matrix.npy"
    if matrix is not None:
        np.save(file, matrix)
    more = {"delay": {"speed": 1.0}} if field == "lengths" else {}
    (problem,) = DenseCouplingSpec.model_validate({field: str(file), **more}).problems(SHAPE)
    assert complaint in problem and "matrix.npy" in problem


def test_an_array_that_is_not_in_the_file_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "some.npz", w=np.eye(N), lengths=np.eye(N))
    (problem,) = DenseCouplingSpec(weights=f"{tmp_path}/some.npz:v").problems(SHAPE)
    assert "no array 'v'" in problem and "w, lengths" in problem


def test_lengths_are_not_negative(tmp_path: Path) -> None:
    np.save(tmp_path / "lengths.npy", -np.eye(N))
    spec = DenseCouplingSpec.model_validate({"lengths": str(tmp_path / "lengths.npy"), "delay": {"speed": 2.0}})
    assert "negative length" in spec.problems(SHAPE)[0]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"weights": "w.npy", "seed": 1}, "from a file or are drawn"),
        ({"weights": "w.npy", "distribution": {"kind": "normal"}}, "from a file or are drawn"),
        ({"learn": True, "normalization": "strength"}, "not normalised by strength"),
        ({"symmetric": True, "normalization": "strength"}, "makes W asymmetric"),
        ({"lengths": "l.npy"}, "give it, or leave them out"),
        ({"lengths": "l.npy", "delay": {"time": 1.0}}, "give it, or leave them out"),
        ({"delay": {}}, "a delay has a `time`, or a `speed`"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_declarations_that_contradict_themselves_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        DenseCouplingSpec.model_validate(fields)


def test_a_speed_takes_lengths() -> None:
    spec = DenseCouplingSpec.model_validate({"delay": {"speed": 2.0}})
    (problem,) = spec.problems(SHAPE)
    assert "takes lengths of the links" in problem and "`lengths`" in problem and "graph" not in problem
