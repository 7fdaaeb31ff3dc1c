"""Energy attention: the symmetric relative of attention, whose field follows an energy downhill."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from oscillo.couplings.base import Coupling
from oscillo.couplings.compiled_products import linear
from oscillo.couplings.multi_head import MultiHeadCouplingSpec, PositionBlocks, turned
from oscillo.layout import StateShape, tokens
from oscillo.spec import register


@register
class EnergyAttentionCouplingSpec(MultiHeadCouplingSpec):
    """Multi-head attention without values, along minus the gradient of an energy: attention made symmetric."""

    kind: Literal["energy_attention"] = "energy_attention"

    def build(self, shape: StateShape) -> EnergyAttention:
        """Energy attention with PyTorch's default initial weights."""
        return EnergyAttention(shape, self.heads, self.position_blocks(shape, count=2))


class EnergyAttention(Coupling):
    r"""y_i = \sum_heads W_q^T \sum_j A_ij k_j + W_k^T \sum_j A_ji q_j, with A_ij = softmax_j(<q_i, k_j> / sqrt(d)).

    It is minus the gradient of the energy

        E(x) = -sqrt(d) \sum_heads \sum_i log \sum_j exp(<q_i, k_j> / sqrt(d))

    which is the multi-head energy attention of Hoover et al. 2023 (Energy Transformer), here with j = i in the sum,
    with biases of q and k, and with x where they take its layer norm. What i feels as query and what j feels as
    key come from one term of E; that is what symmetry means for a coupling that depends on the state. Position blocks
    multiply q and k, and their transposes stand before W_q^T and W_k^T. There are no values and no output map.

    It has no strength of its own: W_q^T and W_k^T are drawn as the output map of `attention` is, so each of the two
    terms starts about as large as that coupling without its bias, and their sum as large as it with its bias.
    """

    symmetric = True

    def __init__(self, shape: StateShape, heads: int, position: PositionBlocks | None) -> None:
        super().__init__()
        self.heads, self.position = heads, position
        self.qk = nn.Linear(shape.channels, 2 * shape.channels)
        self.scale = (shape.channels // heads) ** -0.5

    def energy(self, neighbours: Tensor, y: Tensor) -> Tensor:
        """The energy above, [sample]; queries and keys are formed again, because y does not tell it."""
        q, k = self._queries_and_keys(neighbours, self._blocks(neighbours))
        return -((self.scale * q) @ k.transpose(-1, -2)).logsumexp(dim=-1).flatten(1).sum(1) / self.scale

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field at each site, [sample, *sites, component, oscillator]."""
        blocks = self._blocks(neighbours)
        q, k = self._queries_and_keys(neighbours, blocks)
        weights = ((self.scale * q) @ k.transpose(-1, -2)).softmax(dim=-1)  # A, formed once for both terms
        fields = [field.transpose(1, 2) for field in (weights @ k, weights.transpose(-1, -2) @ q)]
        if blocks is not None:
            fields = [turned(block.transpose(1, 2), field) for block, field in zip(blocks, fields, strict=True)]
        return linear(torch.stack(fields, dim=2).flatten(2), self.qk.weight.t()).view(neighbours.shape)

    def _blocks(self, neighbours: Tensor) -> Tensor | None:
        return None if self.position is None else self.position.on_grid(tuple(neighbours.shape[1:-2]))

    def _queries_and_keys(self, neighbours: Tensor, blocks: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both as [sample, head, position, channel]."""
        x = tokens(neighbours)
        q, k = linear(x, self.qk.weight, self.qk.bias).unflatten(-1, (2, self.heads, -1)).unbind(2)
        if blocks is not None:
            q, k = turned(blocks[0], q), turned(blocks[1], k)
        return q.transpose(1, 2), k.transpose(1, 2)
