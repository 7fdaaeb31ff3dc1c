from __future__ import annotations

import math

import pytest
import torch
from dynamics import numbers
from torch import nn
from torch.testing import assert_close

from oscillo.layout import StateShape
from oscillo.network import NetworkSpec
from oscillo.network.blocks import (
    BlockSpec,
    FeedForwardBlockSpec,
    PositionTableBlockSpec,
    SelfAttentionBlockSpec,
)

BOARD = StateShape((9, 9), 1, 512)


def counted(module: nn.Module) -> dict[str, int]:
    """Parameters of each part of a module."""
    parts: dict[str, int] = {}
    for name, parameter in module.named_parameters():
        part = name.split(".")[0]
        parts[part] = parts.get(part, 0) + parameter.numel()
    return parts


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        (PositionTableBlockSpec(), {"table": 41_472}),
        (SelfAttentionBlockSpec(heads=8), {"norm": 1_024, "qkv": 787_968, "out": 262_656}),
        (FeedForwardBlockSpec(ratio=2.0), {"norm": 1_024, "first": 525_312, "second": 524_800}),
    ],
)
def test_parameters_of_iterated_self_attention_on_a_board(spec: BlockSpec, parts: dict[str, int]) -> None:
    assert not spec.problems(BOARD)
    found = counted(spec.build(BOARD))
    assert found == parts
    if isinstance(spec, FeedForwardBlockSpec):
        assert found["first"] + found["second"] == 1_050_112


def test_self_attention_equals_torchs_own() -> None:
    block = SelfAttentionBlockSpec(heads=3).build(StateShape((2, 4), 1, 12)).double()
    reference = nn.MultiheadAttention(12, 3, batch_first=True, dtype=torch.float64)
    reference.load_state_dict({
        "in_proj_weight": block.qkv.weight, "in_proj_bias": block.qkv.bias,
        "out_proj.weight": block.out.weight, "out_proj.bias": block.out.bias,
    })  # fmt: skip
    h = numbers(2, 2, 4, 12)
    tokens = block.norm(h).flatten(1, 2)
    expected = h + reference(tokens, tokens, tokens, need_weights=False)[0].view_as(h)
    assert_close(block(h, torch.zeros_like(h)), expected)


def test_feed_forward_is_the_formula() -> None:
    block = FeedForwardBlockSpec(ratio=1.5).build(StateShape((2, 4), 1, 8)).double()
    h = numbers(2, 2, 4, 8)
    standard = (h - h.mean(-1, keepdim=True)) / (h.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()
    hidden = nn.functional.gelu(standard @ block.first.weight.T + block.first.bias)
    assert hidden.shape[-1] == 12
    assert_close(block(h, torch.zeros_like(h)), h + hidden @ block.second.weight.T + block.second.bias)


def test_the_position_table_starts_as_sinusoids() -> None:
    block = PositionTableBlockSpec(base=100.0).build(StateShape((3, 5), 1, 8))
    h = torch.zeros(1, 3, 5, 8)
    table = block(h, h)[0]
    for row, column in ((0, 0), (2, 4), (1, 3)):
        expected = [
            wave(place * 100.0 ** (-k / 2))
            for place in (column, row)
            for k in range(2)
            for wave in (math.sin, math.cos)
        ]
        assert_close(table[row, column], torch.tensor(expected), rtol=1e-5, atol=1e-6)


def test_a_block_layer_repeats_its_block() -> None:
    spec = NetworkSpec.model_validate(
        {"layers": [{"kind": "block", "channels": 12, "steps": 3, "block": {"kind": "self_attention", "heads": 2}}]}
    )
    net = spec.build((2, 4)).double()
    features = numbers(2, 2, 4, 12)
    h, seen = features, []
    for _ in range(3):
        h = net.layers[0].block(h, features)
    out = net(features, observe=lambda layer, step, state, measures: seen.append((step, measures)))
    assert_close(out.features, h)
    assert seen == [(k, {}) for k in range(4)]


@pytest.mark.parametrize(
    ("spec", "shape", "complaint"),
    [
        (SelfAttentionBlockSpec(heads=5), BOARD, "5 heads do not divide 512 channels"),
        (SelfAttentionBlockSpec(), StateShape((), 1, 512), "this network has none"),
        (PositionTableBlockSpec(), StateShape((81,), 1, 512), "grid of two axes"),
        (PositionTableBlockSpec(), StateShape((9, 9), 1, 6), "multiple of 4 channels, and there are 6"),
    ],
)
def test_what_cannot_be_served_is_refused(spec: BlockSpec, shape: StateShape, complaint: str) -> None:
    (problem,) = spec.problems(shape)
    assert complaint in problem
