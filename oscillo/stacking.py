"""Modules that differ in some numbers as one module, whose parameters have an axis of samples.

Tensors of components are aligned with states from the right: a number, [oscillator], or matrices. With an axis
[sample, 1, ...] in front they broadcast against [sample, *sites, component, oscillator] like any state. A module says
in `stackable` which of its tensors bear that.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from oscillo.layout import node_major

M = TypeVar("M", bound=nn.Module)

_DERIVED = ("compilable", "node_major")
"""Attributes that follow from the others."""


class NotStackable(ValueError):
    """Modules differ in something that cannot differ from sample to sample.

    Attributes:
        what: where they differ.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"`{what}` would differ from sample to sample, and it has one value for the whole batch")
        self.what = what


class Stack(Generic[M]):
    """Takes modules in one by one, of which each is for one sample, and keeps only what differs from the first."""

    def __init__(self, first: M) -> None:
        self.first, self.count = first, 1
        self._others: dict[tuple[str, str], dict[int, Tensor]] = {}

    def add(self, module: M) -> None:
        """Take in the module of the next sample.

        Raises:
            NotStackable: when it differs from the first in more than stackable tensors.
        """
        for place, own, other in _aligned("", self.first, module):
            mine, theirs = _tensors(own), _tensors(other)
            for name in mine | theirs:
                tensor, value = mine.get(name), theirs.get(name)
                if tensor is None and value is None:
                    continue
                if tensor is None or value is None or value.shape != tensor.shape:
                    raise NotStackable(f"{place}{name}")
                if torch.equal(value, tensor):
                    continue
                if name not in getattr(own, "stackable", ()):
                    raise NotStackable(f"{place}{name}")
                self._others.setdefault((place, name), {})[self.count] = value.detach()
        self.count += 1

    @property
    def differs(self) -> bool:
        """Whether there is anything in which modules differ from the first."""
        return bool(self._others)

    def module(self, axes: int) -> M:
        """One module for all samples.

        Args:
            axes: number of axes of a state, the samples' included.
        """
        together = copy.deepcopy(self.first)
        by_nodes = any(getattr(part, "node_major", False) for part in together.modules())
        for (place, name), others in self._others.items():
            part = together.get_submodule(place.rstrip("."))
            first = _tensors(part)[name]
            assert first is not None
            values = torch.stack([others.get(i, first.detach()) for i in range(self.count)])
            values = values.reshape(len(values), *(1,) * (axes - values.ndim), *values.shape[1:])
            _put(part, name, node_major(values) if by_nodes else values)
        return together


def of_samples(module: M, samples: Tensor) -> M:
    """A stacked module for some of the samples; a module that is not stacked as it is.

    Args:
        module: as `Stack` gives it.
        samples: their numbers, integer [sample].
    """
    if not any(getattr(part, "_stacked", ()) for part in module.modules()):
        return module
    chosen = copy.copy(module)
    for store in ("_parameters", "_buffers", "_modules"):
        chosen.__dict__[store] = dict(getattr(module, store))
    for name in getattr(module, "_stacked", ()):
        value = _tensors(module)[name]
        assert value is not None
        by_nodes = value.ndim > 1 and value.stride(0) < value.stride(-1)
        _put(chosen, name, node_major(value[samples]) if by_nodes else value[samples])
    for name, part in module._modules.items():
        chosen._modules[name] = None if part is None else of_samples(part, samples)
    return chosen


def bytes_of(module: nn.Module, samples: int) -> int:
    """Bytes of the tensors that a stacked module would have for so many samples."""
    total = 0
    for part in module.modules():
        stacked = getattr(part, "_stacked", ())
        for name, tensor in _tensors(part).items():
            if tensor is not None:
                size = tensor.numel() * tensor.element_size()
                total += size // len(tensor) * samples if name in stacked else size
    return total


def _aligned(place: str, own: nn.Module, other: nn.Module) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """The parts of two modules side by side, with their place.

    Raises:
        NotStackable: where they are of different make.
    """
    if type(own) is not type(other):
        raise NotStackable(place.rstrip(".") or "the kind")
    mine, theirs = _plain(own), _plain(other)
    for name in mine | theirs:
        if mine.get(name) != theirs.get(name):
            raise NotStackable(f"{place}{name}")
    yield place, own, other
    parts, others = dict(own.named_children()), dict(other.named_children())
    for name in parts | others:
        if name not in parts or name not in others:
            raise NotStackable(f"{place}{name}")
        yield from _aligned(f"{place}{name}.", parts[name], others[name])


def _plain(module: nn.Module) -> dict[str, object]:
    """Attributes that are no tensors and no modules; of an object its kind, and None counts as not there."""
    kept = (int, float, str, bool, tuple, dict)
    return {
        name: value if isinstance(value, kept) else type(value) for name, value in vars(module).items()
        if value is not None and not name.startswith("_") and name not in _DERIVED
    }  # fmt: skip


def _tensors(module: nn.Module) -> dict[str, Tensor | None]:
    return {**module._parameters, **module._buffers}


def _put(module: nn.Module, name: str, values: Tensor) -> None:
    """Replace a tensor by one with the axis of samples, aligned with states."""
    module.__dict__["_stacked"] = {*getattr(module, "_stacked", ()), name}
    if name in module._parameters:
        module._parameters[name] = nn.Parameter(values, requires_grad=False)
    else:
        module._buffers[name] = values
