"""What is checked of every module, whatever its role, and the numbers that components are tried on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from oscillo.draws import normal
from oscillo.layout import StateShape
from oscillo.manifolds import SphereSpec
from oscillo.spec import ComponentSpec

SAMPLES = 3
"""Samples in the batches that components are tried on."""

Operation = Callable[..., Tensor]
"""Maps tensors [sample, ...] to one tensor [sample, ...]."""


def check_module(
    name: str, build: Callable[[], Any], call: Callable[..., Tensor], inputs: tuple[Tensor, ...], tolerance: float
) -> Any:  # fmt: skip
    """What every module owes, whatever its role; gives the module in float64."""
    module, twin, other = built(build, 0), built(build, 0), built(build, 1)
    single = tuple(tensor.float() for tensor in inputs)
    out = call(module, *single)
    require(out.dtype == torch.float32, f"{name}: gives {out.dtype} for float32")
    require(torch.equal(call(module, *single), out), f"{name}: gives two results for one input")
    require(torch.equal(call(twin, *single), out), f"{name}: two modules from one torch seed differ")
    other.load_state_dict(module.state_dict())
    require(torch.equal(call(other, *single), out), f"{name}: does not come back from its state_dict")
    module.double()
    precise = call(module, *inputs)
    require(precise.dtype == torch.float64, f"{name}: gives {precise.dtype} for float64")
    require(close(out.double(), precise, max(1e-4, tolerance)), f"{name}: float32 and float64 disagree")
    parameters = [(key, value) for key, value in module.named_parameters() if value.requires_grad]
    check_operation(name, lambda *tensors: call(module, *tensors), inputs, parameters, tolerance)
    return module


def check_operation(
    name: str, call: Operation, inputs: tuple[Tensor, ...], parameters: list[tuple[str, nn.Parameter]],
    tolerance: float,
) -> None:  # fmt: skip
    """Finite, blind to the samples beside, with gradients that agree with differences."""
    out = call(*inputs)
    require(bool(torch.isfinite(out).all()), f"{name}: gives numbers that are not finite")
    _check_samples(name, call, inputs, out, tolerance)
    _check_gradients(name, call, inputs, out, parameters, tolerance)


def _check_samples(name: str, call: Operation, inputs: tuple[Tensor, ...], out: Tensor, tolerance: float) -> None:
    """What comes out of a sample does not depend on the batch."""
    for sample in range(len(out)):
        alone = call(*(tensor[sample : sample + 1] for tensor in inputs))
        require(close(alone[0], out[sample], tolerance), f"{name}: a sample depends on the samples beside it")
    turned = call(*(tensor.flip(0) for tensor in inputs)).flip(0)
    require(close(turned, out, tolerance), f"{name}: a sample depends on its place in the batch")


def _check_gradients(
    name: str, call: Operation, inputs: tuple[Tensor, ...], out: Tensor, parameters: list[tuple[str, nn.Parameter]],
    tolerance: float,
) -> None:  # fmt: skip
    """Gradients agree with differences."""
    leaves = [(f"input {number}", tensor.clone().requires_grad_()) for number, tensor in enumerate(inputs)]
    weights = numbers_like(out, 7)
    total = lambda: (call(*(leaf for _, leaf in leaves)) * weights).sum()  # noqa: E731
    value = total()
    if not value.requires_grad:
        require(not parameters, f"{name}: no gradient reaches the parameters")
        return
    named = leaves + parameters
    gradients = torch.autograd.grad(value, [leaf for _, leaf in named], allow_unused=True)
    known = {key for key, _ in parameters}
    for (key, leaf), gradient in zip(named, gradients, strict=True):
        require(gradient is not None or key not in known, f"{name}: no gradient reaches the parameter {key}")
        gradient = torch.zeros_like(leaf) if gradient is None else gradient
        require(bool(torch.isfinite(gradient).all()), f"{name}: the gradient of {key} is not finite")
        _check_direction(f"{name}: the gradient of {key}", total, leaf, gradient, max(1e-5, tolerance))


@torch.no_grad()
def _check_direction(label: str, total: Callable[[], Tensor], leaf: Tensor, gradient: Tensor, tolerance: float) -> None:
    h, direction, kept = 1e-6, numbers_like(leaf, 8), leaf.clone()
    leaf.copy_(kept + h * direction)
    ahead = float(total())
    leaf.copy_(kept - h * direction)
    behind = float(total())
    leaf.copy_(kept)
    slope, expected = (ahead - behind) / (2 * h), float((gradient * direction).sum())
    agree = abs(slope - expected) <= tolerance * (1 + abs(slope))
    require(agree, f"{label} is {expected:.6g} along a direction where differences give {slope:.6g}")


def built(build: Callable[[], Any], seed: int) -> Any:
    """What `build` makes when torch's generator starts from that seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def of_block(shape: StateShape) -> StateShape:
    """The shape in which a block has as many channels: one component."""
    return StateShape(shape.sites, 1, shape.channels)


def numbers(shape: StateShape, key: int) -> Tensor:
    """Normal numbers [sample, *sites, component, oscillator], float64."""
    sizes = (*shape.sites, shape.components, shape.oscillators)
    return normal(0, torch.arange(SAMPLES), sizes, purpose=key).double()


def numbers_like(tensor: Tensor, key: int) -> Tensor:
    """Normal numbers of the shape and type of a tensor."""
    return normal(0, torch.zeros(1, dtype=torch.int64), tuple(tensor.shape), purpose=key)[0].to(tensor.dtype)


def points(shape: StateShape) -> Tensor:
    """Unit vectors [sample, *sites, component, oscillator], float64."""
    return SphereSpec().build().spread(numbers(shape, 1))


def broadcast(name: str, out: Tensor, like: Tensor) -> Tensor:
    """What came out, expanded to the shape that it has to broadcast against."""
    fits = out.ndim <= like.ndim and all(
        n in (1, m) for n, m in zip(reversed(out.shape), reversed(like.shape), strict=False)
    )
    require(fits, f"{name}: gives {_sizes(out)}, which does not broadcast against {_sizes(like)}")
    return out.expand(like.shape)


def shaped(name: str, out: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """What came out, which has to have that shape."""
    require(tuple(out.shape) == tuple(sizes), f"{name}: gives {_sizes(out)} in place of {list(sizes)}")
    return out


def _sizes(tensor: Tensor) -> list[int]:
    return list(tensor.shape)


def close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Whether a and b differ by less than the tolerance, absolute for small numbers and relative for large ones."""
    return bool(((a - b).abs() <= tolerance * (1 + b.abs().max())).all())


def name_of(spec: ComponentSpec) -> str:
    """What complaints call a component."""
    return f"{spec.role} {getattr(spec, 'kind', type(spec).__name__)!r}"


def require(fulfilled: bool, complaint: str) -> None:
    """Raise an `AssertionError` with the complaint unless it is fulfilled."""
    if not fulfilled:
        raise AssertionError(complaint)
