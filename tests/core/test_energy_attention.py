from __future__ import annotations

import pytest
import torch
from dynamics import follow, numbers, points, population
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import AttentionCouplingSpec, EnergyAttention, EnergyAttentionCouplingSpec
from oscillo.integrators import ProjectedEulerSpec
from oscillo.layout import StateShape, tokens
from oscillo.oscillators import Oscillators

SHAPE = StateShape((3, 4), 4, 6)
POSITIONS = ("none", "gta")


def sharp(coupling: EnergyAttention, key: int = 0) -> EnergyAttention:
    """Weights of size one, which attend to a few sites, and blocks that are no rotations."""
    for number, parameter in enumerate(coupling.parameters()):
        parameter.data.copy_(numbers(*parameter.shape, key=key + number))
    coupling.qk.weight.data.mul_(coupling.qk.in_features**-0.5)
    return coupling


def built(position: str, key: int = 0, shape: StateShape = SHAPE) -> EnergyAttention:
    spec = EnergyAttentionCouplingSpec.model_validate({"heads": 2, "position": position})
    return sharp(spec.build(shape).double(), key)


def by_sites(coupling: EnergyAttention, x: Tensor) -> Tensor:
    """The energy of one sample, head by head and site by site, with the blocks as full matrices."""
    features = tokens(x[None])[0]
    width = features.shape[-1] // coupling.heads
    blocks = None if coupling.position is None else coupling.position.on_grid(tuple(x.shape[:-2]))
    total = torch.zeros((), dtype=x.dtype)
    for head in range(coupling.heads):
        vectors = []
        for which, (weight, bias) in enumerate(
            zip(coupling.qk.weight.chunk(2), coupling.qk.bias.chunk(2), strict=True)
        ):
            rows = slice(head * width, (head + 1) * width)
            plain = features @ weight[rows].T + bias[rows]
            turns = [_full(None if blocks is None else blocks[which, i], width) for i in range(len(features))]
            vectors.append(torch.stack([turn @ one for turn, one in zip(turns, plain, strict=True)]))
        for q in vectors[0]:
            total = total - width**0.5 * torch.stack([(q @ k) / width**0.5 for k in vectors[1]]).exp().sum().log()
    return total


def _full(block: Tensor | None, width: int) -> Tensor:
    full = torch.eye(width, dtype=torch.float64)
    if block is not None:
        half = width // 2
        for row in range(2):
            for column in range(2):
                full[row * half : (row + 1) * half, column * half : (column + 1) * half] = block[row, column].diag()
    return full


@pytest.mark.parametrize("position", POSITIONS)
def test_energy_and_field_equal_the_formula(position: str) -> None:
    coupling, x = built(position), numbers(2, 3, 4, 4, 6).requires_grad_()
    expected = torch.stack([by_sites(coupling, one) for one in x])
    y = coupling(x)
    assert_close(coupling.energy(x, y), expected)
    (gradient,) = torch.autograd.grad(expected.sum(), x)
    assert_close(y, -gradient)


@pytest.mark.parametrize("position", POSITIONS)
@given(key=st.integers(0, 10**6))
def test_the_field_is_minus_the_gradient_also_where_attention_is_sharp(position: str, key: int) -> None:
    coupling, x = built(position, key), 3 * numbers(2, 3, 4, 4, 6, key=key)
    x.requires_grad_()
    y = coupling(x)
    (gradient,) = torch.autograd.grad(coupling.energy(x, y).sum(), x)
    assert_close(y, -gradient)


def test_on_another_grid_the_field_still_belongs_to_the_energy() -> None:
    coupling, x = built("gta"), numbers(1, 5, 2, 4, 6).requires_grad_()
    (gradient,) = torch.autograd.grad(coupling.energy(x, coupling(x)).sum(), x)
    assert_close(coupling(x), -gradient)


def test_sites_without_positions_are_a_set() -> None:
    coupling, x, order = built("none"), numbers(2, 3, 4, 4, 6), torch.randperm(12)
    shuffled = x.flatten(1, 2)[:, order].view_as(x)
    assert_close(coupling(shuffled).flatten(1, 2), coupling(x).flatten(1, 2)[:, order])
    assert_close(coupling.energy(shuffled, x), coupling.energy(x, x))


def test_one_site_is_a_quadratic_form() -> None:
    """With a single site A = 1, and the energy is -sum_heads <q, k>: a symmetric J by hand."""
    coupling = built("none", shape=StateShape((1, 1), 4, 6))
    x = numbers(1, 1, 1, 4, 6)
    w_q, w_k = coupling.qk.weight.chunk(2)
    b_q, b_k = coupling.qk.bias.chunk(2)
    j, b = w_q.T @ w_k + w_k.T @ w_q, w_q.T @ b_k + w_k.T @ b_q
    assert_close(coupling(x).flatten(), j @ x.flatten() + b)


def test_each_of_its_two_terms_starts_as_large_as_attention() -> None:
    shape, x = StateShape((9, 9), 4, 32), points(8, 9, 9, 4, 32)
    sizes = {}
    for spec in (AttentionCouplingSpec(), EnergyAttentionCouplingSpec()):
        torch.manual_seed(0)
        coupling = spec.build(shape).double()
        with torch.no_grad():
            y = coupling(x)
        b = coupling.constant()
        sizes[spec.kind] = float((y if b is None else y - b).detach().square().mean().sqrt())
    assert 0.7 < sizes["energy_attention"] / (2**0.5 * sizes["attention"]) < 1.4


@pytest.mark.parametrize("position", POSITIONS)
def test_the_energy_falls_also_where_attention_is_sharp(position: str) -> None:
    shape = StateShape((3, 4), 4, 6)
    oscillators = population(shape, EnergyAttentionCouplingSpec.model_validate({"heads": 2, "position": position}))
    sharp(oscillators.coupling)  # pyright: ignore[reportArgumentType]
    x, stimulus = points(4, 3, 4, 4, 6), numbers(4, 3, 4, 4, 6, key=1)
    states = follow(ProjectedEulerSpec(), oscillators, x, stimulus, dt=0.01, steps=100)
    energies = energies_of(oscillators, states, stimulus)
    assert (energies.diff(dim=0) <= 1e-12 * energies.abs().max()).all()
    assert (energies[-1] < energies[0] - 1).all()


def energies_of(oscillators: Oscillators, states: list[Tensor], stimulus: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.stack([oscillators.energy({"x": x}, stimulus, oscillators.coupling(x)) for x in states])


@pytest.mark.parametrize("position", POSITIONS)
def test_a_compiled_wide_step_is_the_eager_one(position: str) -> None:
    shape = StateShape((3, 4), 4, 64)
    coupling = EnergyAttentionCouplingSpec.model_validate({"heads": 4, "position": position}).build(shape)
    x = points(2, 3, 4, 4, 64).float().requires_grad_()
    parameters = [x, *coupling.parameters()]

    def field_and_energy(x: Tensor) -> tuple[Tensor, Tensor]:
        y = coupling(x)
        return y, coupling.energy(x, y)

    def with_gradients(y: Tensor, energy: Tensor) -> list[Tensor]:
        weighted = (y * numbers(*y.shape, key=5).float()).sum() + 0.1 * energy.sum()
        return [y, energy, *torch.autograd.grad(weighted, parameters)]

    wanted = with_gradients(*field_and_energy(x))
    found = with_gradients(*torch.compile(field_and_energy, backend="aot_eager")(x))
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_the_energy_falls_in_compiled_code() -> None:
    torch.manual_seed(0)
    oscillators = population(SHAPE, EnergyAttentionCouplingSpec(heads=2, position="gta"))
    sharp(oscillators.coupling).compile(backend="aot_eager")  # pyright: ignore
    x, stimulus = points(4, 3, 4, 4, 6), numbers(4, 3, 4, 4, 6, key=1)
    states = follow(ProjectedEulerSpec(), oscillators, x, stimulus, dt=0.02, steps=30)
    assert (energies_of(oscillators, states, stimulus).diff(dim=0) < 0).all()
