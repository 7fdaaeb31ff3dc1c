"""The flow that is followed: one layer, the same initial states for every integrator, and the times of comparison."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from oscillo.integrators import Integrator
from oscillo.integrators.loop import plain_steps, time_of
from oscillo.layout import State
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.oscillators import Oscillators
from oscillo.simulation import Simulation

_STEPS_BETWEEN_CHECKS = 16

MOVING = ("x", "v")
"""The parts of a state that are compared."""


@dataclass(frozen=True)
class Flow:
    """What every integrator is given."""

    layer: OscillatorLayer
    """Of all samples, whose integrator is replaced."""
    stimulus: Tensor | None
    """What comes from outside, the same at all times."""
    start: State
    """`x`, and with inertia `v`, at time 0."""
    interval: float
    """Time between two comparisons."""
    count: int
    """How many comparisons there are behind that at time 0."""

    @property
    def times(self) -> np.ndarray:
        """When states are compared, time 0 included; rounded to twelve digits, as they were declared."""
        return np.array([float(f"{k * self.interval:.12g}") for k in range(self.count + 1)])

    def cast(self, dtype: torch.dtype) -> Flow:
        """The same with numbers of another type."""
        stimulus = None if self.stimulus is None else self.stimulus.to(dtype)
        start = {name: value.to(dtype) for name, value in self.start.items()}
        return Flow(copy.deepcopy(self.layer).to(dtype), stimulus, start, self.interval, self.count)

    def begin(self, integrator: Integrator) -> State:
        """The first state, with all that this integrator remembers; from now on the layer takes its steps."""
        self.layer.integrator = integrator.to(self.start["x"].device)
        return self.layer.initial_state(self.start["x"].clone(), self.start.get("v"))

    @torch.no_grad()
    def follow(self, integrator: Integrator, check: Callable[[], None]) -> Iterator[tuple[State, float]]:
        """States at all times of comparison, the first included, each with the seconds that its steps took.

        A state is whole until the next one is asked for.

        Raises:
            FloatingPointError: when a state is no finite number any more, or a solver cannot advance.
        """
        state, dt = self.begin(integrator), self.layer.dt.detach()
        steps = round(self.interval / float(dt))
        yield state, 0.0
        for number in range(self.count):
            spent = 0.0
            for first in range(number * steps, (number + 1) * steps, _STEPS_BETWEEN_CHECKS):
                check()
                some = range(first, min(first + _STEPS_BETWEEN_CHECKS, (number + 1) * steps))
                began = time.perf_counter()
                state = plain_steps(self.layer, state, self.stimulus, dt, some, spent=True)
                if dt.is_cuda:
                    torch.cuda.synchronize()
                spent += time.perf_counter() - began
            self._refuse_infinite(state, (number + 1) * self.interval)
            yield state, spent

    @staticmethod
    def _refuse_infinite(state: State, t: float) -> None:
        bad = ~torch.isfinite(state["x"]).flatten(1).all(1)
        if bad.any():
            raise FloatingPointError(
                f"diverged before t = {t:.4g}: {int(bad.sum())} of {len(bad)} samples hold numbers that are not finite"
            )

    def energy(self, state: State, number: int) -> Tensor:
        """Energy of a state at a time of comparison, [sample]."""
        t = time_of(number, torch.tensor(self.interval, dtype=torch.float64))
        return self.layer.measure(state, self.stimulus, t)["energy"]


class DriftWatch:
    """Watches how far a state is off the manifold whenever it is taken back to it.

    Attributes:
        largest: distance from the manifold so far; 0 where states cannot leave it.
    """

    def __init__(self, oscillators: Oscillators) -> None:
        self.largest = 0.0
        self._oscillators, self._plain = oscillators, oscillators.manifold

    def __enter__(self) -> DriftWatch:
        manifold, watched = self._plain, copy.copy(self._plain)

        def retract(x: Tensor) -> Tensor:
            self.largest = max(self.largest, float(manifold.drift(x).max().nan_to_num()))
            return manifold.retract(x)

        setattr(watched, "retract", retract)  # noqa: B010 (manifolds hold no state: this one differs in a method)
        self._oscillators.manifold = watched
        return self

    def __exit__(self, *_: object) -> None:
        self._oscillators.manifold = self._plain


def flow_of_simulation(simulation: Simulation, rows: Tensor, interval: float, count: int) -> Flow:
    """The flow of some members of a simulation in float64, from the states in which they start.

    Drawn numbers are those of the simulation, in its precision, so that it is the same network.

    Args:
        simulation: whose layer and initial states are taken.
        rows: numbers of the members, integer [sample].
        interval: time between two comparisons.
        count: how many comparisons there are.

    Raises:
        ValueError: when initial states cannot be read.
    """
    design, layer = simulation.design, simulation.layer
    given = design.initial.states(layer, simulation.draws)
    start = {name: value.to(simulation.device, design.dtype)[rows].double() for name, value in given.items()}
    batch = simulation.batch(rows)
    stimulus = batch.stimulus
    return Flow(
        copy.deepcopy(batch.layer).double(), None if stimulus is None else stimulus.double(),
        {name: value for name, value in start.items() if name in MOVING}, interval, count,
    )  # fmt: skip
