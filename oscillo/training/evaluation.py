"""Evaluation: a trained network on samples it has not seen, with everything worth keeping recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.integrators.loop import Measures
from oscillo.layout import State, StateShape
from oscillo.network import Network
from oscillo.network.trajectory import site_names
from oscillo.recording import ArrayDeclaration, GroupDeclaration, Recorder, TrajectoryStore
from oscillo.training.hardware import Precision, precision_context
from oscillo.training.progress import progress
from oscillo.training.spec import ObservableSpec, RecordingSpec
from oscillo.training.task import Batch, Data, EvaluationSpec, Results, Task

MEASURES = {
    "energy": ("energy", "-1/2 sum <x, J x> - sum <stimulus + b, x> over sites and oscillators"),
    "pseudo_energy": ("pseudo-energy", "-sum <x, J x + b + stimulus> over sites and oscillators"),
}
"""What is measured along the steps: long name and formula."""


def answer_steps(steps: int) -> list[int]:
    """1, 2, 4, ... and the last step: after how many steps answers are read out."""
    powers = [2**k for k in range(steps.bit_length()) if 2**k < steps]
    return [*powers, steps]


def recorded_steps(observable: ObservableSpec, steps: int) -> list[int]:
    """Steps at which an observable is kept: every n-th, and the last."""
    return sorted({*range(0, steps + 1, observable.every), steps})


class TrajectoryObserver:
    """Collects, for one batch, the measures of all samples and the states of the first few."""

    def __init__(
        self, states: int, state_steps: Sequence[Sequence[int]], energy_steps: Sequence[Sequence[int]]
    ) -> None:
        self.states, self.state_steps, self.energy_steps = states, state_steps, energy_steps
        self.measured: list[dict[str, list[Tensor]]] = [{} for _ in energy_steps]
        self.kept: list[list[Tensor]] = [[] for _ in state_steps]

    def __call__(self, layer: int, step: int, state: State, measures: Measures) -> None:
        """Take in one state."""
        if step in self.energy_steps[layer]:
            for name, value in measures.items():
                self.measured[layer].setdefault(name, []).append(value)
        if self.states and step in self.state_steps[layer]:
            self.kept[layer].append(state["x"][: self.states].cpu())


class EvaluationRecording:
    """What one evaluation writes into the store, declared before it starts."""

    def __init__(
        self, task: Task, network: Network, evaluation: EvaluationSpec, recording: RecordingSpec, samples: int
    ) -> None:
        self.steps = network.steps_of(evaluation.steps)
        self.shapes = network.shapes
        self.samples = samples
        self.states = min(recording.samples, samples) if recording.observables.state else 0
        state, energy = recording.observables.state, recording.observables.energy
        self.state_steps = [recorded_steps(state, count) if state else [] for count in self.steps]
        self.energy_steps = [recorded_steps(energy, count) if energy else [] for count in self.steps]
        # A block has no energy, and a network of blocks alone records none.
        self.has_energy = [hasattr(layer, "oscillators") and energy is not None for layer in network.layers]
        self.answer_steps = answer_steps(self.steps[-1]) if recording.answers else []
        self.results = task.arrays(self.answer_steps)

    @property
    def observes(self) -> bool:
        """Whether anything along the steps is kept."""
        return bool(self.states) or any(self.has_energy)

    def observer(self, first: int) -> TrajectoryObserver:
        """A fresh observer for the batch behind the first so many samples."""
        return TrajectoryObserver(max(0, self.states - first), self.state_steps, self.energy_steps)

    def groups(self) -> list[GroupDeclaration]:
        """All groups of arrays the evaluation fills."""
        found = []
        for number, shape in enumerate(self.shapes):
            layer = f"layer{number}"
            if self.states:
                found.append(self._trajectory(layer, shape, self.state_steps[number]))
            if self.has_energy[number]:
                found.append(self._energies(layer, self.energy_steps[number]))
        if self.results:
            arrays = tuple(
                ArrayDeclaration(
                    name, ("sample", *array.dims), (self.samples, *array.shape), array.dtype,
                    units="1", long_name=array.long_name, description=array.description,
                )
                for name, array in self.results.items()
            )  # fmt: skip
            steps = {"at_step": self.answer_steps} if self.answer_steps else {}
            found.append(GroupDeclaration("result", arrays, coordinates=steps))
        return found

    def _trajectory(self, layer: str, shape: StateShape, steps: list[int]) -> GroupDeclaration:
        sites = site_names(len(shape.sites))
        state = ArrayDeclaration(
            "state", ("sample", "step", *sites, "component", "oscillator"),
            (self.states, len(steps), *shape.sites, shape.components, shape.oscillators),
            "float32", units="1", long_name="oscillator state", description="unit vectors, or features of a block",
        )  # fmt: skip
        return GroupDeclaration("trajectory", (state,), layer=layer, coordinates={"step": steps})

    def _energies(self, layer: str, steps: list[int]) -> GroupDeclaration:
        arrays = tuple(
            ArrayDeclaration(
                name, ("sample", "step"), (self.samples, len(steps)), "float32",
                units="1", long_name=long_name, description=formula,
            )
            for name, (long_name, formula) in MEASURES.items()
        )  # fmt: skip
        return GroupDeclaration("summary", arrays, layer=layer, coordinates={"step": steps})

    def write(
        self, recorder: Recorder, first: int, batch: Batch, observer: TrajectoryObserver, results: Results
    ) -> None:
        """Hand one batch to the recorder; `first` counts the samples before it."""
        index = batch["index"].cpu().numpy()
        for number in range(len(self.shapes)):
            layer = f"layer{number}"
            kept = max(0, min(self.states - first, len(index)))
            if kept:
                states = torch.stack(observer.kept[number], dim=1)[:kept].float().numpy()
                recorder.write("trajectory", index[:kept], {"state": states}, layer=layer)
            if self.has_energy[number]:
                measured = observer.measured[number]
                arrays = {name: torch.stack(values, dim=1).float().cpu().numpy() for name, values in measured.items()}
                recorder.write(
                    "summary", index, {name: values[: len(index)] for name, values in arrays.items()}, layer=layer
                )
        if self.results:
            arrays = {name: results[name].cpu().numpy().astype(array.dtype) for name, array in self.results.items()}
            recorder.write("result", index, arrays)


def evaluate(
    task: Task, model: nn.Module, evaluation: EvaluationSpec, data: Data, *, seed: int, precision: Precision,
    recording: RecordingSpec | None = None, store: TrajectoryStore | None = None, limit: int | None = None,
    check: Callable[[], None] = lambda: None, title: str | None = None,
) -> dict[str, float]:  # fmt: skip
    """Evaluate a model and return its metrics by name.

    Args:
        task: predicts and measures.
        model: with the weights to evaluate.
        evaluation: which one.
        data: its samples.
        seed: key of the initial states.
        precision: of the network.
        recording: what to keep; needs `store`.
        store: where to keep it. An earlier recording of the same evaluation is replaced as a whole at the end.
        limit: look at the first so many samples only.
        check: called between batches; may raise to stop.
        title: shows progress under this name; None shows nothing.
    """
    network: Network = model.network  # pyright: ignore[reportAssignmentType]
    total = len(data) if limit is None else min(limit, len(data))
    model.eval()
    collected: dict[str, list[np.ndarray]] = {}
    with ExitStack() as stack, torch.no_grad():
        record = recorder = None
        if recording is not None and store is not None:
            record = EvaluationRecording(task, network, evaluation, recording, total)
            attributes = {"steps": record.steps, "samples": total}
            recorder = stack.enter_context(Recorder(store, evaluation.name, record.groups(), attributes))
        show = stack.enter_context(progress(title, total)) if title else None
        for first, batch, real in _batches(data, total, evaluation.batch_size):
            check()
            results = _predict(task, model, batch, evaluation, record, recorder, seed, precision, first, real)
            for name, value in results.items():
                collected.setdefault(name, []).append(value.cpu().numpy())
            if show:
                show(first + real, {})
    return task.metrics({name: np.concatenate(values) for name, values in collected.items()})


def _predict(
    task: Task, model: nn.Module, batch: Batch, evaluation: EvaluationSpec, record: EvaluationRecording | None,
    recorder: Recorder | None, seed: int, precision: Precision, first: int, real: int,
) -> Results:  # fmt: skip
    """Results of the real samples of one batch, recorded where that is wanted."""
    device = next(model.parameters()).device
    here = {name: value.to(device) for name, value in batch.items()}
    observer = record.observer(first) if record is not None and record.observes else None
    with precision_context(precision, device):
        results = task.predict(
            model, here, Draws(seed, here["index"]), steps=evaluation.steps, observe=observer,
            answer_steps=record.answer_steps if record is not None else (),
        )  # fmt: skip
    results = {name: value[:real] for name, value in results.items()}
    if record is not None and recorder is not None:
        only = {name: value[:real] for name, value in batch.items()}
        record.write(recorder, first, only, observer or record.observer(first), results)
    return results


def _batches(data: Data, total: int, size: int) -> Iterator[tuple[int, Batch, int]]:
    """Batches of one size: (first sample, batch, how many of it are real).

    The last one is filled up with its last sample, because another shape would have to be compiled anew.
    """
    size = min(size, total)
    for first in range(0, total, size):
        real = min(size, total - first)
        index = torch.arange(first, first + size).clamp_max(total - 1)
        yield first, data.batch(index), real


def metric_names(evaluation: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics under the name of their evaluation, as `metrics.jsonl` has them."""
    return {f"{evaluation}/{name}": value for name, value in metrics.items()}
