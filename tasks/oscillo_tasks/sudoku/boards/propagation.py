"""Naked and hidden singles on many boards at once.

A state is an array of candidate sets, uint16 [cells, n]: bit d - 1 of an entry says that digit d may still stand
in that cell of that board. Boards run along the last axis, so that every step is a handful of long bitwise operations.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from oscillo_tasks.sudoku.boards.geometry import BlockShape


class Round(NamedTuple):
    """What one round of singles made of the states: new candidates, and flags per board."""

    candidates: np.ndarray  # uint16 [cells, n]
    dead: np.ndarray  # bool [n]: a cell without candidate, or a unit without place for a digit
    settled: np.ndarray  # bool [n]: the round changed nothing and the state is not dead


@lru_cache
def digit_bits(side: int) -> np.ndarray:
    """Candidate set of a cell by its digit, uint16 [side + 1]; 0 (blank) allows every digit."""
    bits = 1 << np.arange(-1, side).clip(0)
    bits[0] = (1 << side) - 1
    return bits.astype(np.uint16)


@lru_cache
def digit_of_set(side: int) -> np.ndarray:
    """Digit of a candidate set, uint8 [2 ** side]; 0 where the set has not exactly one member."""
    digits = np.zeros(1 << side, dtype=np.uint8)
    digits[1 << np.arange(side)] = np.arange(1, side + 1)
    return digits


@lru_cache
def set_size(side: int) -> np.ndarray:
    """Number of members of a candidate set, uint8 [2 ** side]."""
    return np.array([bin(members).count("1") for members in range(1 << side)], dtype=np.uint8)


def candidates_of(puzzles: np.ndarray, block: BlockShape) -> np.ndarray:
    """Candidate sets, uint16 [cells, n], of puzzles [n, cells] with digits, 0 for blank."""
    return np.ascontiguousarray(digit_bits(block.side)[puzzles.T])


def digits_of(candidates: np.ndarray, block: BlockShape) -> np.ndarray:
    """Digits, uint8 [n, cells], of candidate sets [cells, n]; 0 where a cell is open."""
    return np.ascontiguousarray(digit_of_set(block.side)[candidates].T)


def only_one(sets: np.ndarray) -> np.ndarray:
    """Whether candidate sets have at most one member, bool."""
    return (sets & (sets - np.uint16(1))) == 0


def _tally(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Digits found in at least one, and in at least two, of the cells of a unit."""
    once = parts[0].copy()
    twice = np.zeros_like(once)
    seen = np.empty_like(once)
    for part in parts[1:]:
        np.bitwise_and(once, part, out=seen)
        twice |= seen
        once |= part
    return once, twice


def _tallies(sets: np.ndarray, block: BlockShape) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tally of rows, columns and blocks, each shaped to broadcast against [band, row, stack, column, n]."""
    bands, rows, stacks, columns, _ = sets.shape
    of_rows = _tally([sets[:, :, s, j] for s in range(stacks) for j in range(columns)])
    of_columns = _tally([sets[b, i] for b in range(bands) for i in range(rows)])
    of_blocks = _tally([sets[:, i, :, j] for i in range(rows) for j in range(columns)])
    return [
        (of_rows[0][:, :, None, None], of_rows[1][:, :, None, None]),
        (of_columns[0][None, None], of_columns[1][None, None]),
        (of_blocks[0][:, None, :, None], of_blocks[1][:, None, :, None]),
    ]


def one_round(candidates: np.ndarray, block: BlockShape) -> Round:
    """Eliminate placed digits from their units, then place digits that have one place left in a unit.

    Repeated until it settles this is exactly the closure under naked and hidden singles; the order of the two does
    not matter, because both only ever take candidates away that the closure takes away as well.

    Args:
        candidates: uint16 [cells, n], not changed.
        block: block shape of the boards.
    """
    before = candidates.reshape(block.bands, block.rows, block.stacks, block.columns, -1)
    full = np.uint16((1 << block.side) - 1)
    single = before * only_one(before)
    after = before.copy()
    open_cell = ~single
    for once, twice in _tallies(single, block):
        # A placed digit goes from all other cells; standing twice in a unit it goes everywhere: contradiction.
        after &= ~((once & open_cell) | twice)
    missing = np.zeros(candidates.shape[1], dtype=np.uint16)
    hidden = np.zeros_like(after)
    for once, twice in _tallies(after, block):
        missing |= np.bitwise_or.reduce((once ^ full).reshape(-1, missing.size), axis=0)
        hidden |= once & ~twice
    hidden &= after
    # Two digits that both have this cell as their only place leave it without any.
    after = (after * (hidden == 0) | hidden * only_one(hidden)).reshape(candidates.shape)
    dead = (missing != 0) | (np.minimum.reduce(after, axis=0) == 0)
    settled = (np.bitwise_or.reduce(after ^ candidates, axis=0) == 0) & ~dead
    return Round(after, dead, settled)


def singles_finish(puzzles: np.ndarray, block: BlockShape) -> np.ndarray:
    """Whether naked and hidden singles alone finish each of the puzzles [n, cells]: bool [n]."""
    candidates = candidates_of(puzzles, block)
    finished = np.zeros(len(puzzles), dtype=bool)
    running = np.arange(len(puzzles))
    while running.size:
        candidates, dead, settled = one_round(candidates, block)
        full = only_one(candidates).all(axis=0)
        finished[running[settled & full]] = True
        keep = ~(dead | settled)
        candidates, running = candidates[:, keep], running[keep]
    return finished
