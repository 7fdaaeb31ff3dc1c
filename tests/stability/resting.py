"""Networks whose fixed points are looked for, and a search of all of them by other means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import oscillo
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.stability.starts import random_starts
from oscillo.stability.system import System


def network(layer: dict[str, Any], sites: tuple[int, ...] = (), *, count: int = 1, **draws: Any) -> System:
    """Random states of one layer in the default precision, under what acts on it from outside."""
    declared = {"stimulus": {"kind": "none"}, "readout": {"kind": "state"}} | layer
    built = oscillo.build({"sites": list(sites), "layers": [declared]}).to(torch.get_default_dtype())
    one = built.layers[0]
    assert isinstance(one, OscillatorLayer)
    shape = one.shape
    x = torch.zeros(1, *shape.sites, shape.components, shape.oscillators)
    stimulus = one.stimulus_of(torch.zeros(1, *one.seen.sites, one.seen.channels))
    system = System(one, one.initial_state(one.spread(x + 0.1)), one.dt.detach(), stimulus)
    return random_starts(system, count, **draws)


def kuramoto(omega: list[float], coupling: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A layer of phases."""
    frequency = {"kind": "per_oscillator", "init": omega}
    integrator = {"kind": "rk4", "step_size": 0.05}
    return {
        "manifold": {"kind": "circle"}, "oscillators": len(omega), "frequency": frequency, "coupling": coupling,
        "integrator": integrator,
    } | more  # fmt: skip


def ring(n: int, **more: Any) -> dict[str, Any]:
    """n identical phases, each coupled to its two neighbours."""
    return kuramoto([0.0] * n, {"kind": "graph", "generator": "cycle_graph", "parameters": {"n": n}}, **more)


def matrix(weights: np.ndarray, folder: Path) -> dict[str, Any]:
    """A coupling by a matrix."""
    file = folder / "weights.npy"
    np.save(file, weights)
    return {"kind": "dense", "weights": str(file)}


def all_locked(omega: np.ndarray, weights: np.ndarray, points: int) -> np.ndarray:
    """All phase-locked states of omega_i + sum_j W_ij sin(theta_j - theta_i), [state, oscillator], with theta_0 = 0.

    By Newton's method in the differences from the first phase, from every point of a grid; no code is shared with what
    is tested.
    """
    n = len(omega)
    axes = np.meshgrid(*[np.linspace(-np.pi, np.pi, points, endpoint=False) + 0.1] * (n - 1), indexing="ij")
    theta = np.concatenate([np.zeros((axes[0].size, 1)), np.stack([axis.ravel() for axis in axes], axis=1)], axis=1)
    for _ in range(60):
        apart = theta[:, None, :] - theta[:, :, None]
        speed = omega + (weights * np.sin(apart)).sum(axis=2)
        slope = weights * np.cos(apart)
        slope = slope - np.eye(n) * slope.sum(axis=2)[:, :, None]
        gap = speed[:, 1:] - speed[:, :1]
        inner = (slope[:, 1:] - slope[:, :1])[:, :, 1:]
        step = np.stack([np.linalg.lstsq(a, -b, rcond=1e-10)[0] for a, b in zip(inner, gap, strict=True)])
        step *= np.minimum(1, 0.7 / np.abs(step).max(axis=1, keepdims=True).clip(1e-300))
        theta[:, 1:] += step
    theta = np.angle(np.exp(1j * theta[np.abs(gap).max(axis=1) < 1e-10]))
    kept: list[np.ndarray] = []
    for one in theta:
        if not any(np.abs(np.angle(np.exp(1j * (one - other)))).max() < 1e-5 for other in kept):
            kept.append(one)
    return np.array(kept).reshape(-1, n)


def from_first(x: Tensor) -> np.ndarray:
    """Phases relative to the first one, [oscillator]."""
    theta = x.reshape(-1).numpy()
    return np.angle(np.exp(1j * (theta - theta[0])))


def same_states(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two sets of phases [state, oscillator] are the same up to order."""
    if one.shape != other.shape:
        return False
    apart = np.abs(np.angle(np.exp(1j * (one[:, None] - other[None])))).max(axis=2)
    return bool((apart.min(axis=1) < 1e-5).all() and (apart.min(axis=0) < 1e-5).all())


def twisted(system: System, q: list[int]) -> System:
    """A ring's states of q whole turns, one for each."""
    n = system.state["x"].shape[-1]
    many = system.at(torch.zeros(len(q), dtype=torch.int64))
    x = 2 * torch.pi * torch.tensor(q)[:, None, None] * torch.arange(n) / n
    layer = many.layer
    assert isinstance(layer, OscillatorLayer)
    return System(layer, layer.initial_state(x.to(many.state["x"])), many.dt, many.stimulus)
