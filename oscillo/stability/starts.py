"""Random states to look for fixed points from."""

from __future__ import annotations

from dataclasses import replace

import torch

from oscillo.draws import Draws
from oscillo.network.layer import Layer
from oscillo.stability.system import System


def random_starts(system: System, count: int, *, seed: int = 0, radius: float = 1.0, speed: float = 0.0) -> System:
    """Many samples of the system's first one, at random states spread evenly over the manifold.

    Args:
        system: of a network, whose parameters and stimulus they get; its state gives the shape.
        count: how many.
        seed: of the draws; a larger count with the same seed has the same samples first.
        radius: where the manifold has no end, that of the ball they are spread over.
        speed: with inertia, the standard deviation of each component of the velocities; 0 starts them at rest.

    Raises:
        ValueError: when there is nothing to take the shape from, none are wanted, or the layer does not know how states
            are spread.
    """
    layer, x = system.layer, system.state["x"]
    if not system.samples or count < 1:
        raise ValueError(f"{count} starts of {system.samples} samples are wanted; take one of each or more")
    if not isinstance(layer, Layer):
        raise ValueError("a function that steps does not say where its states live; give the states to start from")
    same = system.at(torch.zeros(count, dtype=torch.int64, device=x.device))
    draws, shape = Draws(seed, torch.arange(count, device=x.device)), tuple(x.shape[1:])
    start = layer.spread(draws.normal(shape).to(x.dtype))
    oscillators = getattr(layer, "oscillators", None)
    if radius != 1 and oscillators is not None and not oscillators.manifold.winds:
        start = oscillators.manifold.retract(radius * start)
    v = speed * draws.normal(shape, purpose=1).to(x.dtype) if "v" in system.state else None
    chosen = same.layer
    assert isinstance(chosen, Layer)
    return replace(same, state=chosen.initial_state(start, v))
