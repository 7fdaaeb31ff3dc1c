"""The generator: what it promises about every board, and about the request."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oscillo_tasks.sudoku.boards import FEWEST_GIVENS, SPLITS, BlockShape, Boards, generate, solve, split_of
from oscillo_tasks.sudoku.boards.removal import thin

NINE, SIX, FOUR = BlockShape(3, 3), BlockShape(2, 3), BlockShape(2, 2)


def same(first: Boards, second: Boards) -> bool:
    names = ("puzzles", "solutions", "nodes")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


@settings(max_examples=15, deadline=None)
@given(
    block=st.sampled_from([FOUR, SIX, BlockShape(3, 2), NINE]),
    split=st.sampled_from(SPLITS),
    seed=st.integers(0, 10**6),
    data=st.data(),
)
def test_every_board_keeps_the_promises(block, split, seed, data):
    lowest = FEWEST_GIVENS[block.side] + (5 if block.side == 9 else 0)
    low = data.draw(st.integers(lowest, block.cells), label="low")
    high = data.draw(st.integers(low, block.cells), label="high")
    boards = generate(8, (low, high), seed, block=block, split=split)
    assert len(boards) == 8
    assert (boards.givens >= low).all() and (boards.givens <= high).all()
    assert (split_of(boards.solutions, block) == split).all()
    assert ((boards.puzzles == 0) | (boards.puzzles == boards.solutions)).all()
    answer = solve(boards.puzzles, block)
    assert (answer.found == 1).all()
    assert (answer.solutions == boards.solutions).all()
    assert (answer.nodes == boards.nodes).all()


def test_clue_counts_are_uniform():
    boards = generate(1200, (31, 42), seed=1)
    counts = np.bincount(boards.givens, minlength=43)[31:]
    assert counts.sum() == 1200
    # 100 of each are expected, with a standard deviation of 9.6.
    assert counts.min() > 55 and counts.max() < 145


def test_hard_boards_reach_22_clues_and_many_need_branching():
    boards = generate(40, (22, 25), seed=2, split="hard")
    assert set(boards.givens.tolist()) == {22, 23, 24, 25}
    # About half of them; the standard deviation of the share is 0.08.
    assert 0.25 < boards.branching.mean() < 0.8


def test_seed_and_parameters_decide():
    boards = generate(20, (35, 40), seed=7)
    assert same(boards, generate(20, (35, 40), seed=7))
    assert not same(boards, generate(20, (35, 40), seed=8))
    assert len({puzzle.tobytes() for puzzle in boards.puzzles}) == 20


def test_progress_is_told():
    told = []
    generate(1100, (45, 55), seed=9, progress=lambda done, count: told.append((done, count)))
    assert told == [(512, 1100), (1024, 1100), (1100, 1100)]


def test_thinning_leaves_no_clue_that_could_be_spared():
    boards = generate(6, (81, 81), seed=3)
    left = thin(boards.puzzles > 0, boards.solutions, np.zeros(6, dtype=int), NINE, np.random.default_rng(0))
    for given_cells, solution in zip(left, boards.solutions, strict=True):
        without = np.array([np.where(given_cells, solution, 0)] * int(given_cells.sum()))
        without[np.arange(len(without)), np.flatnonzero(given_cells)] = 0
        assert (solve(without, NINE).found == 2).all()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"givens": (17, 30)}, "reaches 21 clues on 9x9 boards, not 17"),
        ({"givens": (40, 31)}, "lower bound 40 is above the upper bound 31"),
        ({"givens": (31, 82)}, "82 clues do not fit on 81 cells"),
        ({"count": 0}, "at least 1"),
        ({"seed": -1}, "negative"),
        ({"split": "valid"}, "not one of train, test, hard"),
        ({"givens": (3, 6), "block": FOUR}, "reaches 4 clues on 4x4 boards, not 3"),
    ],
)
def test_impossible_requests_are_refused(request_, message):
    with pytest.raises(ValueError, match=message):
        generate(**({"count": 1, "givens": (31, 42), "seed": 0} | request_))


def test_boards_can_be_cut_and_joined():
    boards = generate(10, (50, 60), seed=4)
    assert same(Boards.concatenate([boards[:3], boards[3:]]), boards)
    assert (boards[boards.givens > 55].givens > 55).all()
    with pytest.raises(ValueError, match="need puzzles and solutions of shape"):
        Boards(boards.puzzles[:4], boards.solutions, boards.nodes)
    with pytest.raises(ValueError, match="one and the same block shape"):
        Boards.concatenate([boards, generate(2, (8, 10), seed=0, block=FOUR)])
