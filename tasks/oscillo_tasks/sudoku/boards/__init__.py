"""Sudoku boards: geometry, solver, generator, files and symmetries. Nothing here knows of networks.

Importing this package does not import torch; the symmetry moves on tensors are in `boards.symmetry`.
"""

from __future__ import annotations

from oscillo_tasks.sudoku.boards.cache import cached_boards, default_cache_dir
from oscillo_tasks.sudoku.boards.checking import BoardError, check, check_boards, contradictions, parse_board
from oscillo_tasks.sudoku.boards.collection import Boards, digit_string
from oscillo_tasks.sudoku.boards.file_content import BoardFile, BoardFileError, Rejected
from oscillo_tasks.sudoku.boards.files import count_rows, read_boards
from oscillo_tasks.sudoku.boards.generate import FEWEST_GIVENS, check_request, generate
from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.boards.grids import SPLITS, Split, split_of
from oscillo_tasks.sudoku.boards.propagation import singles_finish
from oscillo_tasks.sudoku.boards.search import Answers, solve

__all__ = [
    "FEWEST_GIVENS",
    "SPLITS",
    "Answers",
    "BlockShape",
    "BoardError",
    "BoardFile",
    "BoardFileError",
    "Boards",
    "Rejected",
    "Split",
    "cached_boards",
    "check",
    "check_boards",
    "check_request",
    "contradictions",
    "count_rows",
    "default_cache_dir",
    "digit_string",
    "generate",
    "parse_board",
    "read_boards",
    "singles_finish",
    "solve",
    "split_of",
]
