"""Sudoku boards: geometry, solver, generator, files and symmetries. Nothing here knows of networks."""

from __future__ import annotations

from oscillo_tasks.sudoku.boards.collection import Boards, digit_string
from oscillo_tasks.sudoku.boards.generate import generate
from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.boards.search import solve

__all__ = ["BlockShape", "Boards", "digit_string", "generate", "solve"]
