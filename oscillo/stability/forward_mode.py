"""Forward-mode differentiation with what does not move told apart early."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

Rule = Callable[[Tensor, Any], Tensor]
"""Tangent of a result, from that of the operand that moves and the other operand; broadcasts against the result."""

_LEFT: dict[Any, Rule] = {}
_RIGHT: dict[Any, Rule] = {}
"""Rules by operation, where the left or the right operand moves alone."""

for _of in (torch.Tensor, torch):
    _LEFT |= {_of.mul: torch.mul, _of.div: torch.div, _of.add: lambda u, c: u, _of.sub: lambda u, c: u}
    _RIGHT |= {_of.mul: torch.mul, _of.add: lambda u, c: u, _of.sub: lambda u, c: -u}
_LEFT[torch.Tensor.__rsub__] = lambda u, c: -u  # c - x, with x on the left


class StillOperands(TorchFunctionMode):
    """Sums, products and quotients in which one operand does not move, by their own short rules.

    PyTorch takes that operand's tangent for a tensor of zeros, and what it does to find out the shape of a product
    with it takes a hundred times as long as a small product itself. The results are the same.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The operation's result, with its tangent."""
        if func in _LEFT and len(args) == 2 and not kwargs:
            moving = [_tangent(one) for one in args]
            if moving[1] is None and moving[0] is not None:
                return _dual(func(_primal(args[0]), args[1]), _LEFT[func](moving[0], args[1]))
            if moving[0] is None and moving[1] is not None and func in _RIGHT:
                return _dual(func(args[0], _primal(args[1])), _RIGHT[func](moving[1], args[0]))
        return func(*args, **(kwargs or {}))


def _primal(value: Tensor) -> Tensor:
    return forward_ad.unpack_dual(value).primal


def _tangent(value: Any) -> Tensor | None:
    return forward_ad.unpack_dual(value).tangent if isinstance(value, Tensor) else None


def _dual(primal: Tensor, tangent: Tensor) -> Tensor:
    return forward_ad.make_dual(primal, tangent.to(primal.dtype).expand_as(primal))
