"""A trained network taken through one evaluation's samples by another integrator, and read out on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.integrators import Integrator
from oscillo.integrators.loop import plain_steps
from oscillo.layout import State
from oscillo.network import Network, Way
from oscillo.network.network import Start
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.questions.question import Advance
from oscillo.questions.source import Source
from oscillo.runspec import LoadedSpec
from oscillo.training import Batch, EvaluationSpec, Results, Task
from oscillo.training.hardware import Precision, precision_context

KEPT = ("correct", "prediction")
"""Results of every sample that are kept."""

_STEPS_BETWEEN_CHECKS = 8


@dataclass(frozen=True)
class Halt:
    """Where a network is read out."""

    steps: int
    """Steps of the integrator; of one that chooses its own, the intervals below."""
    time: float
    """Time since the start."""


@dataclass(frozen=True)
class Answering:
    """Samples of an evaluation, as `oscillo evaluate` takes them through the network."""

    task: Task
    model: nn.Module
    evaluation: EvaluationSpec
    samples: int
    """The first so many."""
    seed: int
    """Key of the initial states."""
    precision: Precision
    device: torch.device

    @property
    def network(self) -> Network:
        """The network in the model."""
        return self.model.network  # pyright: ignore[reportReturnType]

    @property
    def layer(self) -> OscillatorLayer:
        """The layer whose steps are counted."""
        layer = self.network.layers[self.network.iterated]
        assert isinstance(layer, OscillatorLayer)
        return layer

    @property
    def steps(self) -> int:
        """Steps that the evaluation takes with the trained integrator."""
        return self.network.steps_of(self.evaluation.steps)[self.network.iterated]

    def batches(self) -> Iterator[tuple[Batch, int]]:
        """The samples in batches of one size, the last one filled up with copies, with how many of each are real."""
        size, data = min(self.evaluation.batch_size, self.samples), self.task.evaluation_data(self.evaluation)
        for first in range(0, self.samples, size):
            chosen = torch.arange(first, first + size).clamp_max(self.samples - 1)
            here = {name: value.to(self.device) for name, value in data.batch(chosen).items()}
            yield here, min(size, self.samples - first)

    def way(self, here: Batch) -> Way:
        """How the layers are run: draws are those of the first initial state of every sample."""
        member = torch.zeros(len(here["index"]), dtype=torch.int64, device=self.device)
        return Way(self.network.steps_of(self.evaluation.steps), Draws(self.seed, here["index"], member=member))

    def begin(self, here: Batch) -> Start:
        """Bring a batch to the first state of the layer whose steps are counted."""
        way = self.way(here)
        with precision_context(self.precision, self.device):
            features, initial = self.task.inputs(self.model, here, way.draws)  # pyright: ignore[reportArgumentType]
            return self.network.begin(features, initial, way)

    @torch.no_grad()
    def evaluations_of(self, integrator: Integrator) -> int:
        """Evaluations of the right-hand side in a step; of a solver that counts them, in the first one."""
        if integrator.evaluations:
            return integrator.evaluations
        self.layer.integrator = integrator
        start = self.begin({name: value.to(self.device) for name, value in self.task.example(1).items()})
        after, _ = self.layer(start.state, start.stimulus, 0 * self.layer.dt, self.layer.dt)
        return int(after["evaluations"].max())

    @torch.no_grad()
    def run(
        self, integrator: Integrator, halts: Sequence[Halt], advance: Advance, check: Callable[[], None]
    ) -> dict[str, np.ndarray]:
        """Take all samples from halt to halt, and read them out there.

        Args:
            integrator: takes the steps; of one that chooses its own the step size is overridden from halt to halt.
            halts: where to read out, rising.
            advance: told which share of the samples is done.
            check: called between steps; may raise to stop.

        Returns:
            By name: `evaluations` (mean over samples) and `seconds` [halt]; `energy` and, where the task has them,
            `correct` and `prediction` [halt, sample, ...]; `metric/<name>` [halt].

        Raises:
            FloatingPointError: when a solver cannot advance.
        """
        self.layer.integrator = integrator
        found: list[list[Results]] = [[] for _ in halts]
        seconds, done = np.zeros(len(halts)), 0
        for here, real in self.batches():
            start = self.begin(here)
            for number, (state, spent) in enumerate(self._steps(integrator, start, halts, check)):
                seconds[number:] += spent
                results = self._read(here, state, start.stimulus, halts[number])
                found[number].append({name: value[:real].cpu() for name, value in results.items()})
            done += real
            advance(done / self.samples)
        return self._joined(found) | {"seconds": seconds}

    def _steps(
        self, integrator: Integrator, start: Start, halts: Sequence[Halt], check: Callable[[], None]
    ) -> Iterator[tuple[State, float]]:
        """States at the halts, with the seconds of the steps before."""
        state, step, at = start.state, 0, 0.0
        chooses = not integrator.evaluations and "ahead.x" in state
        for halt in halts:
            spent = 0.0
            with precision_context(self.precision, self.device):
                while step < halt.steps:
                    check()
                    began = time.perf_counter()
                    end = min(halt.steps, step + _STEPS_BETWEEN_CHECKS)
                    if chooses:
                        t, end = torch.tensor(at, dtype=torch.float64, device=self.device), halt.steps
                        state, _ = self.layer(state, start.stimulus, t, t.new_tensor(halt.time - at))
                    else:
                        state = plain_steps(self.layer, state, start.stimulus, self.layer.dt, range(step, end))
                    if self.device.type == "cuda":
                        torch.cuda.synchronize(self.device)
                    step, spent = end, spent + time.perf_counter() - began
            at = halt.time
            yield state, spent

    def _read(self, here: Batch, state: State, stimulus: Tensor | None, halt: Halt) -> Results:
        """Everything that is found out at a halt."""
        with precision_context(self.precision, self.device):
            outputs = self.task.outputs(self.model, self.network.finish(state, self.way(here)))
            t = torch.tensor(halt.time, dtype=torch.float64, device=self.device)
            energy = self.layer.measure(state, stimulus, t)["energy"]
        counted = state.get("evaluations", torch.tensor(halt.steps * self.layer.integrator.evaluations))
        counted = counted.expand(len(energy)).double()
        return self.task.results(here, outputs) | {"_energy": energy.double(), "_evaluations": counted}

    def _joined(self, found: Sequence[Sequence[Results]]) -> dict[str, np.ndarray]:
        """What was found of all batches, [halt, sample, ...], and the task's metrics of it."""
        halts: list[dict[str, Any]] = []
        for parts in found:
            whole = {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}
            evaluations, energy = whole.pop("_evaluations").mean(), whole.pop("_energy")
            metrics = {f"metric/{name}": np.array(value) for name, value in self.task.metrics(whole).items()}
            kept = {name: whole[name] for name in KEPT if name in whole}
            halts.append({"evaluations": evaluations, "energy": energy, **kept, **metrics})
        # A metric of a part of the samples may be there at one halt and not at another one.
        names = [name for name in halts[0] if all(name in one for one in halts)]
        return {name: np.stack([one[name] for one in halts]) for name in names}


def evaluation_of(known: Sequence[EvaluationSpec], name: str | None) -> EvaluationSpec:
    """The evaluation of that name, or the first one.

    Raises:
        ValueError: when there is none.
    """
    names = [one.name for one in known]
    if not names:
        raise ValueError("the spec has no `task.evaluations`, whose samples could be answered; add one")
    if name is None:
        return known[0]
    if name not in names:
        close = get_close_matches(name, names, n=1)
        meant = f"; did you mean `{close[0]}`?" if close else ""
        raise ValueError(f"there is no evaluation `{name}` (known: {', '.join(names)}){meant}")
    return known[names.index(name)]


def with_one_evaluation(source: Source, evaluation: EvaluationSpec) -> Source:
    """The same, without the other evaluations, whose data would be read or generated for nothing."""
    loaded = source.loaded
    task = loaded.spec.task.model_copy(update={"evaluations": [evaluation]})
    narrowed = LoadedSpec(loaded.spec.model_copy(update={"task": task}), loaded.document, loaded.plugins)
    return replace(source, loaded=narrowed)
