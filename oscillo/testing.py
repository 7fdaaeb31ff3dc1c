"""Contract tests for components, ours and those of plugins.

`check_component(spec)` builds what a declaration declares and holds it to the contract of its role: it can be written
down and read again, it keeps the layout, gradients are right, float64 stays float64, results do not depend on
the samples beside, and weights can be saved and loaded. A contract that is broken raises `AssertionError` with the
reason. A plugin's own test is one line:

    def test_my_coupling():
        check_component(MyCouplingSpec())
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from oscillo.couplings import ConvolutionCouplingSpec, CouplingSpec, GraphCouplingSpec
from oscillo.draws import normal
from oscillo.frequencies import FrequencySpec, SharedFrequencySpec
from oscillo.integrators import IntegratorSpec
from oscillo.layout import StateShape
from oscillo.manifolds import Manifold, ManifoldSpec, SphereSpec
from oscillo.network import LayerSpec
from oscillo.network.blocks import BlockSpec
from oscillo.network.readouts import ReadoutSpec
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import ComponentSpec, registered
from oscillo.stimuli import StimulusSpec

SAMPLES = 3
"""Samples in the batches that components are tried on."""

SHAPES = (StateShape((3, 4), 4, 8), StateShape((), 4, 12))
"""Shapes tried in this order when none is given: a grid of sites, and a network without sites."""

Operation = Callable[..., Tensor]
"""Maps tensors [sample, ...] to one tensor [sample, ...]."""


def check_component(spec: ComponentSpec, shape: StateShape | None = None, *, tolerance: float = 1e-9) -> None:
    """Hold what a declaration declares to the contract of its role.

    Args:
        spec: the declaration.
        shape: shape of one sample's state, one that the component serves; left out, the first of `SHAPES` that it
            does not object to. A block is given the same number of channels with one component.
        tolerance: how far results in float64 may depend on the samples beside, and gradients on the tolerance of a
            solver; larger than rounding only for adaptive methods.

    Raises:
        AssertionError: naming the component and what it breaks.
        TypeError: when no contract is written for the role.
    """
    check_declaration(spec)
    role = next((role for base, role in ROLES.items() if isinstance(spec, base)), None)
    if role is None:
        raise TypeError(f"no contract is written for the role {spec.role!r}; known: {', '.join(_role_names())}")
    served = _served(spec, role, SHAPES if shape is None else (shape,))
    role.check(spec, served, tolerance)


def check_declaration(spec: ComponentSpec) -> None:
    """A declaration is registered, immutable, explained field by field, and survives JSON."""
    name, cls = _name(spec), type(spec)
    known = registered(cls.role)[cls.role].get(getattr(spec, "kind", ""))
    _require(known is cls, f"{name}: not registered; decorate the class with `@register`")
    _require(bool(cls.model_config.get("frozen")), f"{name}: a declaration is immutable")
    for field, info in cls.model_fields.items():
        _require(field == "kind" or bool(info.description), f"{name}: the field `{field}` has no description")
    _require(bool(cls.__doc__), f"{name}: the class has no docstring, and `explain` shows it")
    again = cls.model_validate_json(spec.model_dump_json())
    _require(again == spec, f"{name}: changes when written to JSON and read again: {again!r}")


def check_manifold(spec: ManifoldSpec, shape: StateShape, tolerance: float) -> None:
    """Projections are idempotent, retraction and exponential end on the manifold, every sample for itself."""
    name, manifold = _name(spec), spec.build()
    shape = shape._replace(components=spec.components)
    raw, force = _numbers(shape, 1), _numbers(shape, 2)
    x = manifold.spread(raw)
    v = manifold.project(x, force)
    operations: dict[str, tuple[Operation, tuple[Tensor, ...]]] = {
        "embed": (manifold.embed, (x,)),
        "project": (manifold.project, (x, force)),
        "retract": (manifold.retract, (raw,)),
        "exponential": (manifold.exponential, (x, v)),
        "spread": (manifold.spread, (raw,)),
    }
    for operation, (call, inputs) in operations.items():
        label = f"{name}.{operation}"
        _require(call(*inputs).shape == raw.shape, f"{label}: gives {_sizes(call(*inputs))} for {_sizes(raw)}")
        _check_operation(label, call, inputs, [], tolerance)
    _check_geometry(name, manifold, x, v, raw)


def _check_geometry(name: str, manifold: Manifold, x: Tensor, v: Tensor, raw: Tensor) -> None:
    drift = manifold.drift(raw)
    _require(drift.shape == (*raw.shape[:-2], 1, raw.shape[-1]), f"{name}.drift: gives {_sizes(drift)}")
    _require(_close(manifold.project(x, v), v, 1e-12), f"{name}.project: changes a tangent vector")
    _require(_close(manifold.retract(x), x, 1e-12), f"{name}.retract: moves a point of the manifold")
    _require(_close(manifold.exponential(x, 0 * v), x, 1e-12), f"{name}.exponential: moves at velocity zero")
    for operation, point in {
        "spread": x, "retract": manifold.retract(raw), "exponential": manifold.exponential(x, v),
    }.items():  # fmt: skip
        _require(float(manifold.drift(point).max()) < 1e-12, f"{name}.{operation}: leaves the manifold")
    h = 1e-6
    moved = (manifold.exponential(x, h * v) - x) / h
    _require(_close(moved, v, 1e-4), f"{name}.exponential: does not leave with the velocity it is given")


def check_frequency(spec: FrequencySpec, shape: StateShape, tolerance: float) -> None:
    """The velocity broadcasts against the state, and is tangent or zero where it says so."""
    name, x = _name(spec), _points(shape)
    call = lambda module, x: _broadcast(name, module(x), x)  # noqa: E731
    module = _check_module(name, lambda: spec.build(shape), call, (x,), tolerance)
    velocity = module(x)
    if module.tangent:
        tangent = SphereSpec().build().project(x, velocity.expand_as(x))
        _require(_close(tangent, velocity, 1e-12), f"{name}: `tangent` is set, and the velocity leaves the sphere")
    if module.vanishes:
        _require(not velocity.any(), f"{name}: `vanishes` is set, and the velocity is not zero")


def check_coupling(spec: CouplingSpec, shape: StateShape, tolerance: float) -> None:
    """The field broadcasts against the state; where `symmetric` is set it is minus the gradient of the energy."""
    name, x, stimulus = _name(spec), _points(shape), _numbers(shape, 3)
    call = lambda module, x, stimulus: _broadcast(name, module(x, stimulus), x)  # noqa: E731
    coupling = _check_module(name, lambda: spec.build(shape), call, (x, stimulus), tolerance)
    u = _numbers(shape, 4).requires_grad_()
    y = call(coupling, u, stimulus)
    energy = _shaped(f"{name}.energy", coupling.energy(u, y), (SAMPLES,))
    if coupling.symmetric:
        (gradient,) = torch.autograd.grad(energy.sum(), u)
        message = "`symmetric` is set, and the field is not minus the gradient of `energy`"
        own = "for -1/2 <x, y + b> it takes a symmetric J that does not depend on x, and b = `constant` as y at x = 0"
        _require(_close(-gradient, y, 1e-9), f"{name}: {message} ({own})")


def check_stimulus(spec: StimulusSpec, shape: StateShape, tolerance: float) -> None:
    """The stimulus has the shape of what arrives."""
    name = _name(spec)
    call = lambda module, arriving: _shaped(name, module(arriving), arriving.shape)  # noqa: E731
    _check_module(name, lambda: spec.build(shape), call, (_numbers(shape, 1),), tolerance)


def check_integrator(spec: IntegratorSpec, shape: StateShape, tolerance: float) -> None:
    """A step ends on the manifold, and a step size per sample does what the same number does for all."""
    name, x, stimulus = _name(spec), _points(shape), _numbers(shape, 3)
    oscillators = _oscillators(shape).double().requires_grad_(False)
    factors = (0.1 * torch.arange(1, SAMPLES + 1, dtype=x.dtype)).reshape(-1, *(1,) * (x.ndim - 1))

    def step(module: Any, x: Tensor, stimulus: Tensor, factors: Tensor) -> Tensor:
        rhs, dt = oscillators.to(x.dtype), module.step_size * factors
        start: Evaluation = rhs.evaluate(x, stimulus)
        return _shaped(name, module(rhs, x, stimulus, 0 * dt, dt, start), x.shape)

    integrator = _check_module(name, spec.build, step, (x, stimulus, factors), tolerance)
    after = step(integrator, x, stimulus, factors).detach()
    _require(float(oscillators.manifold.drift(after).max()) < 1e-12, f"{name}: a step leaves the manifold")
    same = step(integrator, x, stimulus, torch.full_like(factors, 0.2))
    for_all = step(integrator, x, stimulus, torch.tensor(0.2, dtype=x.dtype))
    _require(_close(same, for_all, tolerance), f"{name}: a step size per sample differs from one for all")
    _require(integrator.steps == spec.steps, f"{name}: takes {integrator.steps} steps, and {spec.steps} are declared")
    size = integrator.step_size
    _require(
        _close(size, torch.full_like(size, spec.step_size), 1e-6), f"{name}: the step size is not the declared one"
    )
    _require(size.requires_grad == spec.learn_step_size, f"{name}: `learn_step_size` does not decide what is trained")


def check_readout(spec: ReadoutSpec, shape: StateShape, tolerance: float) -> None:
    """Features have the channels that were announced, whether a layer follows or not."""
    name, x = _name(spec), _points(shape)
    for following in (None, 10):
        channels = spec.channels_out(shape, following)
        call = lambda module, x, n=channels: _shaped(name, module(x), (*x.shape[:-2], n))  # noqa: E731
        _check_module(name, lambda n=channels: spec.build(shape, n), call, (x,), tolerance)


def check_block(spec: BlockSpec, shape: StateShape, tolerance: float) -> None:
    """One step keeps the shape of the features."""
    name, shape = _name(spec), _of_block(shape)
    h, stimulus = (_numbers(shape, key).flatten(-2) for key in (1, 3))
    call = lambda module, h, stimulus: _shaped(name, module(h, stimulus), h.shape)  # noqa: E731
    _check_module(name, lambda: spec.build(shape), call, (h, stimulus), tolerance)


def check_layer(spec: LayerSpec, shape: StateShape, tolerance: float) -> None:
    """A step keeps the state's names and shapes, and tells of a state what `measure` tells of it."""
    name = _name(spec)
    own = spec.shape(shape.sites)
    features, start = _numbers(own, 3).flatten(-2), _numbers(own, 1)

    def run(module: Any, features: Tensor, start: Tensor) -> Tensor:
        stimulus = _shaped(name, module.stimulus_of(features), start.shape)
        before = module.initial_state(start)
        t = torch.zeros_like(module.dt)
        after, nothing = module(before, stimulus, t, module.dt)
        _require(not nothing, f"{name}: measures without being asked to")
        told, measures = module(before, stimulus, t, module.dt, measure=True)
        sizes = [{key: value.shape for key, value in state.items()} for state in (before, after, told)]
        _require(sizes[0] == sizes[1] == sizes[2], f"{name}: a step changes the state from {sizes[0]} to {sizes[1]}")
        _require(_close(told["x"], after["x"], 1e-6), f"{name}: a step that measures goes elsewhere")
        again = module.measure(before, stimulus, t)
        _require(again.keys() == measures.keys(), f"{name}: `measure` tells {set(again)}, a step {set(measures)}")
        for key, value in measures.items():
            _shaped(f"{name}: {key}", value, (len(start),))
            _require(_close(again[key], value, 1e-5), f"{name}: `measure` and a step disagree about {key}")
        return module.readout(after["x"])

    channels = spec.channels_out(shape.sites, None)
    call = lambda module, *inputs: _shaped(name, run(module, *inputs), (*inputs[0].shape[:-1], channels))  # noqa: E731
    _check_module(name, lambda: spec.build(shape.sites, None), call, (features, start), tolerance)


class Role(NamedTuple):
    """What is checked of the components of one role."""

    check: Callable[[Any, StateShape, float], None]
    """Holds a declaration to the contract on one shape."""
    objections: Callable[[Any, StateShape], list[str]]
    """What the declaration's `problems` says about that shape."""


ROLES: dict[type[ComponentSpec], Role] = {
    ManifoldSpec: Role(check_manifold, lambda spec, shape: []),
    FrequencySpec: Role(check_frequency, lambda spec, shape: spec.problems(shape)),
    CouplingSpec: Role(check_coupling, lambda spec, shape: spec.problems(shape)),
    StimulusSpec: Role(check_stimulus, lambda spec, shape: []),
    IntegratorSpec: Role(check_integrator, lambda spec, shape: spec.problems(_oscillators(shape))),
    ReadoutSpec: Role(check_readout, lambda spec, shape: []),
    BlockSpec: Role(check_block, lambda spec, shape: spec.problems(_of_block(shape))),
    LayerSpec: Role(check_layer, lambda spec, shape: [text for _, text in spec.problems(shape.sites)]),
}
"""The contracts, by the class that declares the role."""


def _role_names() -> list[str]:
    return sorted(base.role for base in ROLES)


def _served(spec: ComponentSpec, role: Role, shapes: tuple[StateShape, ...]) -> StateShape:
    objections = {shape: role.objections(spec, shape) for shape in shapes}
    served = [shape for shape, found in objections.items() if not found]
    words = "; ".join(f"{tuple(shape)}: {', '.join(found)}" for shape, found in objections.items())
    _require(bool(served), f"{_name(spec)}: serves no shape that was tried ({words})")
    return served[0]


def _check_module(
    name: str, build: Callable[[], nn.Module], call: Callable[..., Tensor], inputs: tuple[Tensor, ...], tolerance: float
) -> Any:
    """What every module owes, whatever its role; gives the module in float64."""
    module, twin, other = _built(build, 0), _built(build, 0), _built(build, 1)
    single = tuple(tensor.float() for tensor in inputs)
    out = call(module, *single)
    _require(out.dtype == torch.float32, f"{name}: gives {out.dtype} for float32")
    _require(torch.equal(call(module, *single), out), f"{name}: gives two results for one input")
    _require(torch.equal(call(twin, *single), out), f"{name}: two modules from one torch seed differ")
    other.load_state_dict(module.state_dict())
    _require(torch.equal(call(other, *single), out), f"{name}: does not come back from its state_dict")
    module.double()
    precise = call(module, *inputs)
    _require(precise.dtype == torch.float64, f"{name}: gives {precise.dtype} for float64")
    _require(_close(out.double(), precise, max(1e-4, tolerance)), f"{name}: float32 and float64 disagree")
    parameters = [(key, value) for key, value in module.named_parameters() if value.requires_grad]
    _check_operation(name, lambda *tensors: call(module, *tensors), inputs, parameters, tolerance)
    return module


def _check_operation(
    name: str, call: Operation, inputs: tuple[Tensor, ...], parameters: list[tuple[str, nn.Parameter]], tolerance: float
) -> None:
    """Finite, blind to the samples beside, with gradients that agree with differences."""
    out = call(*inputs)
    _require(bool(torch.isfinite(out).all()), f"{name}: gives numbers that are not finite")
    for sample in range(len(out)):
        alone = call(*(tensor[sample : sample + 1] for tensor in inputs))
        _require(_close(alone[0], out[sample], tolerance), f"{name}: a sample depends on the samples beside it")
    turned = call(*(tensor.flip(0) for tensor in inputs)).flip(0)
    _require(_close(turned, out, tolerance), f"{name}: a sample depends on its place in the batch")
    leaves = [(f"input {number}", tensor.clone().requires_grad_()) for number, tensor in enumerate(inputs)]
    weights = _like(out, 7)
    total = lambda: (call(*(leaf for _, leaf in leaves)) * weights).sum()  # noqa: E731
    value = total()
    if not value.requires_grad:
        _require(not parameters, f"{name}: no gradient reaches the parameters")
        return
    named = leaves + parameters
    gradients = torch.autograd.grad(value, [leaf for _, leaf in named], allow_unused=True)
    known = {key for key, _ in parameters}
    for (key, leaf), gradient in zip(named, gradients, strict=True):
        _require(gradient is not None or key not in known, f"{name}: no gradient reaches the parameter {key}")
        gradient = torch.zeros_like(leaf) if gradient is None else gradient
        _require(bool(torch.isfinite(gradient).all()), f"{name}: the gradient of {key} is not finite")
        _check_direction(f"{name}: the gradient of {key}", total, leaf, gradient, max(1e-5, tolerance))


@torch.no_grad()
def _check_direction(label: str, total: Callable[[], Tensor], leaf: Tensor, gradient: Tensor, tolerance: float) -> None:
    h, direction, kept = 1e-6, _like(leaf, 8), leaf.clone()
    leaf.copy_(kept + h * direction)
    ahead = float(total())
    leaf.copy_(kept - h * direction)
    behind = float(total())
    leaf.copy_(kept)
    slope, expected = (ahead - behind) / (2 * h), float((gradient * direction).sum())
    close = abs(slope - expected) <= tolerance * (1 + abs(slope))
    _require(close, f"{label} is {expected:.6g} along a direction where differences give {slope:.6g}")


def _oscillators(shape: StateShape) -> Oscillators:
    """Turning, symmetrically coupled oscillators for an integrator to be tried on."""
    coupling = ConvolutionCouplingSpec(symmetric=True) if shape.sites else GraphCouplingSpec(generator="cycle_graph")
    frequency = SharedFrequencySpec(init=0.5)
    build = lambda: Oscillators(shape, SphereSpec().build(), frequency.build(shape), coupling.build(shape))  # noqa: E731
    return _built(build, 2)


def _built(build: Callable[[], Any], seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _of_block(shape: StateShape) -> StateShape:
    return StateShape(shape.sites, 1, shape.channels)


def _numbers(shape: StateShape, key: int) -> Tensor:
    """Normal numbers [sample, *sites, component, oscillator], float64."""
    sizes = (*shape.sites, shape.components, shape.oscillators)
    return normal(0, torch.arange(SAMPLES), sizes, purpose=key).double()


def _like(tensor: Tensor, key: int) -> Tensor:
    return normal(0, torch.zeros(1, dtype=torch.int64), tuple(tensor.shape), purpose=key)[0].to(tensor.dtype)


def _points(shape: StateShape) -> Tensor:
    return SphereSpec().build().spread(_numbers(shape, 1))


def _broadcast(name: str, out: Tensor, like: Tensor) -> Tensor:
    fits = out.ndim <= like.ndim and all(
        n in (1, m) for n, m in zip(reversed(out.shape), reversed(like.shape), strict=False)
    )
    _require(fits, f"{name}: gives {_sizes(out)}, which does not broadcast against {_sizes(like)}")
    return out.expand(like.shape)


def _shaped(name: str, out: Tensor, sizes: tuple[int, ...]) -> Tensor:
    _require(tuple(out.shape) == tuple(sizes), f"{name}: gives {_sizes(out)} in place of {list(sizes)}")
    return out


def _sizes(tensor: Tensor) -> list[int]:
    return list(tensor.shape)


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return bool(((a - b).abs() <= tolerance * (1 + b.abs().max())).all())


def _name(spec: ComponentSpec) -> str:
    return f"{spec.role} {getattr(spec, 'kind', type(spec).__name__)!r}"


def _require(fulfilled: bool, complaint: str) -> None:
    if not fulfilled:
        raise AssertionError(complaint)
