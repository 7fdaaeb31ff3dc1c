"""From the trajectories of a block to the arrays of its samples: votes are counted here."""

from __future__ import annotations

import numpy as np
import torch

from oscillo.evaluation.block import Block
from oscillo.evaluation.recording import SCORES, EvaluationRecording
from oscillo.evaluation.selection import ENERGIES, choose, energy_scores, same_answers
from oscillo.training.evaluation_spec import Selector

Part = dict[str, np.ndarray]
"""Arrays [sample, ...] of some samples: `index`, `result/<name>`, and what was recorded along the steps."""


def collect(block: Block, record: EvaluationRecording, by: Selector) -> Part:
    """The arrays of a block's samples.

    Args:
        block: after it has run.
        record: which arrays there are.
        by: how one of several answers is chosen.
    """
    found = {f"result/{name}": value for name, value in _results(block, record, by).items()}
    return {"index": block.batch["index"].numpy(), **found}


def _results(block: Block, record: EvaluationRecording, by: Selector) -> Part:
    at = {name: _by_member(block, torch.stack(values, dim=1)) for name, values in block.at.items()}
    last = {name: _by_member(block, value) for name, value in block.latest.items()}
    found: Part = {}
    if record.votes:
        found = _votes(block, record, at)
        chosen = found[f"chosen_{by}"][..., -1]  # of all members, [sample, answer]
    else:
        chosen = np.zeros((len(block.batch["index"]), len(record.schedule.answers)), dtype=np.int32)
    found |= {name: _pick(value, chosen[:, -1]) for name, value in last.items()}
    if record.schedule.successive:
        for name, value in at.items():
            if f"{name}_at" in record.results:
                picked = [_pick(value[:, :, number], chosen[:, number]) for number in range(value.shape[2])]
                found[f"{name}_at"] = np.stack(picked, axis=1)
        if "changed_at" in record.results:
            found["changed_at"] = torch.stack([each.changed for each in block.successive], dim=1).numpy()
        found["distance_at"] = torch.stack([each.distance for each in block.successive], dim=1).float().numpy()
    if record.schedule.early_stop:
        changed = torch.where(block.compared, block.changed.to(torch.int8), -1)
        found["changed_by_stopping"] = _by_member(block, changed.to(torch.int8))
        if "right_after_all_steps" in record.results:
            found["right_after_all_steps"] = _by_member(block, block.right_at_end)
        found["steps_taken"] = _by_member(block, block.taken.to(torch.int32))
        found["settled"] = _by_member(block, block.settled)
    return found


def _votes(block: Block, record: EvaluationRecording, at: Part) -> Part:
    """What each member is worth in the eyes of each selector, and whom it chooses after each number of steps."""
    scores = _scores(block, record, at)
    found: Part = {SCORES[name][0]: _stored(name, value) for name, value in scores.items()}
    for name, value in scores.items():
        chosen = [choose(name, value[:, number], record.votes) for number in range(value.shape[1])]
        found[f"chosen_{name}"] = np.stack(chosen, axis=1)
    if "correct" in at:
        found["member_correct"] = np.swapaxes(at["correct"], 1, 2).astype(bool)
    return found


def _scores(block: Block, record: EvaluationRecording, at: Part) -> dict[str, np.ndarray]:
    """What each selector compares, [sample, answer, member]."""
    found: dict[str, np.ndarray] = {}
    if asked := [name for name in record.selectors if name in ENERGIES]:
        measured = {name: value.cpu().numpy() for name, value in block.course.measured.items()}
        sums = record.schedule.early_stop is None
        of_each = energy_scores(measured, record.schedule.answers, block.taken.numpy(), sums=sums)
        found |= {name: _members_last(block, of_each[name]) for name in asked}
    if "confidence" in record.selectors:
        found["confidence"] = np.swapaxes(at["confidence"], 1, 2)
    if "majority" in record.selectors:
        answers = at["prediction"]
        found["majority"] = np.stack([same_answers(answers[:, :, n]) for n in range(answers.shape[2])], axis=1)
    return found


def _stored(selector: str, values: np.ndarray) -> np.ndarray:
    return values if selector == "majority" else values.astype(np.float32)


def _members_last(block: Block, values: np.ndarray) -> np.ndarray:
    """[trajectory, answer] as [sample, answer, member]."""
    members = block.passage.members
    return np.swapaxes(values.reshape(-1, members, values.shape[1]), 1, 2)


def _by_member(block: Block, values: torch.Tensor) -> np.ndarray:
    """[trajectory, ...] as [sample, member, ...]."""
    return values.unflatten(0, (-1, block.passage.members)).cpu().numpy()


def _pick(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The chosen member's entry of [sample, member, ...]."""
    return values[np.arange(len(chosen)), chosen]
