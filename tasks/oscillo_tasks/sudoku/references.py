"""What accuracies on boards are compared with: rules without search, and published results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oscillo.training.references import Reference

if TYPE_CHECKING:
    from oscillo_tasks.sudoku.task import SudokuEvaluationSpec, SudokuTaskSpec

_PAPER = "Miyato et al. (2025), Artificial Kuramoto Oscillatory Neurons"

_EASY_FROM = 31
"""Fewest givens of the boards that the published networks are trained on; with fewer a board is hard."""

_PUBLISHED_EASY = 1.0
_PUBLISHED_HARD = {False: ("128 steps", 0.517, "± 0.033"), True: ("128 steps, 100 votes by energy", 0.816, "± 0.015")}
"""Steps, mean and deviation of the published accuracy on hard boards; without and with votes."""

_SETTING = "512 channels, trained on 9,000 boards of SATNet's set"


def references(task: SudokuTaskSpec, run: Any) -> list[Reference]:
    """Baselines and published numbers for the evaluations of a run (`oscillo.open_run`)."""
    found: list[Reference] = []
    for evaluation in task.evaluations:
        name = f"{evaluation.name}/singles_only"
        if name in run.metrics and (known := run.metrics[name].dropna("record").values).size:
            source, words = "rules without search: naked and hidden singles", "nothing, the same boards"
            alone = Reference("singles alone", "board_accuracy", float(known[-1]), source, words, evaluation.name)
            found += [alone, *_published(task, evaluation)]
    return found


def _published(task: SudokuTaskSpec, evaluation: SudokuEvaluationSpec) -> list[Reference]:
    """What was published for boards of that kind; nothing for boards of another size."""
    if task.shape.side != 9:
        return []
    fewest, most = evaluation.givens
    ours = (
        f"these boards: {fewest}-{most} givens, generated" if evaluation.source == "generated" else "read from a file"
    )
    if evaluation.source == "generated" and fewest >= _EASY_FROM:
        words = f"{_SETTING}; boards of its test set (31-42 givens); {ours}"
        return [
            Reference(
                "published AKOrN, other boards", "board_accuracy", _PUBLISHED_EASY, _PAPER, words, evaluation.name
            )
        ]
    how, share, spread = _PUBLISHED_HARD[evaluation.votes > 1]
    words = f"{spread} over seeds; {_SETTING}; boards of 17-34 givens; {ours}"
    return [Reference(f"published AKOrN, {how}, other boards", "board_accuracy", share, _PAPER, words, evaluation.name)]
