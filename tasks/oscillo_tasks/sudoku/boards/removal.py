"""Taking clues away from solution grids while exactly one solution remains."""

from __future__ import annotations

import numpy as np

from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.boards.propagation import digit_bits
from oscillo_tasks.sudoku.boards.search import search

# Boards stuck above their target get this share of the missing clues back and try another order ...
_PUT_BACK = 0.16
# ... this often, before they start anew from another grid. Where few boards are stuck, each is tried
# in several ways at once, which costs hardly more.
_ATTEMPTS = 30
_TOGETHER = 160


def thin(
    given: np.ndarray, solutions: np.ndarray, targets: np.ndarray, block: BlockShape, rng: np.random.Generator
) -> np.ndarray:
    """Take clues away in random order, each if exactly one solution remains, until the target is met.

    A clue may go when the board without it has no solution with another digit in its cell.

    Args:
        given: bool [n, cells]; the boards they show have exactly one solution.
        solutions: uint8 [n, cells].
        targets: clues wanted, int [n].
        block: block shape of the boards.
        rng: source of the orders.

    Returns:
        bool [n, cells]: the clues left; as many as wanted, or more, and then none of them can be spared.
    """
    given = given.copy()
    n = len(given)
    left = given.sum(axis=1)
    bits = digit_bits(block.side)
    states = bits[np.where(given, solutions, 0).T]
    order = np.where(given, rng.random((n, block.cells)), 2.0).argsort(axis=1)
    for k in range(int(left.max(initial=0))):
        boards = np.flatnonzero((left > targets) & given[np.arange(n), order[:, k]])
        if not boards.size:
            continue
        cells = order[boards, k]
        other = states[:, boards]
        other[cells, np.arange(boards.size)] = bits[0] & ~bits[solutions[boards, cells]]
        spare = search(other, block, limit=1).found == 0
        boards, cells = boards[spare], cells[spare]
        states[cells, boards] = bits[0]
        given[boards, cells] = False
        left[boards] -= 1
    return given


def _put_back(given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give every board back a random share of the clues it has lost."""
    return given | (rng.random(given.shape) < _PUT_BACK)


def remove_clues(
    solutions: np.ndarray, targets: np.ndarray, block: BlockShape, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Clues that leave each grid exactly one solution, and whether the target was met: bool [n, cells], bool [n].

    Clues go in random order, each if exactly one solution remains (`thin`). A board that gets stuck
    above its target gets about one in six of its lost clues back and loses clues in another random order; whichever
    has fewer clues is kept. Boards that have not met their target after 30 such attempts are given up.
    """
    given = thin(np.ones(solutions.shape, dtype=bool), solutions, targets, block, rng)
    for _ in range(_ATTEMPTS):
        stuck = np.flatnonzero(given.sum(axis=1) > targets)
        if not stuck.size:
            break
        ways = max(1, _TOGETHER // stuck.size)
        boards = np.repeat(stuck, ways)
        tried = thin(_put_back(given[boards], rng), solutions[boards], targets[boards], block, rng)
        best = tried.sum(axis=1).reshape(-1, ways).argmin(axis=1) + ways * np.arange(stuck.size)
        better = tried[best].sum(axis=1) <= given[stuck].sum(axis=1)
        given[stuck[better]] = tried[best[better]]
    return given, given.sum(axis=1) == targets
