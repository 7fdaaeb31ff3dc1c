"""What a simulation holds in memory, and whether that fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import torch
from torch import Tensor

from oscillo.couplings.delays import Delays, DelaySpec
from oscillo.layout import State
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.observables import Moment
from oscillo.quantities import bytes_text
from oscillo.simulation.cost import Cost, cost_of, sample_states
from oscillo.simulation.design import Design
from oscillo.simulation.recording import SimulationRecording
from oscillo.spec import Spec, SpecProblem
from oscillo.spec.source import SpecPath
from oscillo.stacking import bytes_of

_SMALL = 1_000_000
"""Numbers of one member's state up to which it is made, and not only its shapes."""

_SPARE = 0.8
"""Share of the free memory that may be used."""


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
    sums: dict[str, int]
    """What observables keep of the whole run, by their names."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.checkpoint + self.parameters

    @property
    def building(self) -> int:
        """Held while the members' numbers are put together."""
        return 2 * self.parameters

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
        self.dt: float = design.network.layers[0].integrator.step_size  # pyright: ignore[reportAttributeAccessIssue]
        self.observed = design.observed(self.layer)
        delays = self.layer.oscillators.coupling.delay_range
        self.longest_delay = 0.0 if delays is None else delays[1]
        _shorten_past(self.layer)
        self.memory = self._memory()

    @property
    def slots(self) -> int:
        """States of the past that are kept of every member."""
        return ceil(self.longest_delay / self.dt) + 2 if self.longest_delay else 0

    @property
    def recording(self) -> int:
        """Bytes in the store."""
        return SimulationRecording(self.observed, self.design.ensemble).bytes

    @cached_property
    def cost(self) -> Cost:
        """What moves while a batch takes a step."""
        layer = self.design.layer(self.design.ensemble.ends[:1])
        observed = self.design.observed(layer)
        _shorten_past(layer)
        seen, given = layer.seen, self.design.arriving
        nothing = torch.zeros(*seen.sites, seen.channels, dtype=self.design.dtype)
        arriving = nothing if given is None else given.to(self.design.dtype)
        with torch.no_grad():
            stimulus = layer.stimulus_of(arriving.unsqueeze(0))
        return cost_of(layer, observed, stimulus)

    @property
    def step_bytes(self) -> int:
        """What a step, or an observation, of one batch takes for itself."""
        return int(self.cost.once + self.cost.each * self.design.batch_size)

    def _memory(self) -> Memory:
        size = self.design.ensemble.size
        shape = self.layer.shape
        try:
            # Small ones are quicker with numbers: without them PyTorch loads much of its compiler first.
            state, sums = self._kept("cpu" if shape.positions * shape.channels < _SMALL else "meta")
        except (NotImplementedError, RuntimeError):  # a part that is not ours may look at the numbers
            state, sums = self._kept("cpu")
        past = {name for name in state if name.startswith("history")}
        own = {"x", "v", "winding"} & state.keys()
        of = lambda names: size * _bytes(state[name] for name in names)  # noqa: E731
        slotted = {name for name in past if state[name].ndim > 1}
        short = max((state[name].shape[1] for name in slotted), default=1)
        history = of(past - slotted) + of(slotted) // short * self.slots
        return Memory(
            of(own), of(state.keys() - own - past), history, bytes_of(self.layer, size),
            {name: size * count for name, count in sums.items()},
        )  # fmt: skip

    @torch.no_grad()
    def _kept(self, device: str) -> tuple[State, dict[str, int]]:
        """One member's state, and the bytes that observables keep of it."""
        state = sample_states(self.layer, 1, device)
        moment = Moment(self.layer, state, None, torch.zeros((), dtype=torch.float64))
        summaries = self.observed.summaries.items()
        return state, {name: _bytes(summary.start(moment).values()) for name, (summary, _) in summaries}


def crowded(estimate: Estimate, free: int) -> list[SpecProblem]:
    """What does not fit into so many free bytes, with its place in the spec and what would help.

    Args:
        estimate: of the simulation.
        free: bytes that can still be taken.
    """
    design, memory, usable = estimate.design, estimate.memory, _SPARE * free
    if max(memory.total, memory.building) > usable:
        return [_too_much(estimate, usable)]
    cost, left, batch = estimate.cost, usable - memory.total, design.batch_size
    if estimate.step_bytes <= left:
        return []
    fits = int((left - cost.once) / cost.each) if cost.each else 0
    whom = "the member" if batch == 1 else f"{batch:,} members"
    words = f"a step of {whom} takes {bytes_text(estimate.step_bytes)} for itself, {_can(left)}"
    return [SpecProblem(("task", "batch"), words, f"take at most {fits:,}" if fits > 0 else None)]


def _too_much(estimate: Estimate, usable: float) -> SpecProblem:
    """Which part of what is held all the time is too much."""
    design, memory, size = estimate.design, estimate.memory, estimate.design.ensemble.size
    whom = "the member" if size == 1 else f"each of {size:,} members"
    fewer = "" if size == 1 else ", or take fewer members"
    if memory.history > memory.total / 2:
        told = f"a delay of up to {estimate.longest_delay:g} keeps {estimate.slots:,} states of {whom}"
        words = f"{told}, one for every step of {estimate.dt:g}: {bytes_text(memory.history)}, {_can(usable)}"
        remedy = "a shorter delay, or longer steps" if size == 1 else "a shorter delay, longer steps, or fewer members"
        return SpecProblem(_delay_place(design), words, f"take {remedy}")
    largest = max(memory.sums, key=lambda name: memory.sums[name], default=None)
    if largest is not None and memory.sums[largest] > memory.total / 2:
        words = f"keeps {bytes_text(memory.sums[largest])} for {whom} together, {_can(usable)}"
        return SpecProblem(("recording", "observables", largest), words, f"leave it out{fewer}")
    held = max(memory.total, memory.building)
    words = f"{size:,} members hold {bytes_text(held)}, {_can(usable)}"
    fits = int(size * usable / held)
    return SpecProblem(("task", "ensemble"), words, f"take at most {fits:,}" if fits else "take fewer oscillators")


def _can(usable: float) -> str:
    return f"and {bytes_text(usable)} of memory can be used"


def _delay_place(design: Design) -> SpecPath:
    """Where the longest delay is declared."""
    layer: SpecPath = ("network", "layers", 0)
    found = list(_delays(design.network.layers[0], layer))
    if not found:
        return (*layer, "coupling")
    place, longest = max(found, key=lambda each: each[1].time)
    return (*place, "time" if longest.time else "speed")


def _delays(value: Any, path: SpecPath) -> Iterator[tuple[SpecPath, DelaySpec]]:
    """All delays inside a declaration, with their places."""
    inside: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, DelaySpec):
        yield path, value
    elif isinstance(value, Spec):
        inside = ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, below in inside:
        yield from _delays(below, (*path, key))


def _shorten_past(layer: OscillatorLayer) -> None:
    """Let a layer that is only looked at remember no more states than it has to: delays of a single step."""
    for part in layer.modules():
        if isinstance(part, Delays):
            part.times.fill_(float(layer.dt))


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in tensors)
