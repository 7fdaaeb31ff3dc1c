"""Oscillators and layers that the tests of the dynamics are tried on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from oscillo.couplings import CouplingSpec, GraphCouplingSpec
from oscillo.draws import normal
from oscillo.frequencies import FrequencySpec, NoFrequencySpec
from oscillo.integrators import IntegratorSpec
from oscillo.layout import StateShape
from oscillo.manifolds import SphereSpec
from oscillo.oscillators import Oscillators

SPHERE = SphereSpec().build()


def numbers(*sizes: int, key: int = 0) -> Tensor:
    """Standard normal numbers in float64, the same for the same key."""
    return normal(0, torch.tensor([key]), sizes)[0].double()


def points(*sizes: int, key: int = 0) -> Tensor:
    """Unit vectors [..., component, oscillator] in float64."""
    return SPHERE.spread(numbers(*sizes, key=key))


def population(
    shape: StateShape, coupling: CouplingSpec, frequency: FrequencySpec | None = None, *, project: bool = True
) -> Oscillators:
    """Oscillators in float64."""
    frequency = frequency or NoFrequencySpec()
    oscillators = Oscillators(shape, SphereSpec().build(), frequency.build(shape), coupling.build(shape)).double()
    oscillators.projects = project
    return oscillators


def follow(
    integrator: IntegratorSpec, oscillators: Oscillators, x: Tensor, stimulus: Tensor, *, dt: float, steps: int
) -> list[Tensor]:
    """States 0 .. T of a trajectory, without gradients."""
    step, dt_ = integrator.build().double(), torch.tensor(dt, dtype=x.dtype)
    state = step.begin({"x": x})
    states = [x]
    with torch.no_grad():
        for k in range(steps):
            start = oscillators.evaluate(state, stimulus)
            state = step(oscillators, state, stimulus, k * dt_, dt_, start)
            states.append(state["x"])
    return states


def ring(**more: Any) -> GraphCouplingSpec:
    """A small-world graph whose links come from one seed."""
    return GraphCouplingSpec(generator="watts_strogatz_graph", parameters={"k": 4, "p": 0.3, "seed": 3}, **more)


def angles(x: Tensor) -> Tensor:
    """Phases [sample, oscillator] of unit vectors in the plane."""
    return torch.atan2(x[..., 1, :], x[..., 0, :])


def circle(theta: Tensor) -> Tensor:
    """Unit vectors [sample, 2, oscillator] of phases [sample, oscillator]."""
    return torch.stack((theta.cos(), theta.sin()), dim=-2)
