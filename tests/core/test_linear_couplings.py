"""Linear couplings agree with an explicit matrix, and with the classical models that they stand for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from dynamics import angles, circle, numbers
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import CouplingSpec, LinearCoupling, SumCoupling
from oscillo.frequencies import PerOscillatorFrequencySpec
from oscillo.layout import StateShape
from oscillo.manifolds import CircleSpec, EuclideanSpec, ManifoldSpec, PlaneSpec, SphereSpec
from oscillo.oscillators import Extras, Oscillators
from oscillo.potentials import QuarticPotentialSpec
from oscillo.spec import registered

pytestmark = pytest.mark.usefixtures("in_double")

N = 7
KINDS = ["mean_field", "dense", "graph", "exponential", "cosine", "box", "self"]
SYMMETRY = {"even": 1, "odd": -1, "neither": 0}


def declared(kind: str, **fields: Any) -> CouplingSpec:
    spec = registered("coupling")["coupling"][kind].model_validate(fields)
    assert isinstance(spec, CouplingSpec)
    return spec


def with_symmetry(m: Tensor, sign: int) -> Tensor:
    """A matrix that is equal to plus or minus its transpose; 0 leaves it as it is."""
    return (m + sign * m.T) / 2 if sign else m


def weighted(kind: str, folder: Path, w: Tensor, **fields: Any) -> CouplingSpec:
    """A dense coupling or a graph with those weights."""
    file = folder / f"{kind}.npz"
    np.savez(file, weights=w.numpy())
    source = (
        {"weights": f"{file}:weights"} if kind == "dense" else {"file": str(file), "directed": True, "signed": True}
    )
    return declared(kind, **source, **fields)


def coupled(kind: str, folder: Path, **fields: Any) -> tuple[CouplingSpec, Tensor]:
    """A coupling of N oscillators with its matrix W."""
    offset = torch.arange(N)
    near = torch.minimum(offset, N - offset)
    around: dict[str, tuple[dict[str, Any], Tensor]] = {
        "exponential": ({"decay": 3.0}, torch.exp(-3 * near / N)),
        "cosine": ({"modulation": -0.6}, 1 - 0.6 * torch.cos(2 * math.pi * offset / N)),
        "box": ({"range": 2}, (near <= 2).double()),
    }
    if kind in around:
        given, weights = around[kind]
        circulant = torch.stack([weights.roll(i) for i in range(N)])
        return declared("ring", profile=kind, **given, **fields), circulant / weights.sum()
    if kind in ("mean_field", "self"):
        return declared(kind, **fields), torch.full((N, N), 1 / N) if kind == "mean_field" else torch.eye(N)
    w = numbers(N, N, key=9) * (numbers(N, N, key=10) > -0.3)
    return weighted(kind, folder, w, **fields), w


def jacobian(coupling: LinearCoupling, components: int, oscillators: int) -> Tensor:
    """J as one matrix [number of y, number of x], from unit vectors."""
    count = components * oscillators
    units = torch.eye(count).reshape(count, components, oscillators)
    b = coupling.constant()
    field = coupling(units).expand_as(units)
    return (field if b is None else field - b).flatten(1).T


@pytest.mark.parametrize("kind", KINDS)
@given(
    components=st.integers(1, 4), form=st.sampled_from(["additive", "diffusive"]), key=st.integers(0, 1000),
    plain=st.booleans(),
)  # fmt: skip
def test_the_field_is_that_of_the_explicit_matrix(
    tmp_path: Path, kind: str, components: int, form: str, key: int, plain: bool
) -> None:
    m, offset = numbers(components, components, key=key), numbers(components, key=key + 1)
    strength = float(numbers(1, key=key + 2))
    given = {} if plain else {"matrix": m.tolist(), "offset": offset.tolist()}
    spec, w = coupled(kind, tmp_path, strength=strength, form=form, **given)
    shape = StateShape((), components, N)
    assert not spec.problems(shape)
    x = numbers(3, components, N, key=key + 3)
    felt = torch.einsum("ij,ab,sbj->sai", w, torch.eye(components) if plain else m, x)
    if form == "diffusive":
        felt = felt - w.sum(1) * x
    y = spec.build(shape)(x).expand_as(x)
    assert_close(y, strength * (felt if plain else felt + offset[:, None]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["mean_field", "self"])
@pytest.mark.parametrize("form", ["additive", "diffusive"])
def test_couplings_that_know_no_place_act_on_sites_too(kind: str, form: str) -> None:
    shape, flat = StateShape((2, 3), 2, 4), StateShape((), 2, 24)
    spec = declared(kind, strength=1.7, rotation=0.4, form=form, offset=[0.3, -1.0])
    assert not spec.problems(shape)
    x = numbers(3, 2, 3, 2, 4)
    as_nodes = lambda x: x.permute(0, 3, 1, 2, 4).flatten(2)  # noqa: E731
    assert_close(as_nodes(spec.build(shape)(x).expand_as(x)), spec.build(flat)(as_nodes(x)).expand(3, 2, 24))


def is_symmetric(kind: str, w: Tensor, m: Tensor) -> bool:
    """Whether J_ij M = (J_ji M)^T for all pairs."""
    blocks = torch.einsum("ij,ab->iajb", w, m).flatten(2).flatten(0, 1)
    return bool(torch.equal(blocks, blocks.T))


@pytest.mark.parametrize("kind", ["dense", "graph"])
@pytest.mark.parametrize("weights", SYMMETRY)
@pytest.mark.parametrize("components", SYMMETRY)
@pytest.mark.parametrize("form", ["additive", "diffusive"])
def test_symmetric_says_whether_there_is_an_energy(
    tmp_path: Path, kind: str, weights: str, components: str, form: str
) -> None:
    w = with_symmetry(numbers(N, N, key=1), SYMMETRY[weights])
    m = with_symmetry(numbers(3, 3, key=2), SYMMETRY[components])
    fields = {"matrix": m.tolist(), "form": form, "strength": -1.3, "offset": [0.5, 0.0, -1.0]}
    coupling = weighted(kind, tmp_path, w, **fields).build(StateShape((), 3, N))
    assert isinstance(coupling, LinearCoupling)
    assert coupling.symmetric == is_symmetric(kind, w, m) == (weights == components != "neither")
    j = jacobian(coupling, 3, N)
    assert coupling.symmetric == torch.allclose(j, j.T)
    assert falls(coupling, numbers(2, 3, N, key=3)) == coupling.symmetric


@pytest.mark.parametrize("kind", ["dense", "graph"])
@pytest.mark.parametrize("before", SYMMETRY)
@pytest.mark.parametrize("after", SYMMETRY)
def test_symmetric_speaks_of_the_weights_as_they_are(tmp_path: Path, kind: str, before: str, after: str) -> None:
    shape = StateShape((), 2, N)

    def built(weights: str) -> LinearCoupling:
        w, m = (with_symmetry(numbers(size, size, key=size), SYMMETRY[weights]) for size in (N, 2))
        coupling = weighted(kind, tmp_path, w - w.diag().diag(), matrix=m.tolist()).build(shape)  # links of one number
        assert isinstance(coupling, LinearCoupling)
        return coupling

    coupling, other = built(before), built(after)
    both = SumCoupling([coupling, built("even")])
    assert coupling.symmetric == both.symmetric == (before != "neither")
    coupling.load_state_dict(other.state_dict())
    assert coupling.symmetric == both.symmetric == (after != "neither")
    coupling.weights.data.mul_(torch.rand_like(coupling.weights))
    assert not coupling.symmetric


def test_symmetric_speaks_of_the_matrix_as_it_is() -> None:
    plain, turning = (declared("mean_field", rotation=angle).build(StateShape((), 2, N)) for angle in (0.0, 0.3))
    assert plain.symmetric and not turning.symmetric
    plain.load_state_dict(turning.state_dict())
    assert not plain.symmetric


def falls(coupling: LinearCoupling, x: Tensor) -> bool:
    """Whether the field is minus the gradient of the energy at x."""
    x = x.clone().requires_grad_()
    y = coupling(x).expand_as(x)
    (gradient,) = torch.autograd.grad(coupling.energy(x, y).sum(), x)
    return torch.allclose(-gradient, y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["mean_field", "box", "self"])
@pytest.mark.parametrize("components", SYMMETRY)
@pytest.mark.parametrize("form", ["additive", "diffusive"])
def test_even_weights_leave_the_symmetry_to_the_components(
    tmp_path: Path, kind: str, components: str, form: str
) -> None:
    m = with_symmetry(numbers(2, 2, key=2), SYMMETRY[components])
    coupling = coupled(kind, tmp_path, matrix=m.tolist(), form=form, offset=[1.0, 2.0])[0].build(StateShape((), 2, N))
    assert isinstance(coupling, LinearCoupling)
    assert coupling.symmetric == (components == "even") == falls(coupling, numbers(2, 2, N))


def test_a_rotation_is_symmetric_only_as_the_identity() -> None:
    for angle, symmetric in ((0.0, True), (0.3, False), (-math.pi / 2, False)):
        assert declared("mean_field", rotation=angle).build(StateShape((), 4, N)).symmetric == symmetric


def test_a_rotation_turns_each_plane_of_two_components() -> None:
    angle, x = 0.7, numbers(2, 4, N)
    y = declared("self", rotation=angle).build(StateShape((), 4, N))(x)
    for plane in (slice(0, 2), slice(2, 4)):
        turned = angles(y[:, plane]) - angles(x[:, plane])
        assert_close(torch.remainder(turned, 2 * math.pi), torch.full((2, N), angle))
        assert_close(y[:, plane].norm(dim=1), x[:, plane].norm(dim=1))


Model = Literal["kuramoto", "sakaguchi", "winfree", "textbook", "pinned"]
ALPHA, K = 0.4, 1.3
MODELS: dict[Model, tuple[str, dict[str, Any]]] = {
    "kuramoto": ("mean_field", {}),
    "sakaguchi": ("mean_field", {"rotation": -ALPHA}),
    "winfree": ("mean_field", {"matrix": [[0.0, 0.0], [0.0, 1.0]]}),
    "textbook": ("mean_field", {"matrix": [[1.0, 0.0], [0.0, 0.0]], "offset": [1.0, 0.0]}),
    "pinned": ("self", {"matrix": [[1.0, 0.0], [0.0, 0.0]]}),
}


def angular_velocity(model: Model, theta: Tensor) -> Tensor:
    """The model's own equation, without natural frequencies."""
    difference = theta[:, None, :] - theta[:, :, None]
    match model:
        case "kuramoto":
            return K * difference.sin().mean(-1)
        case "sakaguchi":
            return K * (difference - ALPHA).sin().mean(-1)
        case "winfree":
            return K * theta.cos() * theta.sin().mean(-1, keepdim=True)
        case "textbook":
            return -K * theta.sin() * (1 + theta.cos()).mean(-1, keepdim=True)
        case "pinned":
            return -K / 2 * (2 * theta).sin()


@pytest.mark.parametrize("manifold", [CircleSpec(), SphereSpec(dimension=2), PlaneSpec(), EuclideanSpec(dimension=2)])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("form", ["additive", "diffusive"])
@given(key=st.integers(0, 1000))
def test_classical_phase_models(manifold: ManifoldSpec, model: Model, form: str, key: int) -> None:
    kind, fields = MODELS[model]
    theta, omega = math.pi * numbers(2, N, key=key), numbers(N, key=key + 1)
    seen = StateShape((), 2, N)
    frequency = PerOscillatorFrequencySpec(init=omega.tolist()).build(seen)
    coupling = declared(kind, strength=K, form=form, **fields).build(seen)
    oscillators = Oscillators(seen._replace(components=manifold.components), manifold.build(), frequency, coupling)
    x = theta[:, None] if isinstance(manifold, CircleSpec) else circle(theta)
    velocity = oscillators.velocity({"x": x}).expand_as(x)
    if not isinstance(manifold, CircleSpec):
        velocity = x[:, :1] * velocity[:, 1:] - x[:, 1:] * velocity[:, :1]
    assert_close(velocity[:, 0], omega + angular_velocity(model, theta), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "graph", "exponential"])
@pytest.mark.parametrize("rotation", [None, 0.5])
def test_stuart_landau_oscillators_on_a_network(tmp_path: Path, kind: str, rotation: float | None) -> None:
    r"""dz_i/dt = (mu - |z_i|^2) z_i + i (omega_i - s |z_i|^2) z_i + K \sum_j W_ij (e^{i beta} z_j - z_i)."""
    mu, shear, omega = 0.7, 0.4, numbers(N, key=1)
    seen = StateShape((), 2, N)
    spec, w = coupled(kind, tmp_path, form="diffusive", strength=K, rotation=rotation)
    oscillators = Oscillators(
        seen, PlaneSpec().build(), PerOscillatorFrequencySpec(init=omega.tolist(), shear=shear).build(seen),
        spec.build(seen), Extras(potential=QuarticPotentialSpec(mu=mu).build(seen)),
    )  # fmt: skip
    z = torch.complex(numbers(3, N, key=2), numbers(3, N, key=3))
    square, turn = z.abs().square(), torch.exp(torch.tensor(1j * (rotation or 0.0), dtype=torch.complex128))
    pull = torch.einsum("ij,sj->si", w.to(z.dtype), turn * z) - w.sum(1) * z
    expected = (mu - square) * z + 1j * (omega - shear * square) * z + K * pull
    velocity = oscillators.velocity({"x": torch.stack((z.real, z.imag), dim=1)})
    assert_close(torch.complex(velocity[:, 0], velocity[:, 1]), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("fields", "components", "complaint"),
    [
        (
            {"matrix": [[1.0, 0.0], [0.0, 1.0]]},
            3,
            "the component matrix is 2 x 2, and vectors of 3 components take 3 x 3",
        ),
        ({"matrix": [[1.0, 0.0]]}, 2, "the component matrix is 1 x 2"),
        ({"matrix": [[1.0], [0.0, 1.0]]}, 2, "the component matrix has rows of 1 and 2 numbers"),
        ({"matrix": []}, 2, "the component matrix is 0 x 0"),
        ({"rotation": 0.3}, 3, "`rotation` turns planes of two components, and the vectors have 3"),
        ({"offset": [1.0, 0.0]}, 3, "`offset` has 2 components, and the vectors 3"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_components_that_do_not_fit_are_refused(
    tmp_path: Path, kind: str, fields: dict[str, Any], components: int, complaint: str
) -> None:
    (problem,) = coupled(kind, tmp_path, **fields)[0].problems(StateShape((), components, N))
    assert complaint in problem


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"rotation": 0.3, "matrix": [[1.0, 0.0], [0.0, 1.0]]}, "from `rotation` or from `matrix`"),
        ({"matrix": [[1.0, math.nan], [0.0, 1.0]]}, "finite"),
        ({"offset": [math.inf, 0.0]}, "finite"),
        ({"rotation": math.nan}, "finite"),
        ({"strength": math.inf}, "finite"),
        ({"form": "difusive"}, "diffusive"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_fields_that_contradict_themselves_are_refused(
    tmp_path: Path, kind: str, fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        coupled(kind, tmp_path, **fields)


@pytest.mark.parametrize("kind", ["dense", "graph", "exponential", "box"])
def test_couplings_with_places_of_their_own_refuse_sites(tmp_path: Path, kind: str) -> None:
    (problem,) = coupled(kind, tmp_path)[0].problems(StateShape((2, 3), 2, N))
    assert "without sites, and the sites are [2, 3]" in problem
