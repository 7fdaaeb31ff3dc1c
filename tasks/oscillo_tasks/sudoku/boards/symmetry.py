"""Moves that turn boards into other boards with exactly one solution."""

from __future__ import annotations

import torch
from torch import Tensor

from oscillo_tasks.sudoku.boards.geometry import BlockShape


def symmetry_draws(block: BlockShape) -> int:
    """Uniform numbers that `random_symmetry` uses per board: 34 for 3x3 blocks."""
    return 3 * block.side + block.bands + block.stacks + 1


def _order(groups: Tensor, members: Tensor) -> Tensor:
    """Random order of lines that keeps groups together: int64 [sample, groups * members].

    Args:
        groups: sort keys of the groups, [sample, groups].
        members: sort keys of the lines within groups, [sample, groups * members].
    """
    sample, count = groups.shape
    within = members.reshape(sample, count, -1)
    return (groups.argsort(dim=1)[:, :, None] * within.shape[2] + within.argsort(dim=2)).reshape(sample, -1)


def random_symmetry(
    puzzles: Tensor, solutions: Tensor, uniforms: Tensor, block: BlockShape | None = None
) -> tuple[Tensor, Tensor]:
    """Relabel digits and move bands, rows, stacks and columns, and transpose square blocks, for each board its own way.

    All moves of the group are equally likely. The draws come from the caller, so that they can be keyed by seed,
    board and step; puzzle and solution undergo the same moves.

    Args:
        puzzles: digits, 0 for blank, any integer dtype, [sample, cells].
        solutions: digits, [sample, cells].
        uniforms: numbers in [0, 1), [sample, `symmetry_draws(block)`], on the same device.
        block: block shape; 3x3 unless given.

    Returns:
        Moved puzzles and solutions, of the shapes and dtypes given.

    Raises:
        ValueError: if the number of draws does not fit.
    """
    block = block or BlockShape()
    if uniforms.shape != (len(puzzles), symmetry_draws(block)):
        raise ValueError(
            f"random_symmetry needs draws of shape {(len(puzzles), symmetry_draws(block))}, got {tuple(uniforms.shape)}"
        )
    side = block.side
    labels, bands, rows, stacks, columns, turn = uniforms.split([side, block.bands, side, block.stacks, side, 1], dim=1)
    cells = _order(bands, rows)[:, :, None] * side + _order(stacks, columns)[:, None, :]
    if block.square:
        cells = torch.where(turn[:, :, None] < 0.5, cells, cells.transpose(1, 2))
    cells = cells.reshape(len(puzzles), -1)
    # A blank stays a blank.
    digits = torch.nn.functional.pad(labels.argsort(dim=1) + 1, (1, 0))
    moved = (digits.gather(1, boards.gather(1, cells).long()).to(boards.dtype) for boards in (puzzles, solutions))
    return next(moved), next(moved)
