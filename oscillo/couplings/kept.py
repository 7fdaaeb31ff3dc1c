"""What is computed from tensors, and kept for as long as their numbers stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

_MOST = 16
"""Results that are kept at once; no method of integration has as many stages."""


class Kept:
    """Results by key, of the same tensors; forgotten when numbers of these change.

    The numbers themselves are compared. Replacing a tensor, loading into it and writing to its `.data` leave three
    different traces, and comparing costs a small part of what is worth keeping.
    """

    def __init__(self) -> None:
        self._made_of: tuple[Tensor, ...] = ()
        self._results: dict[Hashable, Any] = {}

    def get(self, made_of: tuple[Tensor, ...], compute: Callable[[], T], key: Hashable = None) -> T:
        """The result of that key; computed when it is not there, and always in compiled code, which cannot compare.

        Args:
            made_of: all tensors that the results depend on; no gradients go back to them.
            compute: gives the result.
            key: what else it depends on.
        """
        if torch.compiler.is_compiling():
            return compute()
        if not self._fits(made_of):
            self._made_of, self._results = (), {}
        if key not in self._results:
            # Tensors made in inference mode would be of no use to a step with gradients later on.
            with torch.inference_mode(False), torch.no_grad():
                self._keep(made_of, key, compute())
        return self._results[key]

    def _keep(self, made_of: tuple[Tensor, ...], key: Hashable, result: Any) -> None:
        if len(self._results) >= _MOST:
            self._results.clear()
        self._made_of = tuple(tensor.clone() for tensor in made_of)
        self._results[key] = result

    def _fits(self, made_of: tuple[Tensor, ...]) -> bool:
        return len(made_of) == len(self._made_of) and all(map(_equal, made_of, self._made_of))


def _equal(one: Tensor, other: Tensor) -> bool:
    return (one.device, one.dtype) == (other.device, other.dtype) and torch.equal(one, other)
