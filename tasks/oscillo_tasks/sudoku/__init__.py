"""Sudoku: generated boards, an oscillator network that fills them, and what it gets right."""

from oscillo_tasks.sudoku.importer import AKOrNImporterSpec
from oscillo_tasks.sudoku.task import SudokuTask, SudokuTaskSpec

__all__ = ["AKOrNImporterSpec", "SudokuTask", "SudokuTaskSpec"]
