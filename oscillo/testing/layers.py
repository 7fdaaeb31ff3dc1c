"""Contracts of what steps and what reads out: integrators, layers, blocks and readouts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from oscillo.couplings import ConvolutionCouplingSpec, GraphCouplingSpec
from oscillo.frequencies import NoFrequencySpec, SharedFrequencySpec
from oscillo.integrators import Integrator, IntegratorSpec
from oscillo.layout import State, StateShape
from oscillo.manifolds import SphereSpec
from oscillo.network import LayerSpec
from oscillo.network.blocks import BlockSpec
from oscillo.network.readouts import ReadoutSpec
from oscillo.oscillators import Extras, Inertia, Oscillators
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
    name, populations = name_of(spec), _populations(shape, spec)
    factors = (0.1 * torch.arange(1, SAMPLES + 1, dtype=torch.float64)).reshape(-1, *(1,) * (len(shape.sites) + 2))

    def moved(module: Any, factors: Tensor, *inputs: Tensor) -> Tensor:
        return _moved(_stepped(name, populations[0], module, module.step_size * factors, *inputs))

    integrator = check_module(name, spec.build, moved, (factors, *_inputs(populations[0])), tolerance)
    for oscillators in populations:
        _check_step(name, oscillators, integrator, factors, tolerance)
    require(integrator.steps == spec.steps, f"{name}: takes {integrator.steps} steps, and {spec.steps} are declared")
    size = integrator.step_size
    require(close(size, torch.full_like(size, spec.step_size), 1e-6), f"{name}: the step size is not the declared one")
    require(size.requires_grad == spec.learn_step_size, f"{name}: `learn_step_size` does not decide what is trained")


@torch.no_grad()
def _check_step(name: str, oscillators: Oscillators, integrator: Integrator, factors: Tensor, tolerance: float) -> None:
    """A step of some oscillators ends on the manifold, with step sizes and samples each for itself."""
    inputs, manifold, dt = _inputs(oscillators), oscillators.manifold, integrator.step_size * factors
    after = _stepped(name, oscillators, integrator, dt, *inputs)
    require(float(manifold.drift(after["x"]).max()) < 1e-12, f"{name}: a step leaves the manifold")
    if "v" in after:
        tangent = manifold.transport(after["x"], after["v"])
        require(close(tangent, after["v"], 1e-12), f"{name}: a step ends with a velocity that is not tangent")
    for sample in range(SAMPLES):
        one = slice(sample, sample + 1)
        alone = _stepped(name, oscillators, integrator, dt[one], *(tensor[one] for tensor in inputs))
        require(
            close(_moved(alone), _moved(after)[one], tolerance), f"{name}: a sample depends on the samples beside it"
        )
    same = _stepped(name, oscillators, integrator, dt[1:2].expand_as(dt), *inputs)
    for_all = _stepped(name, oscillators, integrator, dt[1].reshape(()), *inputs)
    agree = close(_moved(same), _moved(for_all), tolerance)
    require(agree, f"{name}: a step size per sample differs from one for all")


def _inputs(oscillators: Oscillators) -> list[Tensor]:
    """x and stimulus; velocities where there is inertia, and the numbers of the noise where there is noise."""
    keys = (3, *((4,) if oscillators.inertia is not None else ()), *((5,) if oscillators.diffusion is not None else ()))
    return [points(oscillators.shape), *(numbers(oscillators.shape, key) for key in keys)]


def _stepped(name: str, oscillators: Oscillators, integrator: Integrator, dt: Tensor, *inputs: Tensor) -> State:
    """State after a step; the oscillators take the type of the inputs."""
    x, stimulus, *rest = inputs
    oscillators.to(x.dtype)
    state = {"x": x}
    if oscillators.inertia is not None:
        state["v"] = oscillators.manifold.transport(x, rest.pop(0))
    state = integrator.begin(state)
    after = integrator(oscillators, state, stimulus, 0 * dt, dt, oscillators.evaluate(state, stimulus), *rest)
    require(after.keys() == state.keys(), f"{name}: a step takes {set(state)} and gives {set(after)}")
    for key, value in after.items():
        shaped(f"{name}: {key}", value, state[key].shape)
    return after


def _moved(state: State) -> Tensor:
    """What of a state moves, as one tensor."""
    return torch.cat([state[key] for key in ("x", "v") if key in state], dim=-2)


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
    """A step keeps the state's names and shapes, and itself as it was, and tells of it what `measure` tells."""
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
        kept = {key: value.clone() for key, value in before.items()}
        after, nothing = module(before, stimulus, t, module.dt, noise, spent=False)
        require(not nothing, f"{name}: measures without being asked to")
        same = all(value.equal(before[key]) for key, value in kept.items())
        require(same, f"{name}: a step writes to the state that it starts from")
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
        (turning, Extras()), (turning, Extras(inertia=heavy())), (turning, Extras(diffusion=noise)),
        (turning, Extras(diffusion=noise, inertia=heavy())), (still, Extras()),
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
