"""What is asked about its stability: something that steps, where it stands, and what acts on it from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from oscillo.integrators.loop import Stepping, plain_steps, time_of
from oscillo.layout import State
from oscillo.stability.forward_mode import StillOperands
from oscillo.stacking import of_samples

MOVING = ("x", "v")
"""The parts of a state that are numbers on a manifold; the others count or remember."""


@dataclass(frozen=True, repr=False)
class System:
    """Samples of a layer at one time.

    A simulation, a trained network given its input, and a function of one's own are all of this form.
    """

    layer: Stepping
    """Takes the steps; with parameters that differ from sample to sample it is a stacked one."""
    state: State
    """Where the samples stand, tensors [sample, ...] by name."""
    dt: Tensor
    """Size of a step, a scalar."""
    stimulus: Tensor | None = None
    """What comes from outside, the same at all times."""
    step: int = 0
    """How many steps have been taken."""

    @property
    def samples(self) -> int:
        """How many there are."""
        return len(self.state["x"])

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in self.state.items())
        return f"System({type(self.layer).__name__}, {shapes}, after {self.step} steps of {float(self.dt):g})"

    def at(self, rows: Tensor) -> System:
        """Some of the samples, one of them several times if it is named several times.

        Args:
            rows: their numbers, integer [sample].
        """
        layer, stimulus = self.layer, self.stimulus
        chosen = of_samples(layer, rows) if isinstance(layer, torch.nn.Module) else layer
        state = {name: value[rows] for name, value in self.state.items()}
        return replace(self, layer=chosen, state=state, stimulus=None if stimulus is None else stimulus[rows])

    def following(self, state: State) -> State:
        """A state one step after another one that the samples have at this time; derivatives go through it.

        Through compiled code they do not, and it drops them without a word; so a layer is called as it was written.
        """
        step = self.layer.forward if isinstance(self.layer, torch.nn.Module) else self.layer
        return step(state, self.stimulus, time_of(self.step, self.dt), self.dt)[0]

    @torch.no_grad()
    def after(self, steps: int) -> System:
        """The same samples so many steps later."""
        numbers = range(self.step, self.step + steps)
        state = plain_steps(self.layer, self.state, self.stimulus, self.dt, numbers)
        return replace(self, state=state, step=self.step + steps)


def derivative(function: Callable[[State], State], state: State, directions: State) -> tuple[State, State]:
    """Value of a function of states, and how it changes when the state moves; by forward-mode differentiation.

    Args:
        function: takes a state and gives tensors by name.
        state: where.
        directions: how the state moves, tensors of the same shapes for some of its names; the rest stands still.

    Returns:
        The value, and the rates of change of those of its tensors that have one; the others are left out.
    """
    # PyTorch's fast attention has no forward mode; the plain one gives the same numbers up to rounding.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), forward_ad.dual_level(), StillOperands():
        moving = {name: forward_ad.make_dual(state[name], direction) for name, direction in directions.items()}
        value, rates = {}, {}
        for name, found in function(state | moving).items():
            primal, tangent = forward_ad.unpack_dual(found)
            value[name] = primal
            if tangent is not None:
                rates[name] = tangent
    return value, rates
