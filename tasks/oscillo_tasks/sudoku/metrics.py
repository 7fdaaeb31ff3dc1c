"""What is counted on boards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def blank_cells(puzzles: np.ndarray) -> np.ndarray:
    """How many cells are blank on each board, int64 [sample], of digits with 0 for blank [sample, row, column]."""
    return (puzzles == 0).reshape(len(puzzles), -1).sum(axis=1)


def over_cells(shares: np.ndarray, blanks: np.ndarray) -> np.ndarray:
    """Mean over the blank cells of all boards together: a board counts as often as it has blank cells.

    Args:
        shares: share of each board's blank cells, [sample, ...]; of a board without blanks it is not looked at.
        blanks: blank cells of each board, [sample].

    Returns:
        [...]; NaN when no board has a blank cell.
    """
    some = blanks > 0
    if not some.any():
        return np.full(shares.shape[1:], np.nan)
    return np.average(shares[some], axis=0, weights=blanks[some])


def board_metrics(results: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Accuracies of an evaluation.

    Args:
        results: arrays [sample] named `correct`, `cells_correct`, `confidence`, `givens`, `branching`, and `puzzle`
            [sample, row, column].

    Returns:
        `board_accuracy` (all blank cells right) and `cell_accuracy` (over the blank cells of all boards), in [0, 1];
        `singles_only`, the share of boards that naked and hidden singles finish, which is what rules without search
        reach; `boards`, `confidence`; the board accuracy of `singles` and of `branching` boards, and by number of
        givens, each with its count. Where no board has a blank cell there is no `cell_accuracy` and no `confidence`.
    """
    correct, branching, givens = results["correct"], results["branching"].astype(bool), results["givens"]
    found = {"boards": float(len(correct)), "board_accuracy": float(correct.mean())}
    blanks = blank_cells(results["puzzle"])
    if blanks.any():
        found["cell_accuracy"] = float(over_cells(results["cells_correct"], blanks))
        found["confidence"] = float(results["confidence"][blanks > 0].mean())
    found["singles_only"] = float((~branching).mean())
    groups = {"singles": ~branching, "branching": branching}
    groups |= {f"givens_{count}": givens == count for count in np.unique(givens)}
    for name, members in groups.items():
        if members.any():
            found[f"{name}/board_accuracy"] = float(correct[members].mean())
            found[f"{name}/boards"] = float(members.sum())
    return found
