"""Modules that differ in some numbers as one module, whose parameters have an axis of samples.

Tensors of components are aligned with states from the right: a number, [oscillator], or matrices. With an axis
[sample, 1, ...] in front they broadcast against [sample, *sites, component, oscillator] like any state. A module says
in `stackable` which of its tensors bear that.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class NotStackable(ValueError):
    """Modules differ in something that cannot differ from sample to sample.

    Attributes:
        what: where they differ.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} differs and cannot differ within one batch")
        self.what = what


def stacked(modules: Sequence[M], axes: int) -> M:
    """One module for a batch, of which sample i goes through modules[i].

    Args:
        modules: of the same structure.
        axes: number of axes of a state, the samples' included.

    Raises:
        NotStackable: when they differ in more than stackable tensors.
    """
    together = copy.deepcopy(modules[0])
    for place, parts in _aligned("", [together, *modules]):
        own, others = parts[0], parts[1:]
        for name, tensor in _tensors(own).items():
            where = f"{place}{name}"
            values = [_tensors(other).get(name) for other in others]
            if any((value is None) != (tensor is None) for value in values):
                raise NotStackable(where)
            given = [value for value in values if value is not None]
            if tensor is None or all(_same(value, given[0]) for value in given):
                continue
            if name not in getattr(own, "stackable", ()) or len({value.shape for value in given}) > 1:
                raise NotStackable(where)
            _put(own, name, torch.stack([value.detach() for value in given]), axes)
    return together


def of_samples(module: M, samples: Tensor) -> M:
    """A stacked module for some of the samples; a module that is not stacked as it is.

    Args:
        module: as `stacked` gives it.
        samples: their numbers, integer [sample].
    """
    if not any(getattr(part, "_stacked", ()) for part in module.modules()):
        return module
    chosen = copy.copy(module)
    for store in ("_parameters", "_buffers", "_modules"):
        setattr(chosen, store, dict(getattr(module, store)))
    for name in getattr(module, "_stacked", ()):
        store = chosen._parameters if name in chosen._parameters else chosen._buffers
        value = store[name]
        assert value is not None
        rows = value[samples]
        store[name] = nn.Parameter(rows, requires_grad=False) if store is chosen._parameters else rows
    for name, part in module._modules.items():
        chosen._modules[name] = None if part is None else of_samples(part, samples)
    return chosen


def _aligned(place: str, modules: Sequence[nn.Module]) -> Iterator[tuple[str, Sequence[nn.Module]]]:
    """The same part of every module, for all parts, with its place."""
    kinds = {type(module) for module in modules}
    if len(kinds) > 1:
        raise NotStackable(place.rstrip(".") or "the kind")
    plain = [_plain(module) for module in modules]
    for name in plain[0]:
        if any(other.get(name) != plain[0][name] for other in plain[1:]):
            raise NotStackable(f"{place}{name}")
    yield place, modules
    for name, part in modules[0].named_children():
        yield from _aligned(f"{place}{name}.", [part, *(getattr(module, name) for module in modules[1:])])


def _plain(module: nn.Module) -> dict[str, object]:
    """Attributes that are no tensors and no modules."""
    kept = (int, float, str, bool, tuple, type(None))
    return {
        name: value for name, value in vars(module).items()
        if isinstance(value, kept) and not name.startswith("_") and name != "training"
    }  # fmt: skip


def _tensors(module: nn.Module) -> dict[str, Tensor | None]:
    return {**module._parameters, **module._buffers}


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _put(module: nn.Module, name: str, values: Tensor, axes: int) -> None:
    """Replace a tensor by one with the axis of samples, aligned with states."""
    shape = (len(values), *(1,) * (axes - values.ndim), *values.shape[1:])
    values = values.reshape(shape)
    module.__dict__["_stacked"] = {*getattr(module, "_stacked", ()), name}
    if name in module._parameters:
        module._parameters[name] = nn.Parameter(values, requires_grad=False)
    else:
        module._buffers[name] = values
