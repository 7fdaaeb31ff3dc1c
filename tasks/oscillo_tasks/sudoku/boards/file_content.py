"""What a file of boards held, before and after its boards were checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from oscillo_tasks.sudoku.boards.collection import Boards

MOST_LISTED, FIRST_LISTED = 50, 20
"""Rows left out that are listed one by one; of more than so many only the first few are, and all are counted."""


class BoardFileError(ValueError):
    """A file that boards cannot be read from; the message names it and says what to do."""


@dataclass(frozen=True)
class Rejected:
    """A row that was left out: its number in the file (from 1, a header counts) and why."""

    row: int
    reason: str

    @property
    def kind(self) -> str:
        """The reason without what is special to this row."""
        return self.reason.partition(":")[0]

    def __str__(self) -> str:
        return f"row {self.row}: {self.reason}"


@dataclass(frozen=True)
class BoardFile:
    """What a file held: the usable boards, in their order, and the rows left out."""

    boards: Boards
    rejected: list[Rejected]

    @property
    def left_out(self) -> list[str]:
        """Lines that name every row left out, or of very many the first, and how many there are for each reason."""
        if not self.rejected:
            return []
        count = len(self.rejected)
        shown = self.rejected if count <= MOST_LISTED else self.rejected[:FIRST_LISTED]
        lines = ["1 row was left out:" if count == 1 else f"{count} rows were left out:"]
        lines += [f"  {row}" for row in shown]
        if more := count - len(shown):
            lines.append(f"  and {more} more; in all: {counts_by_kind(self.rejected)}")
        return lines


def counts_by_kind(rejected: Iterable[Rejected]) -> str:
    """How many rows were left out for which reason, the most frequent first."""
    counts = Counter(row.kind for row in rejected)
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())


@dataclass(frozen=True)
class RawBoards:
    """Rows of a file before the solver has seen them.

    Attributes:
        puzzles: uint8 [n, cells].
        solutions: uint8 [n, cells]; a row of zeros where the file gives none.
        rows: row number of each, int64 [n].
        bad_puzzles: why a puzzle is no board at all, by place; its row is zeros.
        bad_solutions: the same of solutions.
    """

    puzzles: np.ndarray
    solutions: np.ndarray
    rows: np.ndarray
    bad_puzzles: dict[int, str]
    bad_solutions: dict[int, str]
