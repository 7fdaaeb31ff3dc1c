"""Contracts of what steps and what reads out: integrators, layers, blocks and readouts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from oscillo.couplings import ConvolutionCouplingSpec, GraphCouplingSpec
from oscillo.frequencies import NoFrequencySpec, SharedFrequencySpec
from oscillo.integrators import IntegratorSpec
from oscillo.layout import State, StateShape
from oscillo.manifolds import SphereSpec
from oscillo.network import LayerSpec
from oscillo.network.blocks import BlockSpec
from oscillo.network.readouts import ReadoutSpec
from oscillo.oscillators import Evaluation, Extras, Inertia, Oscillators
from oscillo.testing.modules import (
    SAMPLES,
    built,
    check_module,
    close,
    name_of,
    numbers,
    of_block,
    points,
    require,
    shaped,
)


def check_integrator(spec: IntegratorSpec, shape: StateShape, tolerance: float) -> None:
    """A step ends on the manifold, and a step size per sample does what the same number does for all."""
    name = name_of(spec)
    for oscillators in _populations(shape, spec):
        integrator = _check_steps(name, spec, oscillators, tolerance)
    require(integrator.steps == spec.steps, f"{name}: takes {integrator.steps} steps, and {spec.steps} are declared")
    size = integrator.step_size
    require(close(size, torch.full_like(size, spec.step_size), 1e-6), f"{name}: the step size is not the declared one")
    require(size.requires_grad == spec.learn_step_size, f"{name}: `learn_step_size` does not decide what is trained")


def _check_steps(name: str, spec: IntegratorSpec, oscillators: Oscillators, tolerance: float) -> Any:
    """Steps of some oscillators; gives the integrator."""
    shape, manifold = oscillators.shape, oscillators.manifold
    factors = (0.1 * torch.arange(1, SAMPLES + 1, dtype=torch.float64)).reshape(-1, *(1,) * (len(shape.sites) + 2))
    inputs = [points(shape), numbers(shape, 3)]
    if oscillators.inertia is not None:
        inputs.append(numbers(shape, 4))
    if oscillators.diffusion is not None:
        inputs.append(numbers(shape, 5))

    def step(module: Any, dt: Tensor, x: Tensor, stimulus: Tensor, *more: Tensor) -> State:
        rhs, rest = oscillators.to(x.dtype), list(more)
        state = {"x": x} if rhs.inertia is None else {"x": x, "v": manifold.transport(x, rest.pop(0))}
        state = module.begin(state)
        start: Evaluation = rhs.evaluate(state, stimulus)
        after = module(rhs, state, stimulus, 0 * dt, dt, start, *rest)
        require(after.keys() == state.keys(), f"{name}: a step takes {set(state)} and gives {set(after)}")
        for key, value in after.items():
            shaped(f"{name}: {key}", value, state[key].shape)
        return after

    def moved(module: Any, factors: Tensor, *inputs: Tensor) -> Tensor:
        after = step(module, module.step_size * factors, *inputs)
        return torch.cat([after[key] for key in ("x", "v") if key in after], dim=-2)

    integrator = check_module(name, spec.build, moved, (factors, *inputs), tolerance)
    after = step(integrator, integrator.step_size.detach() * factors, *inputs)
    require(float(manifold.drift(after["x"]).max()) < 1e-12, f"{name}: a step leaves the manifold")
    if "v" in after:
        tangent = manifold.transport(after["x"], after["v"])
        require(close(tangent, after["v"], 1e-12), f"{name}: a step ends with a velocity that is not tangent")
    same = moved(integrator, torch.full_like(factors, 0.2), *inputs)
    for_all = moved(integrator, torch.tensor(0.2, dtype=factors.dtype), *inputs)
    require(close(same, for_all, tolerance), f"{name}: a step size per sample differs from one for all")
    return integrator


def check_readout(spec: ReadoutSpec, shape: StateShape, tolerance: float) -> None:
    """Features have the channels that were announced, whether a layer follows or not."""
    name, x = name_of(spec), points(shape)
    for following in (None, 10):
        channels = spec.channels_out(shape, following)
        call = lambda module, x, n=channels: shaped(name, module(x), (*x.shape[:-2], n))  # noqa: E731
        check_module(name, lambda n=channels: spec.build(shape, n), call, (x,), tolerance)


def check_block(spec: BlockSpec, shape: StateShape, tolerance: float) -> None:
    """One step keeps the shape of the features."""
    name, shape = name_of(spec), of_block(shape)
    h, stimulus = (numbers(shape, key).flatten(-2) for key in (1, 3))
    call = lambda module, h, stimulus: shaped(name, module(h, stimulus), h.shape)  # noqa: E731
    check_module(name, lambda: spec.build(shape), call, (h, stimulus), tolerance)


def check_layer(spec: LayerSpec, shape: StateShape, tolerance: float) -> None:
    """A step keeps the state's names and shapes, and tells of a state what `measure` tells of it."""
    name = name_of(spec)
    own, seen = spec.shape(shape.sites), spec.seen(shape.sites)
    features, start = numbers(seen, 3).flatten(-2), numbers(own, 1)

    def run(module: Any, features: Tensor, start: Tensor) -> Tensor:
        stimulus = module.stimulus_of(features)
        if stimulus is not None:
            shaped(name, stimulus, (*features.shape[:-1], seen.components, seen.oscillators))
        before = module.initial_state(start)
        t = torch.zeros_like(module.dt)
        noise = {"normals": start} if module.is_noisy else None
        after, nothing = module(before, stimulus, t, module.dt, noise)
        require(not nothing, f"{name}: measures without being asked to")
        told, measures = module(before, stimulus, t, module.dt, noise, measure=True)
        sizes = [{key: value.shape for key, value in state.items()} for state in (before, after, told)]
        require(sizes[0] == sizes[1] == sizes[2], f"{name}: a step changes the state from {sizes[0]} to {sizes[1]}")
        require(close(told["x"], after["x"], 1e-6), f"{name}: a step that measures goes elsewhere")
        again = module.measure(before, stimulus, t)
        require(again.keys() == measures.keys(), f"{name}: `measure` tells {set(again)}, a step {set(measures)}")
        for key, value in measures.items():
            shaped(f"{name}: {key}", value, (len(start),))
            require(close(again[key], value, 1e-5), f"{name}: `measure` and a step disagree about {key}")
        return module.read(after)

    channels = spec.channels_out(shape.sites, None)
    call = lambda module, *inputs: shaped(name, run(module, *inputs), (*inputs[0].shape[:-1], channels))  # noqa: E731
    check_module(name, lambda: spec.build(shape.sites, None), call, (features, start), tolerance)


def _populations(shape: StateShape, spec: IntegratorSpec) -> list[Oscillators]:
    """Symmetrically coupled oscillators for an integrator to be tried on: those of a few that it serves, in float64."""
    coupling = ConvolutionCouplingSpec(symmetric=True) if shape.sites else GraphCouplingSpec(generator="cycle_graph")
    turning, still = SharedFrequencySpec(init=0.5), NoFrequencySpec()
    heavy = lambda: Inertia(torch.tensor(2.0), torch.tensor(0.5))  # noqa: E731
    noise = torch.tensor(0.3)
    tried = [
        (turning, Extras()), (still, Extras()), (turning, Extras(inertia=heavy())),
        (turning, Extras(diffusion=noise)), (turning, Extras(diffusion=noise, inertia=heavy())),
    ]  # fmt: skip
    served, objections = [], []
    for frequency, extras in tried:
        build = lambda f=frequency, e=extras: Oscillators(  # noqa: E731
            shape, SphereSpec().build(), f.build(shape), coupling.build(shape), e
        )
        oscillators = built(build, 2).double().requires_grad_(False)
        found = spec.problems(oscillators)
        objections += found
        if not found:
            served.append(oscillators)
    require(bool(served), f"{name_of(spec)}: serves no oscillators that were tried ({'; '.join(objections)})")
    return served
