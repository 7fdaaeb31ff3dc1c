"""What a run will take: shapes, parameters, operations, memory and bytes, found out before anything runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.evaluation import EvaluationRecording
from oscillo.evaluation.during_training import TrainingRecord
from oscillo.evaluation.memory import block_bytes, too_much
from oscillo.evaluation.operations import operations
from oscillo.layout import StateShape
from oscillo.network import Network, NetworkSpec, OscillatorLayerSpec, Unrolling
from oscillo.quantities import bytes_text, count_text, shape_text
from oscillo.recording import bytes_expected
from oscillo.runspec import RunSpec
from oscillo.simulation.plan import SimulationPlan, plan_simulation
from oscillo.training import Task, total_steps
from oscillo.training.evaluation_spec import EvaluationSpec
from oscillo.training.hardware import choose_device, free_memory, missing_for_compiling

_PROCESS_BYTES = 450 * 2**20
"""Resident memory of a run before it trains: torch's build for CPUs, all libraries, the boards (measured)."""

_PRODUCT_BYTES = 60 * 2**20
"""What the matrix products of steps that are not compiled take for themselves (measured)."""

_COMPILER_BYTES = 140 * 2**20
"""What compiling a step, and running it, takes for itself (measured)."""

_HOLES = 1.6
"""Resident over used bytes when steps run uncompiled on a CPU: their many tensors of different size and life leave
holes in the C library's heap, which are not given back (measured: 1.5 to 1.7;
compiled steps leave none to speak of)."""


@dataclass(frozen=True)
class LayerPlan:
    """What one layer is."""

    name: str
    """Number and kind."""
    shape: StateShape
    """Shape of one sample's state."""
    steps: int
    """Steps it takes in training."""
    parameters: int
    """Trained and fixed numbers."""
    compiled: bool
    """Whether its step is compiled."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What one evaluation is."""

    name: str
    samples: int
    """How many samples; 0 where their file is not there."""
    votes: int
    """Initial states of each."""
    steps: int
    """Steps of the layer whose steps are counted."""
    flops: float
    """Floating-point operations of the whole evaluation, when no sample stops early."""
    memory: int
    """Bytes of the trajectories that are held at once."""


@dataclass(frozen=True)
class Plan:
    """What a run will take. Bytes are predictions, meant to be within 20 % of what is then used."""

    name: str
    layers: list[LayerPlan]
    parameters: int
    """Numbers that are trained, in the whole model."""
    step_flops: float
    """Floating-point operations of a step of the layer whose steps are counted, forward, for one sample."""
    training_flops: float
    """Floating-point operations of one optimiser step (forward and twice as much backward)."""
    optimizer_steps: int
    memory: int
    """Peak resident bytes of the training process on a CPU, or peak allocated bytes on a GPU."""
    kept: int
    """The part of it that is kept from the forward pass for the backward pass."""
    evaluations: list[EvaluationPlan]
    recording: int
    """Bytes the evaluations write into the store."""
    device: str
    notes: list[str] = field(default_factory=list)

    @property
    def total_flops(self) -> float:
        """Operations of the whole run."""
        return self.training_flops * self.optimizer_steps + sum(one.flops for one in self.evaluations)

    def to_text(self) -> str:
        """The plan for people."""
        rows = [
            f"  {layer.name:24} state {shape_text(layer.shape):28} {layer.steps:4} steps"
            f"  {layer.parameters:>10,} parameters"
            f"  {'compiled' if layer.compiled else 'not compiled'}"
            for layer in self.layers
        ]
        lines = [
            f"{self.name} on {self.device}",
            *rows,
            f"parameters            {self.parameters:,} trained",
            f"operations            {count_text(self.step_flops)}FLOP per step and sample, forward",
            *(self._training_lines() if self.optimizer_steps else ["training              none"]),
            *(_evaluation_line(evaluation) for evaluation in self.evaluations),
            f"recording             {bytes_text(self.recording)} in data.zarr",
            *self.notes,
        ]
        return "\n".join(lines)

    def _training_lines(self) -> list[str]:
        return [
            f"                      {count_text(self.training_flops)}FLOP per optimiser step",
            f"optimiser steps       {self.optimizer_steps:,}",
            f"memory for training   {bytes_text(self.memory)}, of which {bytes_text(self.kept)} kept for the backward "
            "pass",
        ]


def plan_of(spec: RunSpec) -> Plan | SimulationPlan:
    """What a run will take, whether it trains or simulates.

    Raises:
        ValueError: when the device is not to be had, or a file of a simulation cannot be used.
    """
    return make_plan(spec) if spec.task.learns else plan_simulation(spec)


def make_plan(spec: RunSpec) -> Plan:
    """Build the modules of a run, and measure on two made-up samples what training will take.

    Nothing is trained, and no data are read or generated.

    Raises:
        ValueError: when the device is not to be had.
    """
    device = choose_device(spec.device)
    task = spec.task.build(spec.network, spec.seed)
    model = task.model()
    network: Network = model.network  # pyright: ignore[reportAssignmentType]
    lacking = missing_for_compiling() if spec.compile != "off" else "compile: off"
    compiled = [lacking is None and layer.compilable for layer in network.layers]
    layers = [
        LayerPlan(
            f"layer {number} ({declared.kind})",  # pyright: ignore[reportAttributeAccessIssue]
            layer.shape, layer.steps, sum(weight.numel() for weight in layer.parameters()), compiled[number],
        )
        for number, (declared, layer) in enumerate(zip(spec.network.layers, network.layers, strict=True))
    ]  # fmt: skip
    counted = operations(task, model)
    forward = counted.trajectory(network.steps_of(None)[network.iterated])
    batch = spec.trained.batch_size
    kept, working = (int(batch * count) for count in kept_bytes(spec, compiled=any(compiled)))
    notes = [] if lacking is None else [f"steps run uncompiled: {lacking}"]
    notes += [f"`run` would refuse {'.'.join(map(str, place))}: {text}" for place, text in crowded(spec)]
    absent = [where for where, _ in spec.task.missing()]
    notes += [f"not counted, because it is not there: {'.'.join(map(str, ('task', *where)))}" for where in absent]
    if spec.trained.time_limit:
        notes.append(f"training stops after {spec.trained.time_limit:g} minutes at the latest")
    return Plan(
        spec.name, layers, sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        counted.step, 3 * forward * batch, total_steps(spec.trained, spec.task.training_samples or 0),
        _memory(spec, model, kept, working, device, any(compiled)), kept, _evaluations(spec, task, model),
        recording_bytes(spec), str(device), notes,
    )  # fmt: skip


def _evaluations(spec: RunSpec, task: Task, model: nn.Module) -> list[EvaluationPlan]:
    """What each evaluation takes."""
    found = []
    for evaluation, record in declared_recordings(spec):
        counted, schedule, steps = operations(task, model, evaluation.steps), record.schedule, record.schedule.last
        # The energy of the last state comes with a step more.
        measured = steps in record.measured_at or any(one.needs_measures for one in record.watched)
        each = counted.trajectory(steps + measured, len(schedule.looks.union(schedule.answers)) - 1)
        flops = record.samples * (evaluation.votes * each + len(schedule.before) * counted.answer)
        memory = block_bytes(evaluation, record)
        found.append(EvaluationPlan(evaluation.name, record.samples, evaluation.votes, steps, flops, memory))
    return found


def declared_recordings(spec: RunSpec) -> list[tuple[EvaluationSpec, EvaluationRecording]]:
    """What each evaluation of a run will have; one whose data are not there is taken to have no samples."""
    task, network = spec.task.build(spec.network, spec.seed), spec.network.build(spec.sites)
    return [
        (evaluation, EvaluationRecording(task, network, evaluation, spec.recording, samples or 0))
        for evaluation in spec.task.evaluation_specs
        for samples in [spec.task.evaluation_samples(evaluation)]
    ]


def crowded(spec: RunSpec) -> list[tuple[tuple[str | int, ...], str]]:
    """Votes and batches that do not fit into the free memory of the device, each with its place in the spec."""
    free = free_memory(choose_device(spec.device))
    return [
        (("task", "evaluations", number, found[0]), found[1])
        for number, (evaluation, record) in enumerate(declared_recordings(spec))
        if (found := too_much(evaluation, record, free))
    ]


def recording_bytes(spec: RunSpec) -> int:
    """Bytes that a run will write into the store, without evaluations whose data are not there."""
    record = training_record(spec)
    looks = 0 if record is None else sum(bytes_expected(arrays) for arrays in record.groups().values())
    return sum(_each_recording(spec)) + looks


def training_record(spec: RunSpec) -> TrainingRecord | None:
    """What is recorded while the network learns; None where nothing is, or the data are not there."""
    if spec.recording.training is None or not spec.trained.trains:
        return None
    task, network = spec.task.build(spec.network, spec.seed), spec.network.build(spec.sites)
    first = spec.task.evaluation_specs[0]
    samples, training = spec.task.evaluation_samples(first), spec.task.training_samples or 0
    if not samples:
        return None
    per_epoch = max(1, training // spec.trained.batch_size)
    epochs = total_steps(spec.trained, training) // per_epoch
    return TrainingRecord(task, network, first, spec.recording, samples, epochs=epochs, per_epoch=per_epoch)


def room_bytes(spec: RunSpec) -> int:
    """Bytes that a run needs at most: until an evaluation is whole, its finished parts lie beside the store."""
    recording = 0 if spec.recording.store else recording_bytes(spec)
    return recording + max(_each_recording(spec, ("summary", "result")), default=0)


def _each_recording(spec: RunSpec, sections: Collection[str] | None = None) -> list[int]:
    """Bytes of each evaluation in the store, or of some sections of it."""
    return [
        sum(
            bytes_expected(group.declarations)
            for group in record.groups() if sections is None or group.section in sections
        ) if record.samples else 0
        for _, record in declared_recordings(spec)
    ]  # fmt: skip


def kept_bytes(spec: RunSpec, *, compiled: bool) -> tuple[float, float]:
    """Bytes per sample that the forward pass of training keeps for the backward pass, and those of one step.

    Measured on two samples and on networks of two and of three steps, from which the cost of a step follows. A
    compiled step keeps less than an uncompiled one: the compiler's choice is made without its code generation.
    """
    measured = [_kept(spec, steps, compiled=compiled) for steps in (2, 3)]
    per_step = measured[1] - measured[0]
    fixed = measured[0] - 2 * per_step
    steps = max(_declared_steps(spec.network))
    every = spec.trained.recompute_every
    if not every:
        return fixed + steps * per_step, per_step
    # Steps and readouts are computed again, one segment or readout at a time; what is kept of them is where they start.
    outside = _kept(spec, 2, compiled=compiled, recompute_every=1)
    shapes = [layer.shape(spec.sites) for layer in spec.network.layers]
    state = 4 * sum(shape.channels * shape.positions for shape in shapes)
    starts = (steps + every - 1) // every + 1
    return outside + starts * state + max(fixed - outside, min(every, steps) * per_step), per_step


def _kept(spec: RunSpec, steps: int, *, compiled: bool, recompute_every: int = 0, samples: int = 2) -> float:
    """Bytes per sample kept with that many steps in the layers that take more than one.

    With `recompute_every` the states that steps start from are not among them.
    """
    torch.manual_seed(spec.seed)
    network = spec.network.model_copy(update={"layers": [_with_steps(layer, steps) for layer in spec.network.layers]})
    task = spec.task.build(network, spec.seed)
    model = task.model()
    if compiled:
        model.network.compile_steps("aot_eager_decomp_partition")  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
    own = {value.untyped_storage().data_ptr() for value in [*model.parameters(), *model.buffers()]}
    kept: dict[int, int] = {}

    def note(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    batch = task.example(samples)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        way = Unrolling(0, recompute_every, spec.trained.path_noise)
        losses, _ = task.loss(model, batch, Draws(spec.seed, batch["index"]), unrolling=way)
    # The graph, and with it everything kept, must live until here: freed storage would be counted twice.
    assert losses.grad_fn is not None
    return sum(kept.values()) / samples


def _with_steps(layer: object, steps: int) -> object:
    if isinstance(layer, OscillatorLayerSpec):
        few = layer.integrator.model_copy(update={"steps": steps})
        return layer.model_copy(update={"integrator": few}) if layer.integrator.steps > 1 else layer
    return layer.model_copy(update={"steps": steps}) if getattr(layer, "steps", 1) > 1 else layer  # pyright: ignore[reportAttributeAccessIssue]


def _declared_steps(network: NetworkSpec) -> list[int]:
    return [
        layer.integrator.steps if isinstance(layer, OscillatorLayerSpec) else getattr(layer, "steps", 1)
        for layer in network.layers
    ]


def _memory(spec: RunSpec, model: nn.Module, kept: int, working: int, device: torch.device, compiled: bool) -> int:
    """Peak bytes of training: process, weights with their gradients, moments and average, and what is kept."""
    weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    copies = 4 + (1 if spec.trained.ema else 0)
    # While a step runs backward it holds about as much again as was kept of it.
    used = kept + working
    if device.type != "cpu":
        return used + copies * weights
    own, holes = (_COMPILER_BYTES, 1.0) if compiled else (_PRODUCT_BYTES, _HOLES)
    return _PROCESS_BYTES + own + int(holes * used) + copies * weights


def _evaluation_line(evaluation: EvaluationPlan) -> str:
    votes = f" x {evaluation.votes:,} votes" if evaluation.votes > 1 else ""
    size = f"{evaluation.samples:,} samples{votes} x {evaluation.steps:,} steps"
    cost = f"{count_text(evaluation.flops)}FLOP at most, {bytes_text(evaluation.memory)} at once"
    return f"evaluation {evaluation.name:10} {size}: {cost if evaluation.samples else 'not counted'}"
