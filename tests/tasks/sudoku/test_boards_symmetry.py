"""Symmetry moves on batches of boards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oscillo_tasks.sudoku.boards import BlockShape, generate, solve
from oscillo_tasks.sudoku.boards.grids import class_keys
from oscillo_tasks.sudoku.boards.symmetry import random_symmetry, symmetry_draws

BLOCKS = [BlockShape(3, 3), BlockShape(2, 3), BlockShape(2, 2)]
BOARDS = {block: generate(16, (block.cells // 2, block.cells // 2 + 4), seed=1, block=block) for block in BLOCKS}


def moved(block: BlockShape, uniforms: torch.Tensor, dtype: torch.dtype = torch.int64):
    boards = BOARDS[block]
    puzzles, solutions = (torch.from_numpy(array).to(dtype) for array in (boards.puzzles, boards.solutions))
    return random_symmetry(puzzles, solutions, uniforms, block)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(BLOCKS), st.integers(0, 2**31), st.sampled_from([torch.uint8, torch.int64]))
def test_moved_boards_are_boards_of_the_same_class(block, seed, dtype):
    uniforms = torch.rand(16, symmetry_draws(block), generator=torch.Generator().manual_seed(seed))
    puzzles, solutions = moved(block, uniforms, dtype)
    assert puzzles.dtype == solutions.dtype == dtype
    boards = BOARDS[block]
    answer = solve(puzzles.to(torch.uint8).numpy(), block)
    assert (answer.found == 1).all()
    assert (answer.solutions == solutions.numpy()).all()
    # Singles see the moved board as they saw the first.
    assert ((answer.nodes > 0) == boards.branching).all()
    assert ((puzzles != 0).sum(dim=1).numpy() == boards.givens).all()
    if block.side > 4:
        assert class_keys(solutions.to(torch.uint8).numpy(), block) == class_keys(boards.solutions, block)


def test_ascending_draws_change_nothing():
    block = BLOCKS[0]
    uniforms = torch.arange(34).expand(16, 34) / 100
    puzzles, solutions = moved(block, uniforms)
    assert (puzzles.numpy() == BOARDS[block].puzzles).all()
    assert (solutions.numpy() == BOARDS[block].solutions).all()
    turned, _ = moved(block, torch.where(torch.arange(34) == 33, 0.9, uniforms))
    assert (turned.reshape(16, 9, 9).mT.reshape(16, 81) == puzzles).all()


def test_a_sample_depends_on_its_own_draws_only():
    uniforms = torch.rand(16, 34)
    puzzles, _ = moved(BLOCKS[0], uniforms)
    alone, _ = random_symmetry(
        torch.from_numpy(BOARDS[BLOCKS[0]].puzzles[5:6]).long(),
        torch.from_numpy(BOARDS[BLOCKS[0]].solutions[5:6]).long(),
        uniforms[5:6],
    )
    assert (alone[0] == puzzles[5]).all()


def test_all_moves_are_reached():
    """Where the digit of the first cell goes: to every cell, about equally often."""
    marks = torch.zeros(20_000, 81, dtype=torch.int64)
    marks[:, 0] = 1
    uniforms = torch.rand(20_000, 34, generator=torch.Generator().manual_seed(0))
    puzzles, _ = random_symmetry(marks, marks, uniforms)
    cells = (puzzles != 0).long().argmax(dim=1)
    assert np.bincount(cells, minlength=81).min() > 170  # 247 expected, standard deviation 15.6
    digits = puzzles.sum(dim=1)
    assert np.bincount(digits, minlength=10)[1:].min() > 2000  # 2222 expected


def test_the_number_of_draws_has_to_fit():
    with pytest.raises(ValueError, match=r"draws of shape \(16, 34\)"):
        moved(BLOCKS[0], torch.rand(16, 33))
