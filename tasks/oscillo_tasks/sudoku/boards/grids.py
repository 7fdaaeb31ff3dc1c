"""Random solution grids, and the split of all grids into those for training, for tests and for hard tests.

Two grids are of one *class* when relabelling, band, stack, row and column moves and (on square blocks) transposition
lead from one to the other. Which split a grid belongs to depends on its class alone, so boards of different splits
never share a grid up to these moves, whatever the seeds.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.boards.propagation import digit_bits, digits_of, one_round, set_size

Split = Literal["train", "test", "hard"]
SPLITS: tuple[Split, ...] = get_args(Split)

# Of 64 hash values: 52 for training, 6 each for test and hard.
_SPLIT_BOUNDS = {"train": (0, 52), "test": (52, 58), "hard": (58, 64)}
# All 288 4x4 grids fall into two classes, too few for three splits: see `class_keys`.
_SMALLEST_SIDE_WITH_CLASSES = 6


def _cycle_types(lines: np.ndarray) -> np.ndarray:
    """Cycle type of the permutation that takes line i to line j, for all pairs within a group of lines.

    Args:
        lines: digits from 0, [n, groups, lines, side]; the groups are bands of rows (or stacks of columns).

    Returns:
        uint64 [n, groups, pairs]: the fixed points of the powers 1 .. side of the permutation, as decimal digits; they
        determine the cycle type, and a permutation and its inverse have the same.
    """
    side = lines.shape[-1]
    place = np.argsort(lines, axis=-1)
    pairs = list(combinations(range(lines.shape[2]), 2))
    first, second = ([pair[k] for pair in pairs] for k in (0, 1))
    step = np.take_along_axis(lines[:, :, second], place[:, :, first], axis=-1)
    power, code = step, np.zeros(step.shape[:-1], dtype=np.uint64)
    for _ in range(side):
        code = code * np.uint64(10) + (power == np.arange(side)).sum(axis=-1).astype(np.uint64)
        power = np.take_along_axis(step, power, axis=-1)
    return code


def _side_key(lines: np.ndarray) -> np.ndarray:
    """Invariant of the lines [n, groups, lines, side] under moves of lines and groups, crossing and relabelling."""
    types = np.sort(_cycle_types(lines), axis=-1)
    order = np.lexsort(types.transpose(2, 0, 1)[::-1], axis=-1)
    return np.take_along_axis(types, order[:, :, None], axis=1).reshape(len(lines), -1)


def class_keys(grids: np.ndarray, block: BlockShape) -> list[bytes]:
    """A key per grid that is equal for grids of one class (and for few others).

    The rows of a band, taken in pairs, give permutations of the digits (what stands in one row above what in the
    other). Relabelling conjugates them and moving columns leaves them, so their cycle types, sorted within bands and
    over bands, do not change; neither do those of the columns; transposition swaps the two.

    4x4 grids have only two classes, so no split by class can hold. There the key is the grid itself: no grid of one
    split, and so no board, occurs in another, but relabelled and moved copies do.

    Args:
        grids: uint8 [n, cells], digits from 1.
        block: block shape of the boards.
    """
    n, side = len(grids), block.side
    if side < _SMALLEST_SIDE_WITH_CLASSES:
        return [grid.tobytes() for grid in np.ascontiguousarray(grids, dtype=np.uint8)]
    square = grids.astype(np.int64).reshape(n, side, side) - 1
    rows = _side_key(square.reshape(n, block.bands, block.rows, side))
    columns = _side_key(square.swapaxes(1, 2).reshape(n, block.stacks, block.columns, side))
    pairs = zip(rows.astype("<u8"), columns.astype("<u8"), strict=True)
    sides = ([row.tobytes(), column.tobytes()] for row, column in pairs)
    return [b"".join(sorted(pair) if block.square else pair) for pair in sides]


def split_of(grids: np.ndarray, block: BlockShape) -> np.ndarray:
    """Split each of the grids [n, cells] belongs to: array of str [n]."""
    hashes = (
        np.array([blake2b(key, digest_size=1).digest()[0] for key in class_keys(grids, block)], dtype=np.int64) % 64
    )
    bounds = [_SPLIT_BOUNDS[split][1] for split in SPLITS]
    return np.array(SPLITS)[np.searchsorted(bounds, hashes, side="right")]


def random_grids(count: int, block: BlockShape, rng: np.random.Generator) -> np.ndarray:
    """Fill grids by randomised search: uint8 [count, cells].

    The blocks on the diagonal, which do not see each other, get random permutations. Then singles are placed; when
    none is left, a random digit goes to a random one of the cells with fewest candidates; a contradiction starts the
    grid anew. Every grid can come out; the chances of different grids are similar but not equal.
    """
    grids = np.zeros((count, block.cells), dtype=np.uint8)
    number = np.arange(count)
    states = _diagonal_blocks(count, block, rng)
    while number.size:
        states, dead, settled = one_round(states, block)
        if dead.any():
            states[:, dead] = _diagonal_blocks(int(dead.sum()), block, rng)
        stuck = np.flatnonzero(settled)
        if not stuck.size:
            continue
        digits = digits_of(states[:, stuck], block)
        full = digits.all(axis=1)
        grids[number[stuck[full]]] = digits[full]
        _place_at_random(states, stuck[~full], block, rng)
        states, number = np.delete(states, stuck[full], axis=1), np.delete(number, stuck[full])
    return grids


def _diagonal_blocks(count: int, block: BlockShape, rng: np.random.Generator) -> np.ndarray:
    """Candidate sets [cells, count] of boards whose diagonal blocks are filled at random."""
    bits = digit_bits(block.side)
    states = np.full((block.cells, count), bits[0], dtype=np.uint16)
    diagonal = min(block.bands, block.stacks)
    orders = rng.random((diagonal, block.side, count)).argsort(axis=1)
    for k in range(diagonal):
        states[block.units[2 * block.side + k * block.stacks + k]] = bits[1 + orders[k]]
    return states


def _place_at_random(states: np.ndarray, which: np.ndarray, block: BlockShape, rng: np.random.Generator) -> None:
    """Place, in the states of the given columns, a random candidate in a random smallest open cell."""
    chosen = states[:, which]
    size = set_size(block.side)[chosen].astype(np.float64)
    cell = (np.where(size > 1, size, np.inf) + 0.5 * rng.random(size.shape)).argmin(axis=0)
    bits = digit_bits(block.side)[1:]
    members = (chosen[cell, np.arange(which.size)][:, None] & bits) != 0
    digit = np.where(members, rng.random(members.shape), -1.0).argmax(axis=1)
    states[cell, which] = bits[digit]


def random_grids_of_split(count: int, split: Split, block: BlockShape, rng: np.random.Generator) -> np.ndarray:
    """Random grids that belong to one split: uint8 [count, cells]."""
    low, high = _SPLIT_BOUNDS[split]
    tries = 8 + int(1.2 * count * 64 / (high - low))
    kept: list[np.ndarray] = []
    have = 0
    while have < count:
        grids = random_grids(tries, block, rng)
        kept.append(grids[split_of(grids, block) == split])
        have += len(kept[-1])
    return np.concatenate(kept)[:count]
