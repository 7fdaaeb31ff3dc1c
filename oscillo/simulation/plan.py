"""What a simulation will take: operations, memory and bytes, found out before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from oscillo.couplings.delays import DelaySpec
from oscillo.layout import State, StateShape
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.quantities import bytes_text, count_text, shape_text
from oscillo.runspec import RunSpec
from oscillo.simulation.cost import Cost, counted
from oscillo.simulation.design import Design
from oscillo.simulation.observables import Moment, Observable, Summary
from oscillo.simulation.task import SimulationTaskSpec
from oscillo.spec import Spec, SpecProblem
from oscillo.spec.source import SpecPath
from oscillo.training.hardware import choose_device, free_memory

_SPARE = 0.8
"""Share of the free memory that may be used."""

_CHECKPOINTS = 3
"""Checkpoints that are on the disk at once: two that are kept, and the one that is written."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a simulation holds on its device."""

    states: int
    """Positions and velocities of all members."""
    solver: int
    """What the integrator remembers from step to step."""
    history: int
    """What delayed couplings need of the past."""
    parameters: int
    """Numbers of the layer; what differs from member to member is there for each."""
    sums: dict[int, int]
    """What each observable keeps of the whole run, by its place."""
    step: int = 0
    """What a step, or an observation, of one batch takes for itself."""

    @property
    def lasting(self) -> int:
        """What is held from the first step to the last."""
        return self.states + self.solver + self.history + self.parameters + sum(self.sums.values())

    @property
    def checkpoint(self) -> int:
        """Bytes of a checkpoint."""
        return self.states + self.solver + self.history + sum(self.sums.values())


@dataclass(frozen=True)
class SimulationPlan:
    """What a simulation will take. Bytes are predictions."""

    name: str
    device: str
    precision: str
    shape: StateShape
    """Of one member's state."""
    design: Design
    step_size: float
    evaluations: int
    """Of the right-hand side in a step; 0 where the integrator chooses its own steps."""
    flops: int
    """Floating-point operations of one evaluation for one member."""
    memory: Memory
    recording: int
    """Bytes in the store."""
    notes: list[str] = field(default_factory=list)

    @property
    def total_flops(self) -> float:
        """Operations of the integration of all members; 0 where the integrator chooses its own steps."""
        return float(self.flops) * self.evaluations * self.design.course.steps * self.design.ensemble.size

    @property
    def checkpoints(self) -> int:
        """Bytes of the checkpoints on the disk."""
        return _CHECKPOINTS * self.memory.checkpoint

    def to_text(self) -> str:
        """The plan for people."""
        course, memory = self.design.course, self.memory
        layer = f"state {shape_text(self.shape):28} {course.steps:,} steps of {self.step_size:g}"
        parts = {
            "states": memory.states, "solver": memory.solver, "delays": memory.history,
            "parameters": memory.parameters, "observables": sum(memory.sums.values()), "a step": memory.step,
        }  # fmt: skip
        told = ", ".join(f"{name} {bytes_text(size)}" for name, size in parts.items() if size)
        return "\n".join([
            f"{self.name} on {self.device}, {self.precision}",
            f"  {'layer 0 (oscillators)':24} {layer}, to time {course.steps * self.step_size:g}",
            f"members               {self._members()}",
            f"operations            {self._operations()}",
            f"memory                {bytes_text(memory.lasting + memory.step)}: {told}",
            f"recording             {bytes_text(self.recording)} in data.zarr: {self._recorded()}",
            f"checkpoints           {bytes_text(self.checkpoints)} at most",
            *self.notes,
        ])  # fmt: skip

    def _members(self) -> str:
        ensemble = self.design.ensemble
        names = ensemble.names()
        ends = [member.parameters for member in ensemble.ends]
        varying = [f"{name.replace('_', ' ')} {ends[0][key]:g} to {ends[-1][key]:g}" for key, name in names.items()]
        if len(ensemble.seed_list) > 1:
            varying.append(f"{len(ensemble.seed_list):,} seeds")
        size, batch = ensemble.size, self.design.batch_size
        at_once = "at once" if batch == size else f"in batches of {batch:,}"
        return f"{size:,} {at_once}: {', '.join(varying)}" if varying else "1"

    def _operations(self) -> str:
        each = f"{count_text(self.flops)}FLOP for an evaluation of one member"
        if not self.evaluations:
            return f"{each}; the integrator chooses how many there are"
        return f"{each}, {self.evaluations} in a step: {count_text(self.total_flops)}FLOP in all"

    def _recorded(self) -> str:
        series, states = self.design.course.series, self.design.course.states
        kept = f", states at {states.count:,}" if states is not None else ""
        return f"series at {series.count:,} times{kept}"


def plan_simulation(spec: RunSpec) -> SimulationPlan:
    """Build the first and the last member, and find out what all of them take.

    Raises:
        ValueError: when the device is not to be had, or a file cannot be used.
    """
    device, design = choose_device(spec.device), design_of(spec)
    layer = design.layer(design.ensemble.ends)
    observables = design.built_observables(layer)
    memory, notes = _memory(design, layer, observables), []
    refused = crowded(spec, free_memory(device))
    cost = _cost(design) if not refused else None
    if refused:
        notes += [f"`run` would refuse {'.'.join(map(str, place))}: {text}" for place, text, _ in refused]
    return SimulationPlan(
        spec.name, str(device), spec.precision, layer.shape, design, float(layer.dt), layer.integrator.evaluations,
        cost.operations if cost else 0, memory, design.recording(layer, observables).bytes, notes,
    )  # fmt: skip
