"""The geometry of a board: block shape, units, cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

LARGEST_SIDE = 9


@dataclass(frozen=True)
class BlockShape:
    """Rows and columns of one block; a board has `rows * columns` cells on a side.

    3x3 blocks give the usual 9x9 board, 2x2 the 4x4 board and 2x3 the 6x6 board. Cells are numbered row by
    row from the top left. A band is a row of blocks, a stack a column of blocks.

    Raises:
        ValueError: if a side is below two, or the board would have more than nine digits.
    """

    rows: int = 3
    columns: int = 3

    def __post_init__(self) -> None:
        if self.rows < 2 or self.columns < 2 or self.side > LARGEST_SIDE:
            raise ValueError(
                f"blocks of {self.rows}x{self.columns} cells do not make a board: rows and columns have to be at "
                f"least 2 and their product at most {LARGEST_SIDE}; use 3x3 for 9x9 boards, 2x2 for 4x4, 2x3 for 6x6"
            )

    @property
    def side(self) -> int:
        """Cells on a side of the board, and number of digits."""
        return self.rows * self.columns

    @property
    def cells(self) -> int:
        """Number of cells of the board."""
        return self.side**2

    @property
    def bands(self) -> int:
        """Number of rows of blocks."""
        return self.columns

    @property
    def stacks(self) -> int:
        """Number of columns of blocks."""
        return self.rows

    @property
    def square(self) -> bool:
        """Whether a transposed board is a board of the same shape."""
        return self.rows == self.columns

    @cached_property
    def units(self) -> np.ndarray:
        """Cells of every row, then column, then block: int64 [3 * side, side]."""
        cells = np.arange(self.cells).reshape(self.side, self.side)
        blocks = cells.reshape(self.bands, self.rows, self.stacks, self.columns).swapaxes(1, 2)
        return np.concatenate([cells, cells.T, blocks.reshape(self.side, self.side)])

    def unit_name(self, unit: int) -> str:
        """Name of a unit as people count, from one: `row 1`, `column 9`, `block 5`."""
        return f"{('row', 'column', 'block')[unit // self.side]} {unit % self.side + 1}"

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}"
