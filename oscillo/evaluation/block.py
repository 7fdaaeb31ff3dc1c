"""A block of samples on its way through a network: all at the same step, and out of it as soon as they have settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.evaluation.course import Course, Keeping, Watch
from oscillo.evaluation.schedule import Schedule
from oscillo.evaluation.watched import Watched
from oscillo.integrators.loop import Noise, observed_steps, plain_steps
from oscillo.layout import State
from oscillo.network import Network, Way
from oscillo.training.hardware import Precision, precision_context
from oscillo.training.task import Batch, ResultArray, Results, Task

SMALLER = 4
"""The second batch size is this part of the first: what is left of samples that leave goes through in such batches."""


@dataclass(frozen=True, eq=False)
class Passage:
    """How blocks of samples go through a network."""

    task: Task
    model: nn.Module
    schedule: Schedule
    members: int
    """Initial states of each sample."""
    batch_size: int
    """Trajectories that go through the network together."""
    seed: int
    precision: Precision
    watched: Sequence[Watched]
    """What is recorded along the steps."""
    measured_at: frozenset[int]
    """Steps of the iterated layer at which energies are compared."""
    check: Callable[[], None] = lambda: None
    """Called between batches; may raise to stop."""

    @property
    def network(self) -> Network:
        """The network in the model."""
        return self.model.network  # pyright: ignore[reportReturnType]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device


class Successive(NamedTuple):
    """How outputs compare with those of a single step before."""

    changed: Tensor
    """Whether the answer is another one, bool [sample]."""
    distance: Tensor
    """Root mean square difference, [sample]."""


class Block:
    """Samples with all their initial states, from the first step to the last.

    The trajectories of a block are at the same step at any time, and go through the network in batches of one size;
    the last batch is filled up with copies, because another shape would be compiled anew. Trajectory i belongs to
    sample i // members.

    Attributes:
        latest: results of every trajectory as last read out, by name, [trajectory, ...].
        at: those that are kept on the way, by name, [trajectory, answer, ...].
        successive: one entry for each answer.
        taken: steps that each trajectory took, int64 [trajectory].
        settled: which ones had settled before the last step.
        changed: whether a settled trajectory that was taken to the end all the same ended with another answer.
        compared: which ones were.
        right_at_end: of these, whether their last step leads to the right answer, int8; -1 where that is not known.

    Args:
        passage: how it goes.
        batch: the samples.
        first: position of the first one in the evaluation.
        compared: how many of the first samples go on to the last step although they have settled.
        keep: takes what is recorded.
    """

    def __init__(self, passage: Passage, batch: Batch, *, first: int, compared: int, keep: Keeping) -> None:
        self.passage, self.batch = passage, batch
        members, count = passage.members, len(batch["index"])
        self.sample = torch.arange(count).repeat_interleave(members)
        self.member = torch.arange(members).repeat(count)
        self.settled = torch.zeros(len(self.sample), dtype=torch.bool)
        self.course = Course(
            passage.schedule, passage.network, passage.watched, first + self.sample, self.member,
            measured_at=passage.measured_at, keep=keep, gone=self.settled, device=passage.device,
        )  # fmt: skip
        self.declared: dict[str, ResultArray] = passage.task.arrays()
        voted = {"prediction", "confidence", "correct"} if members > 1 else set()
        self._on_the_way = {name for name, array in self.declared.items() if array.at_steps or name in voted}
        self.state: State = {}
        self.stimulus: Tensor | None = None
        self.latest: Results = {}
        self.at: dict[str, list[Tensor]] = {}
        self.successive: list[Successive] = []
        self.taken = torch.full((len(self.sample),), passage.schedule.last)
        self.compared = self.sample < compared
        self.changed = torch.zeros(len(self.sample), dtype=torch.bool)
        self.right_at_end = torch.full((len(self.sample),), -1, dtype=torch.int8)
        self._answers = 0
        self._quiet = torch.zeros(len(self.sample), dtype=torch.int64)
        self._looked: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def run(self, show: Callable[[float], None] = lambda done: None) -> None:
        """Take the block from its initial states to its end; `show` is told the share of the steps that is done."""
        schedule = self.passage.schedule
        self._begin()
        step, before = 0, None
        for halt in schedule.halts:
            if not len(self._active):
                break
            self._advance(step, halt, show)
            step = halt
            outputs = None
            if step in schedule.answers:
                outputs = self._answer(step, before)
            if step in schedule.looks:
                self._look(step, outputs)
            before = self._read_first() if step in schedule.before else None
        self._hold_answers()
        self.course.cut(self.taken)

    @property
    def _active(self) -> Tensor:
        """Trajectories that go on."""
        return torch.nonzero(~self.settled | self.compared)[:, 0]

    def _batches(self, ids: Tensor) -> Iterator[tuple[Tensor, int]]:
        """Trajectories in batches of one size, with how many of each are real; a small rest goes in smaller ones."""
        size, done = self.passage.batch_size, 0
        smaller = max(1, size // SMALLER)
        while done < len(ids):
            left = len(ids) - done
            if self.passage.schedule.early_stop is not None and left <= size // 2:
                size = smaller
            real = min(size, left)
            chosen = torch.arange(done, done + size).clamp_max(len(ids) - 1)
            self.passage.check()
            yield ids[chosen], real
            done += real

    def _here(self, ids: Tensor) -> Batch:
        """The samples of some trajectories, on the network's device."""
        rows = self.sample[ids]
        return {name: value[rows].to(self.passage.device) for name, value in self.batch.items()}

    def _way(self, ids: Tensor, here: Batch, real: int, *, observed: bool) -> Way:
        passage = self.passage
        draws = Draws(passage.seed, here["index"], member=self.member[ids].to(passage.device))
        if not observed:
            return Way(passage.schedule.steps, draws)
        watch = self._watch(ids, real)
        return Way(passage.schedule.steps, draws, watch, enter=watch.enter)

    def _watch(self, ids: Tensor, real: int) -> Watch:
        """An observer of a batch."""
        watch = self.course.watch(ids, real, lambda state: self._found(ids, real, state)[1])
        watch.enter(self.passage.schedule.iterated, self._pushing(ids))
        return watch

    def _begin(self) -> None:
        """Bring every trajectory to the first state of the iterated layer."""
        passage, everyone = self.passage, len(self.sample)
        observed = any(self.course.wanted(layer) for layer in range(passage.schedule.iterated))
        for ids, real in self._batches(torch.arange(everyone)):
            here = self._here(ids)
            way = self._way(ids, here, real, observed=observed)
            with precision_context(passage.precision, passage.device):
                features, initial = passage.task.inputs(passage.model, here, way.draws)  # pyright: ignore[reportArgumentType]
                start = passage.network.begin(features, initial, way)
            if not self.state:
                self.state = {name: value.new_empty(everyone, *value.shape[1:]) for name, value in start.state.items()}
                if start.stimulus is not None:
                    self.stimulus = start.stimulus.new_empty(everyone, *start.stimulus.shape[1:])
            there = ids[:real].to(passage.device)
            if self.stimulus is not None and start.stimulus is not None:
                self.stimulus[there] = start.stimulus[:real]
            for name, value in self.state.items():
                value[there] = start.state[name][:real]

    def _state(self, ids: Tensor) -> State:
        there = ids.to(self.passage.device)
        return {name: value[there] for name, value in self.state.items()}

    def _pushing(self, ids: Tensor) -> Tensor | None:
        return None if self.stimulus is None else self.stimulus[ids.to(self.passage.device)]

    def _noise(self, number: int, ids: Tensor, state: State, real: int) -> Noise | None:
        network = self.passage.network
        if not network.layers[number].is_noisy:
            return None
        return network.noise(number, state, self._way(ids, self._here(ids), real, observed=False))

    def _advance(self, start: int, end: int, show: Callable[[float], None]) -> None:
        """Take all that are active from one step to another."""
        if end == start:
            return
        passage, number = self.passage, self.passage.schedule.iterated
        layer, active, done = passage.network.layers[number], self._active, 0
        for ids, real in self._batches(active):
            state, stimulus = self._state(ids), self._pushing(ids)
            noise = self._noise(number, ids, state, real)
            with precision_context(passage.precision, passage.device):
                if self.course.wanted(number, range(start, end)):
                    watch = self._watch(ids, real)
                    tell = lambda k, at, measures: watch(number, k, at, measures)  # noqa: E731, B023
                    measured = lambda k: self.course.measures(number, k)  # noqa: E731
                    steps = range(start, end)
                    state = observed_steps(layer, state, stimulus, layer.dt, steps, tell, noise, measured)
                else:
                    state = plain_steps(layer, state, stimulus, layer.dt, range(start, end), noise)
            there = ids[:real].to(passage.device)
            for name, value in self.state.items():
                value[there] = state[name][:real].to(value.dtype)
            done += real
            show((start + (end - start) * done / len(active)) / passage.schedule.last)

    def _read(self, ids: Tensor) -> tuple[Tensor, Results]:
        """Outputs and results of some trajectories as they stand."""
        outputs, results = [], []
        for batch, real in self._batches(ids):
            found, told = self._found(batch, real, self._state(batch))
            outputs.append(found[:real].float())
            results.append({name: value[:real] for name, value in told.items() if name != "outputs"})
        joined = {name: self._stored(name, torch.cat([part[name] for part in results])) for name in results[0]}
        return torch.cat(outputs), joined

    def _found(self, ids: Tensor, real: int, state: State) -> tuple[Tensor, Results]:
        """Outputs of a batch at a state of the iterated layer, and what the task finds in them, `outputs` included."""
        passage, here = self.passage, self._here(ids)
        with precision_context(passage.precision, passage.device):
            features = passage.network.finish(state, self._way(ids, here, real, observed=False))
            outputs = passage.task.outputs(passage.model, features)
        return outputs, passage.task.results(here, outputs) | {"outputs": outputs}

    def _conclude(self, ids: Tensor, step: int) -> None:
        """Keep what is wanted of the last state of trajectories that end at a step, and of the layers behind."""
        passage, number = self.passage, self.passage.schedule.iterated
        layer = passage.network.layers[number]
        behind = any(self.course.wanted(other) for other in range(number + 1, len(passage.network.layers)))
        if not (behind or self.course.wanted(number, [step])):
            return
        for batch, real in self._batches(ids):
            state, measures = self._state(batch), {}
            with precision_context(passage.precision, passage.device):
                if self.course.measures(number, step):
                    # A step more than is needed: the energy comes with it, and unlike `measure` it is compiled.
                    noise = self._noise(number, batch, state, real)
                    disturbed = noise and noise(step)
                    _, measures = layer(state, self._pushing(batch), step * layer.dt, layer.dt, disturbed, measure=True)
                self._watch(batch, real)(number, step, state, measures)
                if behind:
                    passage.network.finish(state, self._way(batch, self._here(batch), real, observed=True))

    def _stored(self, name: str, value: Tensor) -> Tensor:
        """A result as it will be stored, on the CPU."""
        kind = getattr(torch, self.declared[name].dtype, None) if name in self.declared else None
        return value.to("cpu", kind) if kind is not None else value.cpu()

    def _update(self, ids: Tensor, results: Results) -> None:
        """Take in what was read out of some trajectories."""
        for name, value in results.items():
            if name not in self.latest:
                self.latest[name] = value.new_zeros((len(self.sample), *value.shape[1:]))
            self.latest[name][ids] = value

    def _answer(self, step: int, before: tuple[Tensor, Results] | None) -> Tensor:
        """Read all active trajectories out, and keep their answers; outputs are returned."""
        active = self._active
        outputs, results = self._read(active)
        going = ~self.settled[active]
        if step == self.passage.schedule.last:
            self._note_changes(active, results)
            self._conclude(active[going], step)
        self._update(active[going], {name: value[going] for name, value in results.items()})
        if before is not None:
            self._compare_successive(active, before, outputs, results)
        self._hold_answer()
        return outputs

    def _hold_answer(self) -> None:
        """Keep the latest results as those of one more answer."""
        self._answers += 1
        for name in self._on_the_way & set(self.latest):
            self.at.setdefault(name, []).append(self.latest[name].clone())

    def _hold_answers(self) -> None:
        """After all have left: the answers at the steps that nobody took are those they left with."""
        schedule = self.passage.schedule
        for _ in range(len(schedule.answers) - self._answers):
            self._hold_answer()
        while schedule.successive and len(self.successive) < len(schedule.answers):
            self.successive.append(self._nothing_changed())

    def _note_changes(self, active: Tensor, results: Results) -> None:
        """Note which trajectories that went on after they had settled end with another answer, and which are right."""
        chosen = self.settled[active]
        there = active[chosen]
        if len(there):
            self.changed[there] = _differ(results["prediction"][chosen], self.latest["prediction"][there])
        if "correct" in results:
            compared = self.compared[active]
            self.right_at_end[active[compared]] = results["correct"][compared].to(torch.int8)

    def _read_first(self) -> tuple[Tensor, Results] | None:
        """Outputs and results of the first initial state of all samples, a single step before an answer."""
        active = self._active
        first = active[self._compared_successively(active)]
        return self._read(first) if len(first) else None

    def _compared_successively(self, active: Tensor) -> Tensor:
        """Which of those that are active are compared from step to step: first initial states that have not left."""
        return (self.member[active] == 0) & ~self.settled[active]

    def _compare_successive(
        self, active: Tensor, before: tuple[Tensor, Results], outputs: Tensor, results: Results
    ) -> None:
        """Compare the first initial state of the samples with a step before; of one that has left nothing is known."""
        first = self._compared_successively(active)
        old, old_results = before
        now = self._nothing_changed()
        there = self.sample[active[first]]
        now.distance[there] = _rms(outputs[first.to(outputs.device)] - old).cpu()
        if "prediction" in results:
            now.changed[there] = _differ(results["prediction"][first], old_results["prediction"])
        self.successive.append(now)

    def _nothing_changed(self) -> Successive:
        count = len(self.batch["index"])
        return Successive(torch.zeros(count, dtype=torch.bool), torch.full((count,), torch.nan))

    def _look(self, step: int, outputs: Tensor | None) -> None:
        """Let those leave whose answer has not changed, and whose outputs have hardly moved, for long enough."""
        stop = self.passage.schedule.early_stop
        assert stop is not None
        active = self._active
        if outputs is None:
            outputs, results = self._read(active)
            answers = results["prediction"]
            going = ~self.settled[active]
            self._update(active[going], {name: value[going] for name, value in results.items()})
        else:
            answers = self.latest["prediction"][active]
        if self._looked is None:
            everything = (len(self.sample), *outputs.shape[1:])
            self._looked = outputs.new_full(everything, torch.nan), self.latest["prediction"].clone()
        last_outputs, last_answers = self._looked
        there = active.to(outputs.device)
        moved = _rms(outputs - last_outputs[there]).cpu()
        quiet = (moved < stop.threshold) & ~_differ(answers, last_answers[active])
        self._quiet[active] = torch.where(quiet, self._quiet[active] + stop.every, 0)
        last_outputs[there], last_answers[active] = outputs, answers
        self._leave(active[(self._quiet[active] >= stop.patience) & ~self.settled[active]], step)

    def _leave(self, ids: Tensor, step: int) -> None:
        """Settle trajectories at a step: their answer stays what it is."""
        if not len(ids):
            return
        self.taken[ids] = step
        self._conclude(ids, step)
        self.settled[ids] = True


def _rms(values: Tensor) -> Tensor:
    """Root mean square of each sample, [sample]."""
    return values.flatten(1).square().mean(1).sqrt()


def _differ(these: Tensor, those: Tensor) -> Tensor:
    """Which samples have another answer, bool [sample]."""
    return (these != those).flatten(1).any(1)
