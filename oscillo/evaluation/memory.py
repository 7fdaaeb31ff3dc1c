"""What an evaluation holds in memory at once, and whether a batch and the initial states of one sample fit."""

from __future__ import annotations

from math import prod

import numpy as np

from oscillo.evaluation.procedure import block_samples
from oscillo.evaluation.recording import EvaluationRecording
from oscillo.training.evaluation_spec import EvaluationSpec

_SPARE = 0.8
"""Share of the free memory that may be used."""

_WORKING = 34
"""A batch holds so many tensors of the size of its state at once, in a step, a draw or a readout (measured: 34 when
steps run uncompiled, 25 compiled)."""


def state_bytes(record: EvaluationRecording) -> int:
    """Bytes of one trajectory's state."""
    shape = record.shapes[record.schedule.iterated]
    return 4 * shape.positions * shape.channels


def trajectory_bytes(record: EvaluationRecording) -> int:
    """Bytes of one trajectory while its block runs: state, stimulus, energies, and the answers kept on the way."""
    schedule = record.schedule
    energies = 8 * (schedule.last + 1) * bool(record.measured_at)
    kept = sum(
        np.dtype(array.dtype).itemsize * prod(array.shape) * (1 + len(schedule.answers))
        for array in record.declared.values()
    )
    return 2 * state_bytes(record) + energies + kept


def working_bytes(evaluation: EvaluationSpec, record: EvaluationRecording) -> int:
    """Bytes that a step of one batch of trajectories takes for itself."""
    return _WORKING * state_bytes(record) * min(evaluation.batch_size, max(1, record.samples) * evaluation.votes)


def block_bytes(evaluation: EvaluationSpec, record: EvaluationRecording) -> int:
    """Bytes that an evaluation holds at once: a block's trajectories, a step of one batch of them, and what is kept."""
    samples = min(block_samples(evaluation), record.samples)
    kept = sum(
        min(samples, len(one.samples)) * len(one.steps) * prod(v.shape) * np.dtype(v.dtype or "float32").itemsize
        for one in record.watched if not one.is_streamed for v, _ in one.arrays
    )  # fmt: skip
    return trajectory_bytes(record) * samples * evaluation.votes + working_bytes(evaluation, record) + kept


def too_much(evaluation: EvaluationSpec, record: EvaluationRecording, free: int) -> tuple[str, str] | None:
    """Say what fits when a batch, or the initial states of one sample beside it, do not; None when they do.

    Args:
        evaluation: what is asked for.
        record: what is kept of it.
        free: bytes that can still be taken.

    Returns:
        The field of the evaluation to change, and why.
    """
    each, working, usable = trajectory_bytes(record), working_bytes(evaluation, record), _SPARE * free
    wanted = each * evaluation.votes + working
    if wanted <= usable:
        return None
    size = lambda number: f"{number / 2**30:.1f} GiB"  # noqa: E731
    can = f"at once, and {size(usable)} of memory can be used"
    if each + working > usable:
        of_one = _WORKING * state_bytes(record)
        fits = max(0, int((usable - each) / of_one))
        return "batch_size", f"a step of {working // of_one} trajectories takes {size(working)} {can}; {fits} fit"
    fits = int((usable - working) / each)
    return "votes", f"{evaluation.votes} initial states of a sample take {size(wanted)} {can}; at most {fits} fit"
