from __future__ import annotations

import math

import pytest
import torch
from dynamics import numbers
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import Attention, AttentionCouplingSpec
from oscillo.couplings.multi_head import rotation_blocks, turned
from oscillo.layout import StateShape, tokens

SHAPE = StateShape((3, 4), 4, 6)


def built(shape: StateShape = SHAPE, *, heads: int = 2, position: str = "none") -> Attention:
    return AttentionCouplingSpec.model_validate({"heads": heads, "position": position}).build(shape).double()


def by_heads(coupling: Attention, x: Tensor, blocks: Tensor | None = None) -> Tensor:
    """The formula head by head, with blocks [4, position, 2, 2, pair] as full matrices; tokens out."""
    features = tokens(x)
    width = features.shape[-1] // coupling.heads
    q, k, v = coupling.qkv(features).chunk(3, dim=-1)
    outputs = []
    for head in range(coupling.heads):
        channels = slice(head * width, (head + 1) * width)
        parts = [_turned(part[..., channels], blocks, n) for n, part in enumerate((q, k, v))]
        weights = torch.softmax(parts[0] @ parts[1].transpose(1, 2) / math.sqrt(width), dim=-1)
        outputs.append(_turned(weights @ parts[2], blocks, 3))
    return torch.cat(outputs, dim=-1) @ coupling.out.weight.T + coupling.out.bias


def _turned(vectors: Tensor, blocks: Tensor | None, which: int) -> Tensor:
    if blocks is None:
        return vectors
    positions, half = vectors.shape[1], vectors.shape[2] // 2
    result = torch.empty_like(vectors)
    for position in range(positions):
        for pair in range(half):
            channels = [pair, pair + half]
            result[:, position, channels] = vectors[:, position, channels] @ blocks[which, position, :, :, pair].T
    return result


def test_plain_attention_equals_the_formula() -> None:
    coupling, x = built(heads=3), numbers(2, 3, 4, 4, 6)
    assert_close(tokens(coupling(x)), by_heads(coupling, x))


def test_attention_with_position_blocks_equals_the_formula() -> None:
    coupling, x = built(position="gta"), numbers(2, 3, 4, 4, 6)
    assert coupling.position is not None
    coupling.position.blocks.data.copy_(numbers(*coupling.position.blocks.shape, key=4))
    assert_close(tokens(coupling(x)), by_heads(coupling, x, coupling.position.blocks.flatten(1, 2)))


def test_plain_attention_takes_sites_as_a_set() -> None:
    coupling, x = built(), numbers(2, 3, 4, 4, 6)
    order = torch.randperm(12)
    shuffled = x.flatten(1, 2)[:, order].view_as(x)
    assert_close(coupling(shuffled).flatten(1, 2), coupling(x).flatten(1, 2)[:, order])


def test_attention_starts_with_rotations_by_row_and_column() -> None:
    blocks = rotation_blocks(3, 4, 5, 10000.0).double()
    frequencies = [10000.0 ** (-k / 3) for k in range(3)]  # three of them for five pairs
    for row, column, pair in ((2, 3, 0), (2, 3, 1), (1, 2, 2), (1, 2, 3), (2, 1, 4)):
        angle = (column if pair % 2 else row) * frequencies[pair // 2]
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        for which in range(3):
            assert_close(blocks[which, row, column, :, :, pair], turn.double(), rtol=0, atol=1e-6)
        assert_close(blocks[3, row, column, :, :, pair], turn.double().T, rtol=0, atol=1e-6)


def test_fresh_position_blocks_make_attention_see_offsets_alone() -> None:
    """Rotations depend on differences of coordinates: a kernel moved by one site gives the field moved by one."""
    coupling = built(StateShape((1, 6), 4, 2), position="gta")
    x = torch.zeros(1, 1, 6, 4, 2, dtype=torch.float64)
    logits = []
    for first in (0, 2):
        q, k = numbers(4, 2, key=1), numbers(4, 2, key=2)
        moved = x.clone()
        moved[0, 0, first], moved[0, 0, first + 3] = q, k
        features = tokens(moved)
        parts = coupling.qkv(features).unflatten(-1, (3, 2, 4)).unbind(2)
        blocks = coupling.position.on_grid((1, 6))
        turned_q, turned_k = (turned(blocks[n], parts[n]) for n in (0, 1))
        logits.append((turned_q[0, first] * turned_k[0, first + 3]).sum(-1))
    assert_close(logits[0], logits[1], rtol=1e-5, atol=1e-6)


def test_position_blocks_on_their_own_grid_are_themselves() -> None:
    position = built(position="gta").position
    assert position is not None
    assert torch.equal(position.on_grid((3, 4)), position.blocks.flatten(1, 2))


@pytest.mark.parametrize("sites", [(6, 8), (2, 4), (5, 3)])
def test_position_blocks_are_resized_bilinearly_without_corners(sites: tuple[int, int]) -> None:
    position = built(position="gta").position
    assert position is not None
    position.blocks.data.copy_(numbers(*position.blocks.shape))
    resized = position.on_grid(sites).unflatten(1, sites)
    weights = []
    for new, old in zip(sites, (3, 4), strict=True):
        place = ((torch.arange(new) + 0.5) * old / new - 0.5).clamp(0, old - 1)  # centre of each new site
        low = place.floor().long().clamp(max=old - 1)
        part = (place - low)[:, None].double()
        matrix = torch.zeros(new, old, dtype=torch.float64)
        matrix.scatter_add_(1, low[:, None], 1 - part)
        matrix.scatter_add_(1, (low + 1).clamp(max=old - 1)[:, None], part)
        weights.append(matrix)
    expected = torch.einsum("Yy,Xx,nyxabp->nYXabp", *weights, position.blocks)
    assert_close(resized, expected, rtol=1e-6, atol=1e-6)


def test_attention_built_for_one_grid_runs_on_another() -> None:
    coupling = built(position="gta")
    x = numbers(2, 5, 5, 4, 6)
    assert coupling.position is not None
    assert_close(tokens(coupling(x)), by_heads(coupling, x, coupling.position.on_grid((5, 5))))


def test_the_constant_is_the_bias_of_the_output() -> None:
    coupling = built()
    with torch.no_grad():
        coupling.qkv.weight.zero_()
        coupling.qkv.bias.zero_()
    field = coupling(numbers(1, 3, 4, 4, 6))
    assert_close(field, coupling.constant().expand_as(field))


@pytest.mark.parametrize(
    ("fields", "shape", "complaint"),
    [
        ({"heads": 5}, SHAPE, "5 heads do not divide 24 channels"),
        ({"heads": 8, "position": "gta"}, SHAPE, "24 / 8 is odd"),
        ({"heads": 2}, StateShape((), 4, 6), "this network has none"),
        ({"heads": 2, "position": "gta"}, StateShape((7,), 4, 6), "grid of two axes"),
    ],
)
def test_what_cannot_be_served_is_refused(fields: dict, shape: StateShape, complaint: str) -> None:
    (problem,) = AttentionCouplingSpec.model_validate(fields).problems(shape)
    assert complaint in problem


@pytest.mark.parametrize("position", ["none", "gta"])
def test_a_compiled_wide_step_is_the_eager_one(position: str) -> None:
    """Its maps go to another library, and its attention is made of matrix products."""
    coupling = built(StateShape((3, 4), 4, 64), heads=4, position=position).float()
    x = numbers(2, 3, 4, 4, 64).float().requires_grad_()
    wanted = coupling(x)
    weight = numbers(*wanted.shape, key=5).float()
    parameters = [x, *coupling.parameters()]
    gradients = torch.autograd.grad((wanted * weight).sum(), parameters)

    coupling.compile(backend="aot_eager")
    with torch.profiler.profile() as profile:
        found = coupling(x)
        found_gradients = torch.autograd.grad((found * weight).sum(), parameters)
    names = {event.key for event in profile.key_averages()}
    assert "oscillo::product" in names
    assert not [name for name in names if "scaled_dot_product" in name]
    assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    for one, other in zip(found_gradients, gradients, strict=True):
        assert_close(one, other, rtol=1e-4, atol=1e-4)
