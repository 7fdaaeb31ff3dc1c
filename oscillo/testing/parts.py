"""Contracts of the parts of the equation, by their roles."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from oscillo.couplings import CouplingSpec
from oscillo.distributions import FREQUENCIES, WEIGHTS, DistributionSpec
from oscillo.frequencies import FrequencySpec
from oscillo.layout import StateShape
from oscillo.manifolds import Manifold, ManifoldSpec, SphereSpec
from oscillo.potentials import PotentialSpec
from oscillo.stimuli import StimulusSpec
from oscillo.testing.modules import (
    SAMPLES,
    Operation,
    broadcast,
    check_module,
    check_operation,
    close,
    name_of,
    numbers,
    points,
    require,
    shaped,
)


def check_manifold(spec: ManifoldSpec, shape: StateShape, tolerance: float) -> None:
    """Projections are idempotent, retraction and exponential end on the manifold, every sample for itself."""
    name, manifold = name_of(spec), spec.build()
    shape = shape._replace(components=spec.components)
    raw, force = numbers(shape, 1), numbers(shape._replace(components=spec.seen), 2)
    x = manifold.spread(raw)
    v = manifold.project(manifold.embed(x), force)
    like = {"embed": force, "push": force}
    operations: dict[str, tuple[Operation, tuple[Tensor, ...]]] = {
        "embed": (manifold.embed, (x,)),
        "push": (lambda x, v: manifold.push(manifold.embed(x), v), (x, v)),
        "project": (lambda x, f: manifold.project(manifold.embed(x), f), (x, force)),
        "transport": (manifold.transport, (x, v)),
        "retract": (manifold.retract, (raw,)),
        "exponential": (manifold.exponential, (x, v)),
        "spread": (manifold.spread, (raw,)),
    }
    for operation, (call, inputs) in operations.items():
        label = f"{name}.{operation}"
        shaped(label, call(*inputs), tuple(like.get(operation, raw).shape))
        check_operation(label, call, inputs, [], tolerance)
    _check_geometry(name, manifold, x, v, raw)
    _check_vectors(name, manifold, x, v)


def _check_geometry(name: str, manifold: Manifold, x: Tensor, v: Tensor, raw: Tensor) -> None:
    single = (*raw.shape[:-2], 1, raw.shape[-1])
    shaped(f"{name}.drift", manifold.drift(raw), single)
    require(close(manifold.transport(x, v), v, 1e-12), f"{name}.transport: changes a tangent vector")
    require(close(manifold.retract(x), x, 1e-12), f"{name}.retract: moves a point of the manifold")
    require(close(manifold.exponential(x, 0 * v), x, 1e-12), f"{name}.exponential: moves at velocity zero")
    for operation, point in {
        "spread": x, "retract": manifold.retract(raw), "exponential": manifold.exponential(x, v),
    }.items():  # fmt: skip
        require(float(manifold.drift(point).max()) < 1e-12, f"{name}.{operation}: leaves the manifold")
    h = 1e-6
    moved = manifold.exponential(x, h * v)
    require(close((moved - x) / h, v, 1e-4), f"{name}.exponential: does not leave with the velocity it is given")
    speed = torch.linalg.vector_norm(v, dim=-2, keepdim=True)
    distance = shaped(f"{name}.distance", manifold.distance(x, moved), single)
    require(close(distance / h, speed, 1e-4), f"{name}.distance: is not the length of a short geodesic")


def _check_vectors(name: str, manifold: Manifold, x: Tensor, v: Tensor) -> None:
    """What others see moves as `push` says, and a tangent force is projected to the velocity that pushes it so."""
    h, seen = 1e-6, manifold.embed(x)
    pushed = manifold.push(seen, v)
    moved = (manifold.embed(x + h * v) - manifold.embed(x - h * v)) / (2 * h)
    require(close(pushed, moved, 1e-7), f"{name}.push: is not the derivative of `embed`")
    require(close(manifold.project(seen, pushed), v, 1e-12), f"{name}.project: changes a force that is tangent")
    if manifold.winds:
        turned = x + 2 * torch.pi * torch.arange(x.shape[-1], dtype=x.dtype)
        require(close(manifold.retract(turned), x, 1e-12), f"{name}.retract: whole turns move an angle")


def check_frequency(spec: FrequencySpec, shape: StateShape, tolerance: float) -> None:
    """The velocity broadcasts against the state, and is tangent or zero where it says so."""
    name, x = name_of(spec), points(shape)
    sphere = SphereSpec().build()
    velocity_of = lambda module, x: x.new_zeros(()) if (own := module(x, sphere.turn)) is None else own  # noqa: E731
    call = lambda module, x: broadcast(name, velocity_of(module, x), x)  # noqa: E731
    module = check_module(name, lambda: spec.build(shape), call, (x,), tolerance)
    velocity = velocity_of(module, x)
    if module.tangent:
        tangent = sphere.project(x, velocity.expand_as(x))
        require(close(tangent, velocity, 1e-12), f"{name}: `tangent` is set, and the velocity leaves the sphere")
    if module.vanishes:
        require(not velocity.any(), f"{name}: `vanishes` is set, and the velocity is not zero")


def check_coupling(spec: CouplingSpec, shape: StateShape, tolerance: float) -> None:
    """The field broadcasts against the state; where `symmetric` is set it is minus the gradient of the energy."""
    name, x, stimulus = name_of(spec), points(shape), numbers(shape, 3)
    call = lambda module, x, stimulus: broadcast(name, module(x, stimulus), x)  # noqa: E731
    coupling = check_module(name, lambda: spec.build(shape), call, (x, stimulus), tolerance)
    u = numbers(shape, 4).requires_grad_()
    y = call(coupling, u, stimulus)
    energy = shaped(f"{name}.energy", coupling.energy(u, y), (SAMPLES,))
    if coupling.symmetric:
        (gradient,) = torch.autograd.grad(energy.sum(), u)
        message = "`symmetric` is set, and the field is not minus the gradient of `energy`"
        own = "for -1/2 <x, y + b> it takes a symmetric J that does not depend on x, and b = `constant` as y at x = 0"
        require(close(-gradient, y, 1e-9), f"{name}: {message} ({own})")


def check_potential(spec: PotentialSpec, shape: StateShape, tolerance: float) -> None:
    """The gradient is that of the potential."""
    name, x = name_of(spec), numbers(shape, 1)
    if spec.build(shape) is None:
        return
    call = lambda module, x: shaped(name, module(x), (*x.shape[:-2], 1, x.shape[-1]))  # noqa: E731
    potential = check_module(name, lambda: spec.build(shape), call, (x,), tolerance)
    u = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(potential(u).sum(), u)
    own = shaped(f"{name}.gradient", potential.gradient(x), x.shape)
    require(close(own, gradient, 1e-12), f"{name}: `gradient` is not the gradient of the potential")


def check_distribution(spec: DistributionSpec, shape: StateShape, tolerance: float) -> None:
    """Quantiles ascend, and random numbers follow them."""
    name, count = name_of(spec), 20_000
    drawn = lambda seed, purpose: spec.random((count,), seed, purpose=purpose)  # noqa: E731
    spaced, random = spec.spaced(count), drawn(1, FREQUENCIES)
    require(spaced.dtype == random.dtype == torch.float64, f"{name}: numbers are not float64")
    require(bool((spaced.diff() >= 0).all()), f"{name}: the quantiles do not ascend")
    require(torch.equal(random, drawn(1, FREQUENCIES)), f"{name}: one seed gives two samples")
    require(not torch.equal(random, drawn(2, FREQUENCIES)), f"{name}: two seeds give one sample")
    require(not torch.equal(random, drawn(1, WEIGHTS)), f"{name}: frequencies and weights are one sample")
    share = torch.searchsorted(spaced, random).double().sort().values / count
    apart = float((share - torch.arange(count) / count).abs().max())
    require(apart < 0.02, f"{name}: random numbers do not follow the quantiles (distance {apart:.3f})")


def check_stimulus(spec: StimulusSpec, shape: StateShape, tolerance: float) -> None:
    """The stimulus has the shape of what arrives, or there is none; a drive takes times one by one and for all."""
    name = name_of(spec)

    def call(module: Any, arriving: Tensor) -> Tensor:
        stimulus = module(arriving)
        return torch.zeros_like(arriving) if stimulus is None else shaped(name, stimulus, arriving.shape)

    check_module(name, lambda: spec.build(shape), call, (numbers(shape, 1),), tolerance)
    if spec.build(shape).drive is not None:
        _check_drive(f"{name}: the drive", spec, shape, tolerance)


def _check_drive(name: str, spec: StimulusSpec, shape: StateShape, tolerance: float) -> None:
    x = numbers(shape, 1)
    times = torch.linspace(0.3, 2.9, SAMPLES, dtype=x.dtype).reshape(-1, *(1,) * (x.ndim - 1))
    call = lambda module, t: broadcast(name, module(t), x[: len(t)])  # noqa: E731
    drive = check_module(name, lambda: spec.build(shape).drive, call, (times,), tolerance)
    each = call(drive, times)
    for sample, time in enumerate(times.flatten()):
        for one in (time, float(time)):
            at = broadcast(name, drive(one), x[:1])[0]
            require(close(at, each[sample], 1e-12), f"{name}: a time for all gives another stimulus than one for each")
