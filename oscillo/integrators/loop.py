"""The one loop: every trajectory, trained or simulated, of oscillators or of blocks, is made here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from oscillo.layout import State

Measures = dict[str, Tensor]
"""Numbers measured at one state, such as `energy` [sample]."""

Observer = Callable[[int, State, Measures], None]
"""Called with the step number 0 .. T, the state at that step, and what was measured there."""

Noise = Callable[[int], State]
"""Gives what disturbs the state at the end of a step, by the number of the step."""


class Unrolling(NamedTuple):
    """How a trajectory is taken for the backward pass."""

    lead_in: int = 0
    """Steps taken first and without gradient, besides the others. Training behind a lead-in of a random length teaches
    a network to go on from wherever it stands, so that it bears more steps at test time (Bansal et al. 2022)."""
    recompute_every: int = 0
    """When positive, only every such state is kept for the backward pass and the steps between are computed again
    there (Chen et al. 2016): less memory, one more forward pass."""
    path_noise: float = 0.0
    """Standard deviation of the normal numbers that are added to the state after every step, before it goes back to
    where states live: a network that is trained so learns to come back to its way."""


PLAIN = Unrolling()
"""No lead-in, every state is kept, and nothing is added."""


class Stepping(Protocol):
    """What the loop needs of a layer."""

    def __call__(
        self, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor, noise: State | None = None,
        measure: bool = False, *, spent: bool = False,
    ) -> tuple[State, Measures]:  # fmt: skip
        """State after one step, and the measures of the state it started from.

        A state that is `spent` is needed by nobody any more, no gradient either: its memory may become that of the
        next one.
        """
        ...

    def measure(self, state: State, stimulus: Tensor | None, t: Tensor) -> Measures:
        """What an observer is told about a state."""
        ...


def advance(
    layer: Stepping, state: State, stimulus: Tensor | None, *, steps: int, dt: Tensor,
    observe: Observer | None = None, unrolling: Unrolling = PLAIN, noise: Noise | None = None,
) -> State:  # fmt: skip
    """Take `steps` steps, from t = 0 or from the end of the lead-in, and return the last state.

    Args:
        layer: what steps.
        state: state at t = 0; every tensor is [sample, ...].
        stimulus: what comes from outside, constant over the steps.
        steps: number of steps T.
        dt: step size, a scalar or [sample, 1, ...].
        observe: told the states and measures of the steps from the first to the last, in order.
        unrolling: lead-in and gradient checkpointing.
        noise: what disturbs the states, lead-in included; it has to give the same for the same step.
    """
    first, end = unrolling.lead_in, unrolling.lead_in + steps
    if first:
        with torch.no_grad():
            state = plain_steps(layer, state, stimulus, dt, range(first), noise)
    if observe is not None:
        state = observed_steps(layer, state, stimulus, dt, range(first, end), observe, noise)
        observe(end, state, layer.measure(state, stimulus, time_of(end, dt)))
        return state
    if not (unrolling.recompute_every and torch.is_grad_enabled()):
        return plain_steps(layer, state, stimulus, dt, range(first, end), noise)
    for k in range(first, end, unrolling.recompute_every):
        segment = range(k, min(k + unrolling.recompute_every, end))
        state = checkpoint(plain_steps, layer, state, stimulus, dt, segment, noise, use_reentrant=False)  # pyright: ignore[reportAssignmentType]
    return state


def observed_steps(
    layer: Stepping, state: State, stimulus: Tensor | None, dt: Tensor, steps: range, observe: Observer,
    noise: Noise | None = None, measured: Callable[[int], bool] = lambda k: True,
) -> State:  # fmt: skip
    """Take some steps in a row and tell every state they start from, with its measures; the last state is returned.

    An observer may keep any state, so none is spent. Where a step is not to be `measured` there are no measures.
    """
    for k in steps:
        following, measures = layer(state, stimulus, time_of(k, dt), dt, noise and noise(k), measure=measured(k))
        observe(k, state, measures)
        state = following
    return state


def plain_steps(
    layer: Stepping, state: State, stimulus: Tensor | None, dt: Tensor, steps: range, noise: Noise | None = None,
    *, spent: bool = False,
) -> State:  # fmt: skip
    """Take some steps in a row and return the last state.

    Where no gradient needs the states between, each may be written over: the past that delays need is copied once,
    and not at every step.

    Args:
        layer: what steps.
        state: to start from.
        stimulus: what comes from outside.
        dt: step size.
        steps: numbers of the steps.
        noise: what disturbs the states.
        spent: whether nobody needs the first state any more, either, so that not even that one is copied.
    """
    passing = not torch.is_grad_enabled()
    if passing and not spent:
        state = {name: value.clone() for name, value in state.items()}
    for k in steps:
        state, _ = layer(state, stimulus, time_of(k, dt), dt, noise and noise(k), spent=passing)
    return state


def time_of(k: int, dt: Tensor) -> Tensor:
    """Time at the beginning of step k, in double precision where dt is one number: float32 cannot count steps long."""
    return k * (dt.double() if dt.ndim == 0 else dt)
