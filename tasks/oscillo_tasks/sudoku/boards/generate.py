"""Boards from nothing: fresh random grids, with clues taken away while exactly one solution remains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oscillo_tasks.sudoku.boards.collection import Boards
from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.boards.grids import SPLITS, Split, random_grids_of_split
from oscillo_tasks.sudoku.boards.removal import remove_clues
from oscillo_tasks.sudoku.boards.search import solve

# Grows whenever the boards of a given seed change; part of the names of cached files.
GENERATOR_VERSION = 1

# Fewest clues that are reached, by the side of the board. (Fewer exist: 8, 14 and 17 on the larger three.)
FEWEST_GIVENS = {4: 4, 6: 9, 8: 18, 9: 21}

# Boards made together. Part of what the seed means: another number gives other boards.
_BOARDS_PER_JOB = 512

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Job:
    count: int
    givens: tuple[int, int]
    split: Split
    block: BlockShape
    seed: int
    number: int

    def run(self) -> Boards:
        key = [
            self.seed,
            *self.givens,
            SPLITS.index(self.split),
            self.block.rows,
            self.block.columns,
            self.number,
        ]
        rng = np.random.default_rng(np.random.SeedSequence(key))
        low, high = self.givens
        targets = rng.integers(low, high + 1, self.count)
        puzzles = np.zeros((self.count, self.block.cells), dtype=np.uint8)
        solutions = np.zeros_like(puzzles)
        missing = np.arange(self.count)
        while missing.size:
            grids = random_grids_of_split(missing.size, self.split, self.block, rng)
            given, met = remove_clues(grids, targets[missing], self.block, rng)
            solutions[missing[met]] = grids[met]
            puzzles[missing[met]] = np.where(given, grids, 0)[met]
            missing = missing[~met]
        answers = solve(puzzles, self.block)
        if (answers.found != 1).any() or (answers.solutions != solutions).any():
            raise AssertionError(
                f"a generated board has not exactly one solution (seed {self.seed}, job {self.number})"
            )
        return Boards(puzzles, solutions, answers.nodes, self.block)


def check_request(count: int, givens: tuple[int, int], seed: int, block: BlockShape, split: str) -> None:
    """Refuse what `generate` cannot make.

    Raises:
        ValueError: naming the parameter and what it may be.
    """
    low, high = givens
    fewest = FEWEST_GIVENS[block.side]
    if count < 1:
        raise ValueError(f"boards: {count} were asked for; at least 1 is needed")
    if seed < 0:
        raise ValueError(f"seed: {seed} is negative; use 0 or more")
    if split not in SPLITS:
        raise ValueError(f"split: {split!r} is not one of {', '.join(SPLITS)}")
    if low > high:
        raise ValueError(f"givens: the lower bound {low} is above the upper bound {high}")
    if low < fewest:
        raise ValueError(
            f"givens: the generator reaches {fewest} clues on {block.side}x{block.side} boards, not {low}; "
            f"ask for {fewest} or more, or read boards with fewer clues from a file"
        )
    if high > block.cells:
        raise ValueError(f"givens: {high} clues do not fit on {block.cells} cells")


def generate(
    count: int,
    givens: tuple[int, int],
    seed: int,
    *,
    block: BlockShape | None = None,
    split: Split = "train",
    progress: Progress | None = None,
) -> Boards:
    """Make boards with exactly one solution.

    The rule: every board gets a number of clues, drawn uniformly from `givens`, and a fresh random
    grid of its split (`random_grids`). Clues go in random order, each if exactly one solution
    remains, until the number is met; a board that gets stuck above it is given some clues back and
    tried in other orders, and in the end with another grid (`remove_clues`). So clue counts are uniform
    over the range, exactly. Few clues do not make a board hard by themselves: of boards with 22-34
    clues about 30 % need branching (every second one at 22-25), of those with 31-42 clues 2 %.

    Grids of different splits are disjoint up to relabelling, band, stack, row and column moves and
    transposition, for any seeds (4x4: as grids only; see `class_keys`).

    Args:
        count: number of boards.
        givens: fewest and most clues of a board, both included.
        seed: 0 or more. The same parameters give the same boards.
        block: block shape; 3x3 unless given.
        split: which grids to use: `train`, `test` or `hard`. It says nothing about clue counts.
        progress: called with (boards done, boards asked for) as parts get ready.

    Raises:
        ValueError: for a request that cannot be met, see `check_request`.
    """
    block = block or BlockShape()
    check_request(count, givens, seed, block, split)
    starts = range(0, count, _BOARDS_PER_JOB)
    jobs = [
        _Job(min(_BOARDS_PER_JOB, count - start), givens, split, block, seed, number)
        for number, start in enumerate(starts)
    ]
    parts: list[Boards] = []
    done = 0
    for job in jobs:
        part = job.run()
        parts.append(part)
        done += len(part)
        if progress is not None:
            progress(done, count)
    return Boards.concatenate(parts)
