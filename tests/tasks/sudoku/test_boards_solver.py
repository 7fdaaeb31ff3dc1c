"""The solver against enumeration, against a plain solver, and against known boards."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oscillo_tasks.sudoku.boards import BlockShape, generate, parse_board, singles_finish, solve

NINE, SIX, FOUR = BlockShape(3, 3), BlockShape(2, 3), BlockShape(2, 2)

EASY = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
EASY_SOLUTION = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
HARD = "100007090030020008009600500005300900010080002600004000300000010040000007007000300"


def all_4x4_grids() -> np.ndarray:
    """Every 4x4 grid, by trying all rows."""
    rows = [np.array(row) for row in permutations((1, 2, 3, 4))]
    grids = []

    def extend(grid: list[np.ndarray]) -> None:
        if len(grid) == 4:
            grids.append(np.concatenate(grid))
            return
        for row in rows:
            if any((row == other).any() for other in grid):
                continue
            if len(grid) % 2 and set(row[:2]) & set(grid[-1][:2]):
                continue
            extend([*grid, row])

    extend([])
    return np.array(grids, dtype=np.uint8)


GRIDS_4X4 = all_4x4_grids()


def plain_singles(puzzle: np.ndarray, block: BlockShape) -> np.ndarray:
    """Naked and hidden singles written down the slow way, on sets."""
    full = set(range(1, block.side + 1))
    options = [{int(digit)} if digit else set(full) for digit in puzzle]
    changed = True
    while changed:
        before = [set(option) for option in options]
        for unit in block.units:
            for cell in unit:
                if len(options[cell]) == 1:
                    for other in unit:
                        if other != cell:
                            options[other] -= options[cell]
            for digit in full:
                places = [cell for cell in unit if digit in options[cell]]
                if len(places) == 1:
                    options[places[0]] = {digit}
        changed = options != before
    return np.array([len(option) == 1 for option in options])


def test_there_are_288_grids_of_side_four():
    assert len(GRIDS_4X4) == 288


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=16, max_size=16), st.integers(0, 287), st.integers(0, 2**16 - 1))
def test_solutions_are_counted_as_enumeration_counts_them(noise, grid, mask):
    clues = np.array([mask >> k & 1 for k in range(16)], dtype=bool)
    from_grid = np.where(clues, GRIDS_4X4[grid], 0)
    for puzzle in (from_grid, np.array(noise), np.where(clues, GRIDS_4X4[grid], noise)):
        puzzle = puzzle.astype(np.uint8)
        fits = ((GRIDS_4X4 == puzzle) | (puzzle == 0)).all(axis=1)
        answer = solve(puzzle[None], FOUR)
        assert answer.found[0] == min(fits.sum(), 2)
        if fits.sum() == 1:
            assert (answer.solutions[0] == GRIDS_4X4[fits][0]).all()


def test_every_solution_is_found_when_asked_for():
    assert solve(np.zeros((1, 16), dtype=np.uint8), FOUR, limit=1000).found[0] == 288


def test_known_boards():
    puzzles = np.array([parse_board(EASY), parse_board(HARD)])
    answer = solve(puzzles, NINE)
    assert answer.found.tolist() == [1, 1]
    assert (answer.solutions[0] == parse_board(EASY_SOLUTION)).all()
    assert answer.nodes[0] == 0
    assert answer.nodes[1] > 0


@pytest.mark.parametrize("block", [SIX, BlockShape(3, 2), BlockShape(2, 4), NINE])
def test_empty_board_has_many_solutions_and_each_is_a_grid(block):
    answer = solve(np.zeros((1, block.cells), dtype=np.uint8), block)
    assert answer.found[0] == 2
    assert (np.sort(answer.solutions[0][block.units], axis=1) == np.arange(1, block.side + 1)).all()


def test_singles_agree_with_a_plain_solver():
    boards = generate(40, (25, 32), seed=5, split="hard")
    finished = np.array([plain_singles(puzzle, NINE).all() for puzzle in boards.puzzles])
    assert 0 < finished.sum() < len(finished)
    assert (singles_finish(boards.puzzles, NINE) == finished).all()
    assert (~boards.branching == finished).all()


def test_search_tree_does_not_depend_on_the_batch():
    boards = generate(40, (24, 27), seed=8, split="hard")
    alone = np.concatenate([solve(puzzle[None], NINE).nodes for puzzle in boards.puzzles])
    together = solve(np.tile(boards.puzzles, (20, 1)), NINE)
    assert (together.nodes == np.tile(alone, 20)).all()
    assert (together.solutions == np.tile(boards.solutions, (20, 1))).all()


def test_a_budget_leaves_only_long_searches_undecided():
    puzzles = np.array([parse_board(EASY), parse_board(HARD)])
    answer = solve(puzzles, NINE, budget=1)
    assert answer.decided.tolist() == [True, False]
    assert solve(puzzles, NINE, budget=100_000).decided.all()


def test_block_shapes():
    assert (NINE.side, NINE.cells, SIX.bands, SIX.stacks) == (9, 81, 3, 2)
    for block in (FOUR, SIX, NINE, BlockShape(4, 2)):
        assert (np.bincount(block.units.ravel()) == 3).all()
    assert SIX.units[2 * 6].tolist() == [0, 1, 2, 6, 7, 8]
    assert NINE.unit_name(26) == "block 9"
    for rows, columns in ((1, 4), (4, 3), (0, 3)):
        with pytest.raises(ValueError, match="do not make a board"):
            BlockShape(rows, columns)
