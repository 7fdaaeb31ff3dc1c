"""What a file of boards held, before and after its boards were checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscillo_tasks.sudoku.boards.collection import Boards


class BoardFileError(ValueError):
    """A file that boards cannot be read from; the message names it and says what to do."""


@dataclass(frozen=True)
class Rejected:
    """A row that was left out: its number in the file (from 1, a header counts) and why."""

    row: int
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.reason}"


@dataclass(frozen=True)
class BoardFile:
    """What a file held: the usable boards, in their order, and the rows left out."""

    boards: Boards
    rejected: list[Rejected]


@dataclass(frozen=True)
class RawBoards:
    """Rows of a file before the solver has seen them.

    Attributes:
        puzzles: uint8 [n, cells].
        solutions: uint8 [n, cells], or None where the file has none.
        rows: row number of each, int64 [n].
        rejected: rows that are no boards at all.
    """

    puzzles: np.ndarray
    solutions: np.ndarray | None
    rows: np.ndarray
    rejected: list[Rejected]
