"""Layers of oscillators declared in a few words, in float64, what they do, and what they ought to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from oscillo.draws import normal
from oscillo.integrators.loop import Noise, advance
from oscillo.layout import State
from oscillo.network import OscillatorLayerSpec
from oscillo.network.oscillator_layer import OscillatorLayer

MANIFOLDS: dict[str, dict[str, Any]] = {
    "circle": {"manifold": {"kind": "circle"}},
    "sphere_2": {"manifold": {"kind": "sphere", "dimension": 2}},
    "sphere_4": {"manifold": {"kind": "sphere", "dimension": 4}},
    "plane": {"manifold": {"kind": "plane"}, "potential": {"kind": "quartic", "mu": 0.8, "saturation": 0.6}},
    "euclidean": {
        "manifold": {"kind": "euclidean", "dimension": 2}, "potential": {"kind": "harmonic", "stiffness": 1.3},
    },
}  # fmt: skip
"""Every manifold, with what holds the amplitude where nothing else does."""

FREQUENCIES = {"kind": "per_oscillator", "init": [0.9, -0.4, 0.3, 0.1]}
INERTIA = {"mass": [0.8, 1.0, 1.2, 0.9], "damping": 0.4}
SINE = {"kind": "sine", "amplitude": [0.7, 0.4, 0.0, 0.5], "frequency": 2.0, "phase": 0.3}


def layer_of(declaration: dict[str, Any], *, dtype: torch.dtype = torch.float64, seed: int = 0) -> OscillatorLayer:
    """The layer of a declaration, without sites; its numbers are rounded to the type and no further."""
    free = {"stimulus": {"kind": "none"}, "readout": {"kind": "state"}, "oscillators": 4}
    spec = OscillatorLayerSpec.model_validate(free | declaration)
    problems = spec.problems(())
    assert not problems, problems
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(seed)
        return spec.build((), None).requires_grad_(False)
    finally:
        torch.set_default_dtype(before)


def population_on(manifold: str, *, inertia: bool = False, **more: Any) -> dict[str, Any]:
    """A declaration of four coupled oscillators with frequencies, without an integrator."""
    weight = {"kind": "normal", "deviation": 1.0}
    declaration = MANIFOLDS[manifold] | {
        "coupling": {"kind": "dense", "distribution": weight, "seed": 6}, "frequency": FREQUENCIES,
    }  # fmt: skip
    if manifold == "plane":
        declaration["frequency"] = FREQUENCIES | {"shear": 0.5}
    if manifold == "euclidean":
        declaration["activation"] = "tanh"
    return declaration | ({"inertia": INERTIA} if inertia else {}) | more


def normals(layer: OscillatorLayer, samples: int, *, key: int = 0) -> Tensor:
    """Standard normal numbers of the shape of the layer's states, the same for the same key."""
    sizes = (layer.shape.components, layer.shape.oscillators)
    return normal(7, torch.arange(samples), sizes, purpose=key).to(layer.dt.dtype)


def start(layer: OscillatorLayer, samples: int = 2, *, key: int = 0) -> State:
    """A state to start from, with velocities where there is inertia."""
    x = layer.spread(normals(layer, samples, key=key))
    return layer.initial_state(x, 0.5 * normals(layer, samples, key=key + 1))


@torch.no_grad()
def last(layer: OscillatorLayer, state: State, steps: int, noise: Noise | None = None) -> State:
    """The state after so many steps."""
    return advance(layer, state, None, steps=steps, dt=layer.dt, noise=noise)


def whereabouts(state: State) -> Tensor:
    """Angles with their whole turns or other states x, and velocities behind them, [sample, number]."""
    x = state["x"] + 2 * math.pi * state["winding"].double() if "winding" in state else state["x"]
    return torch.cat([part.flatten(1) for part in (x, state.get("v")) if part is not None], dim=1)


def slopes(layer: OscillatorLayer, state: State) -> Callable[[float, np.ndarray], np.ndarray]:
    """The right-hand side as a function of numbers in a row, for solvers of others."""
    names = [name for name in ("x", "v") if name in state]
    shape, size = state["x"].shape, state["x"].numel()

    def rates(t: float, row: np.ndarray) -> np.ndarray:
        parts = torch.from_numpy(row.reshape(len(names), size)).to(state["x"].dtype)
        here = {name: part.reshape(shape) for name, part in zip(names, parts, strict=True)}
        found = layer.oscillators.evaluate(here, None, torch.tensor(t, dtype=torch.float64)).rates
        return np.concatenate([found[name].expand(shape).flatten().numpy() for name in names])

    return rates


@torch.no_grad()
def true(layer: OscillatorLayer, state: State, until: float, tolerance: float = 3e-14) -> Tensor:
    """Whereabouts at a time by scipy's DOP853, which knows nothing of our integrators."""
    names = [name for name in ("x", "v") if name in state]
    row = torch.cat([state[name].flatten() for name in names]).double().numpy()
    solved = solve_ivp(slopes(layer, state), (0.0, until), row, "DOP853", rtol=tolerance, atol=tolerance / 10)
    assert solved.success, solved.message
    parts = torch.from_numpy(solved.y[:, -1].copy()).reshape(len(names), len(state["x"]), -1)
    return torch.cat(list(parts), dim=1)
