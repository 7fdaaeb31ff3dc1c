"""Random grids, their classes, and the splits."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oscillo_tasks.sudoku.boards import SPLITS, BlockShape, generate, split_of
from oscillo_tasks.sudoku.boards.grids import class_keys, random_grids, random_grids_of_split

NINE, SIX, FOUR = BlockShape(3, 3), BlockShape(2, 3), BlockShape(2, 2)


def move(grid: np.ndarray, block: BlockShape, seed: int) -> np.ndarray:
    """A random relabelling, moves of bands, rows, stacks and columns, and a transposition, one after the other."""
    rng = np.random.default_rng(seed)
    square = np.concatenate([[0], 1 + rng.permutation(block.side)])[grid].reshape(block.side, block.side)
    rows = [b * block.rows + r for b in rng.permutation(block.bands) for r in rng.permutation(block.rows)]
    columns = [s * block.columns + c for s in rng.permutation(block.stacks) for c in rng.permutation(block.columns)]
    square = square[rows][:, columns]
    if block.square and rng.random() < 0.5:
        square = square.T
    return square.ravel()


COLUMN_ORDERS = np.array(
    [
        [3 * s + c for s, within in zip(stacks, orders, strict=True) for c in within]
        for stacks in permutations(range(3))
        for orders in product(permutations(range(3)), repeat=3)
    ]
)


def canonical(grid: np.ndarray) -> bytes:
    """Smallest 9x9 grid, read row by row, that the moves can reach.

    Any row can come first and, with its columns in any order the moves allow, be relabelled to 1 .. 9. The smaller of
    its two band mates, by first digit, comes second; grids whose second row is not the smallest are dropped.
    """
    second, candidates = 10**9, []
    for square in (grid.reshape(9, 9), grid.reshape(9, 9).T):
        for first in range(9):
            lines = square[:, COLUMN_ORDERS].swapaxes(0, 1)  # [order, row, column]
            label = np.argsort(lines[:, first], axis=1) + 1
            mates = [row for row in range(first // 3 * 3, first // 3 * 3 + 3) if row != first]
            for mate in mates:
                number = np.take_along_axis(label, lines[:, mate] - 1, axis=1) @ 10 ** np.arange(8, -1, -1)
                if number.min() < second:
                    second, candidates = number.min(), []
                for order in np.flatnonzero(number == second):
                    candidates.append(np.append(0, label[order])[lines[order]])
    return min(sort_rows(candidate) for candidate in candidates)


def sort_rows(square: np.ndarray) -> bytes:
    """The grid with rows sorted in bands and bands by their first rows."""
    bands = [band[np.argsort(band[:, 0])] for band in square.reshape(3, 3, 9)]
    return np.concatenate(sorted(bands, key=lambda band: band[0, 0])).astype(np.uint8).tobytes()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), block=st.sampled_from([NINE, SIX, BlockShape(3, 2), BlockShape(2, 4)]))
def test_moves_keep_class_and_split(seed, block):
    grid = random_grids(1, block, np.random.default_rng(seed))[0]
    moved = move(grid, block, seed)
    assert (np.sort(moved[block.units], axis=1) == np.arange(1, block.side + 1)).all()
    assert class_keys(np.array([grid, moved]), block)[0] == class_keys(np.array([grid, moved]), block)[1]
    assert split_of(np.array([grid]), block) == split_of(np.array([moved]), block)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_canonical_form_is_canonical(seed):
    grid = random_grids(1, NINE, np.random.default_rng(seed))[0]
    form = canonical(grid)
    assert canonical(move(grid, NINE, seed)) == form
    assert form[:9] == bytes(range(1, 10))
    other = random_grids(1, NINE, np.random.default_rng(seed + 1))[0]
    assert canonical(other) != form


def test_generated_sets_share_no_grid_up_to_the_moves():
    """The true canonical form, which the generator does not know, of boards of all splits and several seeds."""
    forms = {
        (split, seed): {canonical(grid) for grid in generate(40, (40, 50), seed=seed, split=split).solutions}
        for split in SPLITS
        for seed in (1, 2)
    }
    assert all(len(group) == 40 for group in forms.values())
    assert len(set.union(*forms.values())) == 40 * len(forms)


def test_grids_of_a_large_set_are_of_different_classes():
    """Equal classes have equal keys, so as many keys as grids prove it."""
    grids = random_grids_of_split(3000, "train", NINE, np.random.default_rng(3))
    assert len(set(class_keys(grids, NINE))) == 3000


def test_moved_copies_of_training_grids_never_are_test_grids():
    grids = random_grids_of_split(200, "train", NINE, np.random.default_rng(4))
    moved = np.array([move(grid, NINE, seed) for seed, grid in enumerate(grids)])
    assert (split_of(moved, NINE) == "train").all()


def test_shares_of_the_splits():
    splits = split_of(random_grids(4000, NINE, np.random.default_rng(5)), NINE)
    shares = {split: float((splits == split).mean()) for split in SPLITS}
    assert shares["train"] == pytest.approx(52 / 64, abs=0.03)
    assert shares["test"] == pytest.approx(6 / 64, abs=0.03)
    assert shares["hard"] == pytest.approx(6 / 64, abs=0.03)


@pytest.mark.parametrize("block", [FOUR, SIX])
def test_small_boards_have_grids_in_every_split(block):
    grids = {split: random_grids_of_split(300, split, block, np.random.default_rng(6)) for split in SPLITS}
    seen = [{grid.tobytes() for grid in group} for group in grids.values()]
    assert all(seen)
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_random_grids_are_grids_and_spread_out():
    grids = random_grids(900, NINE, np.random.default_rng(7))
    assert (np.sort(grids[:, NINE.units], axis=2) == np.arange(1, 10)).all()
    # Every digit in every cell about 100 times of 900 (standard deviation about 9.4).
    counts = np.array([(grids == digit).sum(axis=0) for digit in range(1, 10)])
    assert counts.min() > 55 and counts.max() < 150
