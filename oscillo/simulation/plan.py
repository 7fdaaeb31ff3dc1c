"""What a simulation will take: operations, memory and bytes, found out before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from oscillo.layout import StateShape
from oscillo.observables import Clock
from oscillo.quantities import bytes_text, count_text, shape_text
from oscillo.runspec import RunSpec
from oscillo.simulation.design import Design
from oscillo.simulation.memory import Estimate, Memory, crowded
from oscillo.simulation.observed import Group
from oscillo.simulation.task import SimulationTaskSpec
from oscillo.training.hardware import choose_device, free_memory

_CHECKPOINTS = 3
"""Checkpoints that are on the disk at once: two that are kept, and the one that is written."""


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
    """Floating-point operations of one evaluation for one member; 0 where they are not known."""
    memory: Memory
    """Held from the first step to the last."""
    step_bytes: int
    """What a step, or an observation, of one batch takes for itself; 0 where that is not known."""
    recording: int
    """Bytes in the store."""
    groups: list[Group]
    """What is recorded along time."""
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
            "parameters": memory.parameters, "observables": sum(memory.sums.values()), "a step": self.step_bytes,
        }  # fmt: skip
        told = ", ".join(f"{name} {bytes_text(size)}" for name, size in parts.items() if size)
        return "\n".join([
            f"{self.name} on {self.device}, {self.precision}",
            f"  {'layer 0 (oscillators)':24} {layer}, to time {course.steps * self.step_size:g}",
            f"members               {self._members()}",
            f"operations            {self._operations()}",
            f"memory                {bytes_text(memory.total + self.step_bytes)}: {told}",
            f"recording             {bytes_text(self.recording)} in data.zarr: {self._recorded()}",
            f"checkpoints           {bytes_text(self.checkpoints)} at most",
            *self.notes,
        ])  # fmt: skip

    def _members(self) -> str:
        ensemble = self.design.ensemble
        names = ensemble.names()
        ends = [member.parameters for member in ensemble.ends]
        varying = [f"{name.replace('_', ' ')} {ends[0][key]:g} to {ends[-1][key]:g}" for key, name in names.items()]
        seeds = {(member.seed, member.run_seed(0)) for member in ensemble.members}
        if len(seeds) > 1:
            varying.append(f"{len(seeds):,} seeds")
        size, batch = ensemble.size, self.design.batch_size
        at_once = "at once" if batch == size else f"in batches of {batch:,}"
        return f"{size:,} {at_once}: {', '.join(varying)}" if varying else "1"

    def _operations(self) -> str:
        if not self.flops:
            return "not counted"
        each = f"{count_text(self.flops)}FLOP for an evaluation of one member"
        if not self.evaluations:
            return f"{each}; the integrator chooses how many there are"
        return f"{each}, {self.evaluations} in a step: {count_text(self.total_flops)}FLOP in all"

    def _recorded(self) -> str:
        course = self.design.course
        told = [f"summary after step {course.transient:,}"] if course.transient else ["summary"]
        for group in self.groups:
            exactly = "about " if isinstance(group.cadence, Clock) else ""
            told.append(f"{group.path} at {exactly}{group.cadence.count:,} times")
        return ", ".join(told)


def plan_simulation(spec: RunSpec) -> SimulationPlan:
    """Build the first and the last member, and find out what all of them take.

    Raises:
        NotStackable: when they cannot run as one batch.
        ValueError: when the device is not to be had, or a file cannot be used.
    """
    device, estimate = choose_device(spec.device), Estimate(design_of(spec))
    refused = crowded(estimate, free_memory(device))
    notes = [f"`run` would refuse {'.'.join(map(str, path))}: {text}; {remedy}" for path, text, remedy in refused]
    layer = estimate.layer
    # What does not fit is not tried out either.
    flops, step = (0, 0) if refused else (estimate.cost.flops, estimate.step_bytes)
    return SimulationPlan(
        spec.name, str(device), spec.precision, layer.shape, estimate.design, estimate.dt, layer.integrator.evaluations,
        flops, estimate.memory, step, estimate.recording, estimate.observed.groups, notes,
    )  # fmt: skip


def room_bytes(spec: RunSpec) -> int:
    """Bytes that a simulation needs on the disk: its recording, and checkpoints."""
    estimate = Estimate(design_of(spec))
    recording = 0 if spec.recording.store else estimate.recording
    return recording + _CHECKPOINTS * estimate.memory.checkpoint


def design_of(spec: RunSpec) -> Design:
    """What a spec says is simulated.

    Raises:
        ValueError: when a file cannot be used.
    """
    task = spec.task
    assert isinstance(task, SimulationTaskSpec)
    dtype = torch.float64 if spec.precision == "float64" else torch.float32
    return task.design(spec.network, spec.sites, spec.recording, seed=spec.seed, dtype=dtype)
