"""Exhaustive search over many boards at once: singles first, then branching on the smallest candidate set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.boards.propagation import candidates_of, digits_of, one_round, only_one, set_size

# States worked on together: long enough to hide the cost of a numpy call, short enough to stay in the cache.
WIDTH = 512


@dataclass(frozen=True)
class Answers:
    """What a search found out about n boards.

    Attributes:
        found: number of solutions, counted up to the limit of the search, int64 [n].
        nodes: branches opened, int64 [n]; 0 means that naked and hidden singles alone decided the board. For boards
            with one solution this is the size of the whole search tree, so it does not depend on the batch.
        solutions: a solution, uint8 [n, cells]; zeros where there is none.
        decided: whether `found` is proven, bool [n]; False only where the budget ran out.
    """

    found: np.ndarray
    nodes: np.ndarray
    solutions: np.ndarray
    decided: np.ndarray


class _Stack:
    """States still to be worked on, with the board each belongs to; last in, first out."""

    def __init__(self, candidates: np.ndarray, owner: np.ndarray) -> None:
        self.pieces = [(candidates, owner)]

    def push(self, candidates: np.ndarray, owner: np.ndarray) -> None:
        if owner.size:
            self.pieces.append((candidates, owner))

    def pop(self, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Take up to `count` states from the top."""
        taken = []
        while count > 0 and self.pieces:
            candidates, owner = self.pieces.pop()
            if owner.size > count:
                self.pieces.append((candidates[:, :-count], owner[:-count]))
                candidates, owner = candidates[:, -count:], owner[-count:]
            taken.append((candidates, owner))
            count -= owner.size
        return taken


def _branch(candidates: np.ndarray, owner: np.ndarray, block: BlockShape) -> tuple[np.ndarray, np.ndarray]:
    """One child per candidate of the first smallest open cell of every state."""
    size = set_size(block.side)[candidates]
    cell = np.where(size > 1, size, block.side + 1).argmin(axis=0)
    members = candidates[cell, np.arange(owner.size)]
    bits = np.uint16(1) << np.arange(block.side, dtype=np.uint16)
    parent, digit = np.nonzero(members[:, None] & bits)
    children = candidates[:, parent]
    children[cell[parent], np.arange(parent.size)] = bits[digit]
    return children, owner[parent]


def search(candidates: np.ndarray, block: BlockShape, limit: int = 2, budget: int | None = None) -> Answers:
    """Count the solutions of every state, up to `limit`.

    Args:
        candidates: candidate sets, uint16 [cells, n].
        block: block shape of the boards.
        limit: number of solutions after which a board is left alone; 2 decides uniqueness, 1 existence.
        budget: branches after which a board is left undecided; no bound unless given.
    """
    n = candidates.shape[1]
    found, nodes = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    solutions = np.zeros((n, block.cells), dtype=np.uint8)
    most = np.inf if budget is None else budget
    stack = _Stack(candidates, np.arange(n))
    states, owner = candidates[:, :0], np.arange(0)
    while owner.size or stack.pieces:
        pieces = [(states, owner), *stack.pop(WIDTH - owner.size)]
        if len(pieces) > 1:
            states = np.concatenate([piece[0] for piece in pieces], axis=1)
            owner = np.concatenate([piece[1] for piece in pieces])
        if not owner.size:
            continue
        states, dead, settled = one_round(states, block)
        if settled.any():
            stuck, stuck_owner = states[:, settled], owner[settled]
            full = only_one(stuck).all(axis=0)
            solutions[stuck_owner[full]] = digits_of(stuck[:, full], block)
            found += np.bincount(stuck_owner[full], minlength=n)
            children, children_owner = _branch(stuck[:, ~full], stuck_owner[~full], block)
            nodes += np.bincount(children_owner, minlength=n)
            stack.push(children, children_owner)
        wanted = (found < limit) & (nodes <= most)
        keep = ~(dead | settled) & wanted[owner]
        if not keep.all():
            states, owner = states[:, keep], owner[keep]
        if settled.any():
            stack.pieces = [_unfinished(piece, wanted) for piece in stack.pieces]
    return Answers(np.minimum(found, limit), nodes, solutions, (found >= limit) | (nodes <= most))


def _unfinished(piece: tuple[np.ndarray, np.ndarray], wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = wanted[piece[1]]
    return piece if keep.all() else (piece[0][:, keep], piece[1][keep])


def solve(puzzles: np.ndarray, block: BlockShape, limit: int = 2, budget: int | None = None) -> Answers:
    """Solve puzzles, uint8 [n, cells] with 0 for blank, and prove exhaustively how many solutions they have.

    Args:
        puzzles: digits, 0 for blank.
        block: block shape of the boards.
        limit: see `search`.
        budget: see `search`.
    """
    return search(candidates_of(puzzles, block), block, limit, budget)
