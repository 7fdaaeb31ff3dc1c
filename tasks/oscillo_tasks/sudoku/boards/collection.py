"""`Boards`: puzzles with their solutions, as arrays; and digit strings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from oscillo_tasks.sudoku.boards.geometry import BlockShape


@dataclass(frozen=True, eq=False)
class Boards:
    """Boards with exactly one solution each.

    Attributes:
        puzzles: digits given, 0 for blank, uint8 [n, cells].
        solutions: digits of the full grids, uint8 [n, cells].
        nodes: branches an exhaustive search with naked and hidden singles has to open, int64 [n]; 0 where
            the singles alone finish the board.
        block: block shape.

    Raises:
        ValueError: if the shapes of the arrays do not go together.
    """

    puzzles: np.ndarray
    solutions: np.ndarray
    nodes: np.ndarray
    block: BlockShape = field(default_factory=BlockShape)

    def __post_init__(self) -> None:
        shape = (len(self.nodes), self.block.cells)
        if self.puzzles.shape != shape or self.solutions.shape != shape or self.nodes.ndim != 1:
            raise ValueError(
                f"boards of {self.block} blocks need puzzles and solutions of shape {shape} and as many node counts, "
                f"got {self.puzzles.shape}, {self.solutions.shape} and {self.nodes.shape}"
            )

    def __len__(self) -> int:
        return len(self.puzzles)

    def __getitem__(self, index: slice | np.ndarray) -> Boards:
        """Some of the boards, by slice, index array or mask."""
        return Boards(self.puzzles[index], self.solutions[index], self.nodes[index], self.block)

    @property
    def givens(self) -> np.ndarray:
        """Number of digits given, int64 [n]."""
        return np.count_nonzero(self.puzzles, axis=1)

    @property
    def branching(self) -> np.ndarray:
        """Whether naked and hidden singles leave the board unfinished, bool [n]."""
        return self.nodes > 0

    @staticmethod
    def concatenate(parts: Iterable[Boards]) -> Boards:
        """Boards of several collections of one block shape, in order.

        Raises:
            ValueError: if there is no collection, or their block shapes differ.
        """
        parts = list(parts)
        if len({part.block for part in parts}) != 1:
            raise ValueError("boards to be joined need one and the same block shape")
        arrays = [np.concatenate([getattr(part, name) for part in parts]) for name in ("puzzles", "solutions", "nodes")]
        return Boards(arrays[0], arrays[1], arrays[2], parts[0].block)


def digit_string(board: np.ndarray) -> str:
    """A board [cells] as text, row by row, 0 for blank."""
    return "".join(str(int(digit)) for digit in board)
