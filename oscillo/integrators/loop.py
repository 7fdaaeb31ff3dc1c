"""The one loop: every trajectory, trained or simulated, of oscillators or of blocks, is made here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from oscillo.layout import State

Measures = dict[str, Tensor]
"""Numbers measured at one state, such as `energy` [sample]."""

Observer = Callable[[int, State, Measures], None]
"""Called with the step number 0 .. T, the state at that step, and what was measured there."""


class Stepping(Protocol):
    """What the loop needs of a layer."""

    def __call__(
        self, state: State, stimulus: Tensor, t: Tensor, dt: Tensor, noise: State | None = None, measure: bool = False
    ) -> tuple[State, Measures]:
        """State after one step, and the measures of the state it started from."""
        ...

    def measure(self, state: State, stimulus: Tensor, t: Tensor) -> Measures:
        """What an observer is told about a state."""
        ...


def advance(
    layer: Stepping, state: State, stimulus: Tensor, *, steps: int, dt: Tensor,
    observe: Observer | None = None, recompute_every: int = 0,
) -> State:  # fmt: skip
    """Take `steps` steps from t = 0 and return the last state.

    Args:
        layer: what steps.
        state: state at t = 0; every tensor is [sample, ...].
        stimulus: what comes from outside, constant over the steps.
        steps: number of steps T.
        dt: step size, a scalar or [sample, 1, ...].
        observe: told the states and measures of steps 0 .. T, in order.
        recompute_every: when positive, only every such state is kept for the backward pass and the steps between
            are computed again there (Chen et al. 2016): less memory, one more forward pass.
    """
    if observe is None and recompute_every and torch.is_grad_enabled():
        for first in range(0, steps, recompute_every):
            segment = range(first, min(first + recompute_every, steps))
            state = checkpoint(_plain, layer, state, stimulus, dt, segment, use_reentrant=False)  # pyright: ignore[reportAssignmentType]
        return state
    if observe is None:
        return _plain(layer, state, stimulus, dt, range(steps))
    t = torch.zeros_like(dt)
    for k in range(steps):
        t = k * dt
        following, measures = layer(state, stimulus, t, dt, measure=True)
        observe(k, state, measures)
        state = following
    observe(steps, state, layer.measure(state, stimulus, steps * dt))
    return state


def _plain(layer: Stepping, state: State, stimulus: Tensor, dt: Tensor, steps: range) -> State:
    for k in steps:
        state, _ = layer(state, stimulus, k * dt, dt)
    return state
