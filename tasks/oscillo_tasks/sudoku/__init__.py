"""Sudoku: generated boards, an oscillator network that fills them, and what it gets right."""

from oscillo_tasks.sudoku.solver import Answer, Solver
from oscillo_tasks.sudoku.task import SudokuTask, SudokuTaskSpec

__all__ = ["Answer", "Solver", "SudokuTask", "SudokuTaskSpec"]
