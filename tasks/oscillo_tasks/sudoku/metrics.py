"""What is counted on boards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def board_metrics(results: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Accuracies of an evaluation.

    Args:
        results: arrays [sample] named `correct`, `cells_correct`, `givens`, `branching`, and blank cells from
            `givens` and `puzzle` [sample, row, column].

    Returns:
        `board_accuracy` (all blank cells right) and `cell_accuracy` (over blank cells), in [0, 1]; `singles_only`,
        the share of boards that naked and hidden singles finish, which is what rules without search reach;
        `boards`, `confidence`; the board accuracy of `singles` and of `branching` boards, and by number of givens,
        each with its count.
    """
    correct, branching, givens = results["correct"], results["branching"].astype(bool), results["givens"]
    blanks = results["puzzle"].reshape(len(correct), -1).shape[1] - givens
    found = {
        "boards": float(len(correct)),
        "board_accuracy": float(correct.mean()),
        "cell_accuracy": float((results["cells_correct"] * blanks).sum() / max(1, blanks.sum())),
        "confidence": float(results["confidence"].mean()),
        "singles_only": float((~branching).mean()),
    }
    groups = {"singles": ~branching, "branching": branching}
    groups |= {f"givens_{count}": givens == count for count in np.unique(givens)}
    for name, members in groups.items():
        if members.any():
            found[f"{name}/board_accuracy"] = float(correct[members].mean())
            found[f"{name}/boards"] = float(members.sum())
    return found
