"""An evaluation: a trained network on samples it has not seen, with everything worth keeping recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack

import numpy as np
import torch
from torch import nn

from oscillo.evaluation.block import Block, Passage
from oscillo.evaluation.collect import Part, collect
from oscillo.evaluation.kept import Streamed
from oscillo.evaluation.operations import Operations
from oscillo.evaluation.parts import Parts
from oscillo.evaluation.recording import SCORES, EvaluationRecording
from oscillo.evaluation.schedule import Schedule
from oscillo.evaluation.selection import vote_metrics
from oscillo.network import Network
from oscillo.observables import RecordingSpec
from oscillo.recording import Recorder, TrajectoryStore
from oscillo.training.evaluation_spec import EvaluationSpec
from oscillo.training.hardware import Precision
from oscillo.training.progress import progress
from oscillo.training.task import Data, Task

BATCHES = 8
"""Batches of trajectories in a block, about: what leaves early makes room for the rest of its block."""


def block_samples(evaluation: EvaluationSpec) -> int:
    """Samples of one block; all initial states of a sample are in one."""
    return max(1, BATCHES * evaluation.batch_size // evaluation.votes)


def evaluate(
    task: Task, model: nn.Module, evaluation: EvaluationSpec, data: Data, *, seed: int, precision: Precision,
    recording: RecordingSpec | None = None, store: TrajectoryStore | None = None, parts: Parts | None = None,
    cost: Operations | None = None, limit: int | None = None,
    check: Callable[[], None] = lambda: None, title: str | None = None,
) -> dict[str, float]:  # fmt: skip
    """Evaluate a model and return its metrics by name.

    Every draw belongs to (seed, sample, member), so neither the batches nor an interruption change one.

    Args:
        task: reads the answers and measures.
        model: with the weights to evaluate.
        evaluation: which one.
        data: its samples.
        seed: key of the initial states.
        precision: of the network.
        recording: what to keep; needs `store`.
        store: where to keep it. An earlier recording of the same evaluation is replaced as a whole at the end.
        parts: where finished samples are kept until all are; those that are there are not evaluated again.
        cost: of a sample, noted beside the recording; without it nothing is said of compute.
        limit: look at the first so many samples only.
        check: called between batches; may raise to stop.
        title: shows progress under this name; None shows nothing.
    """
    network: Network = model.network  # pyright: ignore[reportAssignmentType]
    total = len(data) if limit is None else min(limit, len(data))
    record = EvaluationRecording(task, network, evaluation, recording if store else None, total)
    size = min(evaluation.batch_size, total * evaluation.votes)
    passage = Passage(
        task, model, record.schedule, evaluation.votes, size, seed, precision, record.watched, record.measured_at, check
    )  # fmt: skip
    model.eval()
    if store is None or recording is None:
        found = _joined(_parts(passage, record, evaluation, data, parts, title))
        return _metrics(task, record, evaluation, found, cost)
    facts = {
        "steps": list(record.schedule.steps), "samples": total, "members": evaluation.votes, "by": evaluation.by,
        "early_stop": evaluation.early_stop is not None, "looks": sorted(record.schedule.looks),
        **(cost.attributes() if cost else {}),
    }  # fmt: skip
    with Recorder(store, evaluation.name, record.groups(), facts, resumable=parts is not None) as recorder:
        done = _parts(passage, record, evaluation, data, parts, title, recorder)
        found = _joined(_written(done, record, recorder))
    return _metrics(task, record, evaluation, found, cost)


def _parts(
    passage: Passage, record: EvaluationRecording, evaluation: EvaluationSpec, data: Data, parts: Parts | None,
    title: str | None, recorder: Recorder | None = None,
) -> Iterator[Part]:  # fmt: skip
    """The parts of an evaluation, one after the other: read where they are done, else computed and kept.

    What was streamed to the recorder is on the disk before a part is kept.
    """
    total, samples, stop = record.samples, block_samples(evaluation), evaluation.early_stop
    streams = any(one.is_streamed for one in record.watched)
    if parts and streams and recorder is not None and not recorder.resumed:
        parts.remove()  # their trajectories are not there
    with ExitStack() as stack:
        show = stack.enter_context(progress(title, total)) if title else None
        for first in range(0, total, samples):
            passage.check()
            count = min(samples, total - first)
            part = parts.load(first, count, record.part_names()) if parts else None
            stream = Streamed(record.watched, range(first, first + count), recorder)
            if part is None:
                compared = max(0, min(count, (stop.compare if stop else 0) - first))
                batch = data.batch(torch.arange(first, first + count))
                block = Block(passage, batch, first=first, compared=compared, keep=stream)
                block.run(lambda share, at=first, n=count: show(at + int(share * n), {}) if show else None)
                part = collect(block, record, evaluation.by) | stream.kept.arrays
                if parts:
                    if streams and recorder is not None:
                        recorder.flush()
                    parts.save(first, part)
            stream.done()
            if show:
                show(first + count, {})
            yield part


def _written(parts: Iterable[Part], record: EvaluationRecording, recorder: Recorder) -> Iterator[Part]:
    """The same parts, each handed to the recorder on its way; of the states nothing is held any longer."""
    for part in parts:
        record.write(recorder, part)
        yield {name: value for name, value in part.items() if name.startswith("result/")}


def _joined(parts: Iterable[Part]) -> dict[str, np.ndarray]:
    """Results of all samples, by name."""
    collected: dict[str, list[np.ndarray]] = {}
    for part in parts:
        for name, value in part.items():
            if name.startswith("result/"):
                collected.setdefault(name.removeprefix("result/"), []).append(value)
    return {name: np.concatenate(values) for name, values in collected.items()}


def _metrics(
    task: Task, record: EvaluationRecording, evaluation: EvaluationSpec, found: Mapping[str, np.ndarray],
    cost: Operations | None,
) -> dict[str, float]:  # fmt: skip
    """Numbers that sum up an evaluation: the task's, what votes are worth, and what early stop has saved."""
    metrics = task.metrics(found)
    if record.votes and "member_correct" in found:
        chosen = {selector: found[f"chosen_{selector}"][:, -1] for selector in record.selectors}
        scores = {selector: found[SCORES[selector][0]][:, -1] for selector in record.selectors}
        metrics |= vote_metrics(chosen, found["member_correct"][:, -1], scores, record.votes)
    if record.schedule.early_stop:
        metrics |= _stopping_metrics(record.schedule, found, cost)
    metrics["steps"] = float(record.schedule.last)
    if evaluation.votes > 1:
        metrics["votes"] = float(evaluation.votes)
    return metrics


def _stopping_metrics(schedule: Schedule, found: Mapping[str, np.ndarray], cost: Operations | None) -> dict[str, float]:
    """What early stop has saved, and what it has changed in the trajectories that went on all the same."""
    taken, changed = found["steps_taken"], found["changed_by_stopping"]
    metrics = {"steps_taken": float(taken.mean()), "steps_saved": float(1 - taken.mean() / schedule.last)}
    if cost:
        looks = np.searchsorted(sorted(schedule.looks), taken)  # that at the end is the answer
        spent = cost.trajectory(float(taken.mean()), float(looks.mean()))
        metrics["compute_saved"] = 1 - spent / cost.trajectory(schedule.last)
    metrics["settled"] = float(found["settled"].mean())
    if (known := changed >= 0).any():
        metrics["compared"] = float(known.sum())
        metrics["changed_by_stopping"] = float((changed[known] == 1).mean())
        if "right_after_all_steps" in found:
            stopped = found["member_correct"][:, -1] if "member_correct" in found else found["correct"][:, None]
            metrics["right_when_stopped"] = float(stopped[known].mean())
            metrics["right_after_all_steps"] = float((found["right_after_all_steps"][known] == 1).mean())
    return metrics


def metric_names(evaluation: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics under the name of their evaluation, as `metrics.jsonl` has them."""
    return {f"{evaluation}/{name}": value for name, value in metrics.items()}
