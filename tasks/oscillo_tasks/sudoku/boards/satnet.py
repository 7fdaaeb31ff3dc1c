"""SATNet's Sudoku tensors: `features.pt` and `labels.pt`, one-hot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from oscillo_tasks.sudoku.boards.file_content import BoardFileError, RawBoards
from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.tensor_files import TensorFileError, load_tensors


def read_tensors(folder: Path, block: BlockShape, limit: int | None) -> RawBoards:
    """Boards of a folder as the SATNet authors published them (Wang et al. 2019, `sudoku/`).

    Args:
        folder: holds `features.pt` and, if the solutions are known, `labels.pt`: [n, side, side, side], the last axis
            one-hot in the digit, all zeros for a blank.
        block: block shape of the boards.
        limit: read at most this many boards.

    Raises:
        BoardFileError: if `features.pt` is missing, or a file is not such a tensor.
    """
    features, labels = folder / "features.pt", folder / "labels.pt"
    if not features.exists():
        raise BoardFileError(
            f"{folder}: no features.pt in this folder; name a CSV file, or a folder with SATNet's tensors"
        )
    puzzles, bad_puzzles = _digits(_load(features, block)[:limit], block)
    solutions, bad_solutions = np.zeros_like(puzzles), {}
    if labels.exists():
        solutions, bad_solutions = _digits(_load(labels, block)[:limit], block)
        if len(solutions) != len(puzzles):
            raise BoardFileError(f"{folder}: features.pt has {len(puzzles)} boards and labels.pt {len(solutions)}")
        bad_solutions = {place: f"in the solution: {reason}" for place, reason in bad_solutions.items()}
    return RawBoards(puzzles, solutions, np.arange(1, len(puzzles) + 1), bad_puzzles, bad_solutions)


def _load(path: Path, block: BlockShape) -> Tensor:
    """The tensor in a file."""
    try:
        tensor = load_tensors(path)
    except TensorFileError as error:
        raise BoardFileError(f"{path}: {error}") from error
    side = block.side
    if not isinstance(tensor, Tensor) or tensor.dim() != 4 or tuple(tensor.shape[1:]) != (side, side, side):
        shape = list(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise BoardFileError(
            f"{path}: expected one tensor [n, {side}, {side}, {side}], one-hot in the digit, got {shape}"
        )
    return tensor


def _digits(one_hot: Tensor, block: BlockShape) -> tuple[np.ndarray, dict[int, str]]:
    """Digits, uint8 [n, cells], and the reasons, by place, for boards that are not one-hot."""
    marks = one_hot.reshape(len(one_hot), block.cells, block.side)
    odd = ((marks != 0) & (marks != 1)).any(dim=-1) | ((marks != 0).sum(dim=-1) > 1)
    digits = torch.where((marks != 0).any(dim=-1), marks.argmax(dim=-1) + 1, 0).to(torch.uint8).numpy()
    reasons = {}
    for place in odd.any(dim=1).nonzero().flatten().tolist():
        cell = int(odd[place].to(torch.uint8).argmax())
        where = f"row {cell // block.side + 1}, column {cell % block.side + 1}"
        reasons[place] = f"not one-hot: {where} has neither zeros alone (blank) nor a single one"
    digits[list(reasons)] = 0
    return digits, reasons
