from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oscillo_tasks.sudoku.metrics import blank_cells, board_metrics, over_cells


def results(correct, cells_correct, givens, branching, cells=16):
    """Results of boards with so many givens, at the beginning of each board."""
    puzzle = np.zeros((len(correct), cells), dtype=np.uint8)
    for row, count in zip(puzzle, givens, strict=True):
        row[:count] = 1
    return {
        "correct": np.array(correct, dtype=bool),
        "cells_correct": np.array(cells_correct, dtype=np.float32),
        "givens": np.array(givens, dtype=np.int64),
        "branching": np.array(branching, dtype=bool),
        "confidence": np.linspace(0.2, 0.8, len(correct)).astype(np.float32),
        "puzzle": puzzle.reshape(-1, 4, cells // 4),
    }


def test_four_boards_counted_by_hand():
    found = board_metrics(
        results([True, False, True, False], [1.0, 0.5, 1.0, 0.25], [8, 8, 6, 12], [False, False, True, True])
    )
    assert found == {
        "boards": 4,
        "board_accuracy": 0.5,
        # 8 + 4 + 10 + 1 cells right of 8 + 8 + 10 + 4 blank ones: over cells, and not the mean of the boards' shares.
        "cell_accuracy": pytest.approx(23 / 30),
        "confidence": pytest.approx(0.5),
        "singles_only": 0.5,
        "singles/board_accuracy": 0.5,
        "singles/boards": 2,
        "branching/board_accuracy": 0.5,
        "branching/boards": 2,
        "givens_6/board_accuracy": 1.0,
        "givens_6/boards": 1,
        "givens_8/board_accuracy": 0.5,
        "givens_8/boards": 2,
        "givens_12/board_accuracy": 0.0,
        "givens_12/boards": 1,
    }
    assert all(isinstance(value, float) for value in found.values())


def test_groups_without_boards_are_left_out():
    found = board_metrics(results([True], [1.0], [7], [False]))
    assert found["singles_only"] == 1.0 and "singles/boards" in found
    assert not any(name.startswith("branching") for name in found)


def test_a_full_board_has_nothing_to_fill():
    found = board_metrics(results([True], [np.nan], [16], [False]))
    assert found["board_accuracy"] == 1.0 and not {"cell_accuracy", "confidence"} & set(found)
    beside = results([True, False], [np.nan, 0.25], [16, 8], [False, False])
    beside["confidence"] = np.array([np.nan, 0.5], dtype=np.float32)
    found = board_metrics(beside)
    assert found["cell_accuracy"] == 0.25 and found["confidence"] == 0.5 and found["board_accuracy"] == 0.5


def test_cells_count_alike_whatever_board_they_are_on():
    puzzles = np.ones((3, 4, 4), dtype=np.uint8)
    puzzles[0, 0, 0] = 0
    puzzles[1, 0:3, 0:3] = 0
    blanks = blank_cells(puzzles)
    assert blanks.tolist() == [1, 9, 0]
    shares = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]])
    np.testing.assert_allclose(over_cells(shares, blanks), [0.1, 0.9])
    assert np.isnan(over_cells(shares[2:], blanks[2:])).all()


boards = st.lists(
    st.tuples(st.integers(4, 15), st.booleans(), st.floats(0, 1, width=32)), min_size=1, max_size=20
)  # fmt: skip


@given(boards)
def test_groups_make_up_the_whole(drawn):
    givens, branching, cells = (list(column) for column in zip(*drawn, strict=True))
    found = board_metrics(results([share == 1.0 for share in cells], cells, givens, branching))
    for groups in (("singles", "branching"), tuple({f"givens_{count}" for count in givens})):
        counts = [found.get(f"{group}/boards", 0.0) for group in groups]
        right = [found.get(f"{group}/boards", 0.0) * found.get(f"{group}/board_accuracy", 0.0) for group in groups]
        assert sum(counts) == found["boards"]
        assert sum(right) == pytest.approx(found["boards"] * found["board_accuracy"])
    assert found["singles_only"] == pytest.approx(found.get("singles/boards", 0.0) / found["boards"])
    assert all(0 <= value <= 1 for name, value in found.items() if not name.endswith("boards"))
