"""Linear maps and softmax attention as a compiled step on the CPU does them fastest.

PyTorch sends float32 products to MKL, which leaves a tenth to a quarter of the time of wide maps unused on some
processors, and its attention on the CPU is made for long sequences. Both functions give the same numbers as PyTorch's
own up to rounding. They take their own way only while a step is compiled: what runs uncompiled keeps every derivative
that PyTorch knows, forward mode included.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, library

_WIDE = 256
"""Channels from which the other library pays; with fewer, calling it costs as much as it saves."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b, for x [..., channel] and a weight [channel out, channel]."""
    if _compiled_on_cpu(x) and min(weight.shape) >= _WIDE and torch.backends.mkldnn.is_available():
        return _product(x.reshape(-1, x.shape[-1]), weight, bias).view(*x.shape[:-1], -1)
    return F.linear(x, weight, bias)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention, [sample, head, position, channel].

    PyTorch's kernel never forms the matrix of weights. Where that matrix is no larger than queries and keys together,
    forming it and leaving the work to matrix products is faster.
    """
    positions, channels = q.shape[-2:]
    if _compiled_on_cpu(q) and positions <= 2 * channels:
        return ((q * channels**-0.5) @ k.transpose(-1, -2)).softmax(dim=-1) @ v
    return F.scaled_dot_product_attention(q, k, v)


def _compiled_on_cpu(x: Tensor) -> bool:
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return plain and torch.compiler.is_compiling()


@library.custom_op("oscillo::product", mutates_args=())
def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x W^T + b by oneDNN; x is [row, channel]."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@_product.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


def _keep(ctx, inputs, output: Tensor) -> None:
    x, weight, bias = inputs
    ctx.save_for_backward(x, weight)
    ctx.biased = bias is not None


def _backward(ctx, g: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    x, weight = ctx.saved_tensors
    by_x, by_weight, by_bias = ctx.needs_input_grad
    return (
        _product(g, weight.t(), None) if by_x else None,
        g.t() @ x if by_weight else None,  # here oneDNN is the slower one
        g.sum(0) if ctx.biased and by_bias else None,
    )


_product.register_autograd(_backward, setup_context=_keep)
