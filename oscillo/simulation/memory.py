"""What a simulation holds in memory, and whether that fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import torch
from torch import Tensor

from oscillo.couplings.delays import DelaySpec
from oscillo.quantities import bytes_text
from oscillo.simulation.cost import Cost, cost_of, sample_states
from oscillo.simulation.design import Design
from oscillo.simulation.observables import Moment, Summary
from oscillo.spec import Spec, SpecProblem
from oscillo.spec.source import SpecPath
from oscillo.stacking import bytes_of

_SPARE = 0.8
"""Share of the free memory that may be used."""

_HISTORY = "history"


@dataclass(frozen=True)
class Memory:
    """Bytes that a simulation holds on its device from the first step to the last."""

    states: int
    """Positions and velocities of all members."""
    solver: int
    """What the integrator remembers from step to step."""
    history: int
    """What delayed couplings need of the past."""
    parameters: int
    """Numbers of the layer; what differs from member to member is there for each."""
    sums: dict[int, int]
    """What observables keep of the whole run, by their places."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.checkpoint + self.parameters

    @property
    def checkpoint(self) -> int:
        """The part that a checkpoint holds."""
        return self.states + self.solver + self.history + sum(self.sums.values())


class Estimate:
    """What a simulation will take, found out on its first and last member.

    Attributes:
        design: of the simulation.
        layer: of these members.
        dt: size of a step.
        longest_delay: of the coupling; 0 where there is none.
        memory: what is held all the time.
    """

    def __init__(self, design: Design) -> None:
        self.design, self.layer = design, design.layer(design.ensemble.ends)
        self.dt = float(self.layer.dt)
        self.observables = design.built_observables(self.layer)
        delays = self.layer.oscillators.coupling.delay_range
        self.longest_delay = 0.0 if delays is None else delays[1]
        _shorten_past(self.layer, self.longest_delay)
        self.memory = self._memory()

    @property
    def slots(self) -> int:
        """States of the past that are kept of every member."""
        return ceil(self.longest_delay / self.dt) + 2 if self.longest_delay else 0

    @property
    def recording(self) -> int:
        """Bytes in the store."""
        return self.design.recording(self.layer, self.observables).bytes

    @cached_property
    def cost(self) -> Cost:
        """What moves while a batch takes a step."""
        layer = self.design.layer(self.design.ensemble.ends[:1])
        observables = self.design.built_observables(layer)
        _shorten_past(layer, self.longest_delay)
        seen, given = layer.seen, self.design.arriving
        nothing = torch.zeros(*seen.sites, seen.channels, dtype=self.design.dtype)
        arriving = nothing if given is None else given.to(self.design.dtype)
        with torch.no_grad():
            stimulus = layer.stimulus_of(arriving.unsqueeze(0))
        return cost_of(layer, observables, stimulus)

    @property
    def step_bytes(self) -> int:
        """What a step, or an observation, of one batch takes for itself."""
        return int(self.cost.once + self.cost.each * self.design.batch_size)

    def _memory(self) -> Memory:
        size = self.design.ensemble.size
        state = sample_states(self.layer, size, "meta")
        moment = Moment(self.layer, state, None, torch.zeros((), dtype=torch.float64))
        sums = {
            number: _size(one.start(moment).values())
            for number, one in enumerate(self.observables) if isinstance(one, Summary)
        }  # fmt: skip
        past = [value for name, value in state.items() if name.startswith(_HISTORY)]
        own = [value for name, value in state.items() if name in ("x", "v", "winding")]
        kept = {id(value) for value in (*past, *own)}
        solver = [value for name, value in state.items() if not name.startswith(_HISTORY) and name not in ("x", "v", "winding")]
        short = max((value.shape[1] for value in past if value.ndim > 1), default=1)
        history = int(_size(past) / short * self.slots)
        assert kept
        return Memory(_size(own), _size(solver), history, bytes_of(self.layer, size), sums)


def crowded(estimate: Estimate, free: int) -> list[SpecProblem]:
    """What does not fit into so many free bytes, with its place in the spec and what would help.

    Args:
        estimate: of the simulation.
        free: bytes that can still be taken.
    """
    design, memory, usable = estimate.design, estimate.memory, _SPARE * free
    size, can = design.ensemble.size, f"and {bytes_text(_SPARE * free)} of memory can be used"
    whom = "the member" if size == 1 else f"each of {size:,} members"
    if memory.total > usable:
        largest = max(memory.sums, key=lambda number: memory.sums[number], default=None)
        if memory.history > memory.total / 2:
            told = f"a delay of up to {estimate.longest_delay:g} keeps {estimate.slots:,} states of {whom}"
            words = f"{told}, one for every step of {estimate.dt:g}: {bytes_text(memory.history)}, {can}"
            return [SpecProblem(_delay_place(design), words, "take shorter delays, longer steps or fewer members")]
        if largest is not None and memory.sums[largest] > memory.total / 2:
            words = f"keeps {bytes_text(memory.sums[largest])} of {whom} together, {can}"
            return [SpecProblem(("task", "observables", largest), words, "take fewer members, or leave it out")]
        words = f"{size:,} members hold {bytes_text(memory.total)}, {can}"
        fits = int(size * usable / memory.total)
        return [SpecProblem(("task", "ensemble"), words, f"take at most {fits:,}" if fits else None)]
    cost, left = estimate.cost, usable - memory.total
    if estimate.step_bytes <= left:
        return []
    fits = int((left - cost.once) / cost.each) if cost.each else 0
    words = f"a step of {design.batch_size:,} members takes {bytes_text(estimate.step_bytes)} for itself, {can}"
    return [SpecProblem(("task", "batch"), words, f"take at most {fits:,}" if fits > 0 else None)]


def _delay_place(design: Design) -> SpecPath:
    """Where the longest delay is declared."""
    inside = [(path, found) for path, found in _within(design.network.layers[0], ("network", "layers", 0))]
    return max(inside, key=lambda each: each[1].time, default=(("network", "layers", 0, "coupling"), None))[0]


def _within(value: Any, path: SpecPath) -> Iterator[tuple[SpecPath, DelaySpec]]:
    """All delays inside a declaration, with their places."""
    if isinstance(value, DelaySpec):
        yield path, value
    elif isinstance(value, Spec):
        for name in type(value).model_fields:
            yield from _within(getattr(value, name), (*path, name))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _within(one, (*path, number))


def _shorten_past(layer: Any, longest: float) -> None:
    """Let a layer that is only looked at remember no more states than it has to."""
    if longest:
        layer.integrator.step_size.data.fill_(longest)


def _size(tensors: Any) -> int:
    return sum(value.numel() * value.element_size() for value in tensors)
