"""Attention: every oscillator feels all others, weighted by how well query and key agree."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from oscillo.couplings.base import Coupling
from oscillo.couplings.compiled_products import attend, linear
from oscillo.couplings.multi_head import MultiHeadCouplingSpec, PositionBlocks, turned
from oscillo.layout import StateShape, tokens
from oscillo.spec import register


@register
class AttentionCouplingSpec(MultiHeadCouplingSpec):
    """Multi-head self-attention between sites; the coupling depends on the state."""

    kind: Literal["attention"] = "attention"

    def build(self, shape: StateShape) -> Attention:
        """Attention with PyTorch's default initial weights."""
        return Attention(shape, self.heads, self.position_blocks(shape, count=4))


class Attention(Coupling):
    r"""y_i = W_o \sum_j softmax_j(<q_i, k_j> / sqrt(d)) v_j + b, with q, k, v from one linear map of x.

    Miyato et al. 2025 (AKOrN), section 4. Within q, k and v the channels stand as [head, half, pair]; with position
    blocks q, k and v are multiplied by the blocks of their site, and so is the sum before W_o. The constant part
    of the field is the bias of W_o.
    """

    def __init__(self, shape: StateShape, heads: int, position: PositionBlocks | None) -> None:
        super().__init__()
        self.shape, self.heads, self.position = shape, heads, position
        self.qkv = nn.Linear(shape.channels, 3 * shape.channels)
        self.out = nn.Linear(shape.channels, shape.channels)

    def constant(self) -> Tensor | None:
        """The bias of the output map as [component, oscillator]."""
        return self.shape.split(self.out.bias)

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field at each site, [sample, *sites, component, oscillator]."""
        x = tokens(neighbours)
        samples, positions, channels = x.shape
        blocks = self._blocks(neighbours)
        q, k, v = self._queries_keys_values(x, blocks)
        o = attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2)
        if blocks is not None:
            o = turned(blocks[3], o)
        y = linear(o.reshape(samples, positions, channels), self.out.weight, self.out.bias)
        return y.view(neighbours.shape)

    def weights(self, neighbours: Tensor) -> Tensor:
        """How much each site feels of each, softmax_j(<q_i, k_j> / sqrt(d)): [sample, head, target, source]."""
        q, k, _ = self._queries_keys_values(tokens(neighbours), self._blocks(neighbours))
        return ((q.transpose(1, 2) * q.shape[-1] ** -0.5) @ k.permute(0, 2, 3, 1)).softmax(dim=-1)

    def _blocks(self, neighbours: Tensor) -> Tensor | None:
        return None if self.position is None else self.position.on_grid(tuple(neighbours.shape[1:-2]))

    def _queries_keys_values(self, x: Tensor, blocks: Tensor | None) -> tuple[Tensor, ...]:
        """All three as [sample, position, head, channel]."""
        qkv = linear(x, self.qkv.weight, self.qkv.bias)
        vectors = qkv.unflatten(-1, (3, self.heads, x.shape[-1] // self.heads)).unbind(2)
        if blocks is None:
            return vectors
        return tuple(turned(block, each) for block, each in zip(blocks[:3], vectors, strict=True))
