"""Checking boards that came from outside, with a precise reason for each one that is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oscillo_tasks.sudoku.boards.collection import Boards
from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.boards.propagation import digit_bits
from oscillo_tasks.sudoku.boards.search import Answers, solve

# Boards checked between two calls of the progress callback.
_AT_ONCE = 4096

# Branches after which a board is refused as undecided. The hardest published boards need about 3,000; without
# a bound a board made to be hard to refute, say without solution, can take minutes.
_BUDGET = 200_000


class BoardError(ValueError):
    """A board that cannot be used; the message says why."""


@dataclass(frozen=True)
class Checked:
    """Outcome of checking n boards.

    Attributes:
        boards: the boards with exactly one solution, in their order.
        kept: their places among all n, int64.
        reasons: why each of the others was refused, by place.
    """

    boards: Boards
    kept: np.ndarray
    reasons: dict[int, str]


def parse_board(text: str, block: BlockShape | None = None) -> np.ndarray:
    """Digits, uint8 [cells], of a board written row by row, with 0 or . for blank.

    Raises:
        BoardError: if the text has another length, or another character; the message says where.
    """
    digits, reasons = parse_boards([text], block or BlockShape())
    if reasons:
        raise BoardError(reasons[0])
    return digits[0]


def parse_boards(texts: Sequence[str], block: BlockShape) -> tuple[np.ndarray, dict[int, str]]:
    """Digits of many boards, uint8 [n, cells], and the reasons, by place, for those that are none (left blank)."""
    reasons = {
        place: f"wrong length: {len(text)} characters instead of {block.cells}"
        for place, text in enumerate(texts)
        if len(text) != block.cells
    }
    joined = "".join("0" * block.cells if place in reasons else text for place, text in enumerate(texts))
    # Letters outside ASCII become a question mark, which is refused below.
    codes = np.frombuffer(joined.encode("ascii", "replace"), dtype=np.uint8).reshape(len(texts), block.cells)
    digits = np.where(codes == ord("."), 0, codes - np.uint8(ord("0"))).astype(np.uint8)
    illegal = digits > block.side
    for place in np.flatnonzero(illegal.any(axis=1)).tolist():
        cell = int(illegal[place].argmax())
        reasons[place] = (
            f"illegal character: {texts[place][cell]!r} at position {cell + 1} ({_cell_name(cell, block)}); "
            f"a board is written with 1 to {block.side}, and 0 or . for blank"
        )
    digits[list(reasons)] = 0
    return digits, reasons


def _cell_name(cell: int, block: BlockShape) -> str:
    return f"row {cell // block.side + 1}, column {cell % block.side + 1}"


def contradictions(puzzles: np.ndarray, block: BlockShape) -> dict[int, str]:
    """Puzzles [n, cells] that give a digit twice in a unit: which digit, and where, by place."""
    bits = np.where(puzzles > 0, digit_bits(block.side)[puzzles], 0)
    once = np.zeros((len(puzzles), len(block.units)), dtype=np.uint16)
    twice = np.zeros_like(once)
    for cells in block.units.T:
        twice |= once & bits[:, cells]
        once |= bits[:, cells]
    reasons = {}
    for place in np.flatnonzero(twice.any(axis=1)):
        unit = int((twice[place] != 0).argmax())
        digit = int(twice[place, unit]).bit_length()
        cells = [cell for cell in block.units[unit] if puzzles[place, cell] == digit]
        where = " and ".join(f"({_cell_name(int(cell), block)})" for cell in cells)
        reasons[int(place)] = f"contradictory givens: {digit} stands more than once in {block.unit_name(unit)}, {where}"
    return reasons


def _solver_reasons(answers: Answers, solutions: np.ndarray, block: BlockShape) -> dict[int, str]:
    """Reasons that only the solver finds: no solution, more than one, or one that is not the one given."""
    reasons = {int(place): "no solution" for place in np.flatnonzero(answers.found == 0)}
    reasons |= {int(place): "more than one solution" for place in np.flatnonzero(answers.found > 1)}
    for place in np.flatnonzero(~answers.decided):
        reasons[int(place)] = f"not decided within {_BUDGET:,} branches whether it has exactly one solution"
    differs = (answers.solutions != solutions) & solutions.any(axis=1, keepdims=True)
    for place in np.flatnonzero(differs.any(axis=1) & (answers.found == 1) & answers.decided):
        cell = int(differs[place].argmax())
        reasons[int(place)] = (
            f"wrong solution: {int(solutions[place, cell]) or 'blank'} at {_cell_name(cell, block)}, "
            f"where the only solution has {int(answers.solutions[place, cell])}"
        )
    return reasons


def check_boards(
    puzzles: np.ndarray,
    solutions: np.ndarray,
    block: BlockShape,
    progress: Callable[[int, int], None] | None = None,
    *,
    bad_puzzles: Mapping[int, str] | None = None,
    bad_solutions: Mapping[int, str] | None = None,
) -> Checked:
    """Prove for every puzzle that it has exactly one solution, and compare it with the one given.

    What is wrong with a puzzle is told before what is wrong with its solution.

    Args:
        puzzles: uint8 [n, cells], 0 for blank, digits up to the side.
        solutions: uint8 [n, cells]; a row of zeros where the solution is not known.
        block: block shape of the boards.
        progress: called with (boards checked, n).
        bad_puzzles: why a puzzle is no board at all, by place.
        bad_solutions: why what was given as a solution is no board at all, by place; its row is zeros.
    """
    n = len(puzzles)
    reasons = contradictions(puzzles, block) | dict(bad_puzzles or {})
    found = np.zeros_like(puzzles)
    nodes = np.zeros(n, dtype=np.int64)
    sound = np.array([place for place in range(n) if place not in reasons], dtype=np.int64)
    for start in range(0, len(sound), _AT_ONCE):
        places = sound[start : start + _AT_ONCE]
        answers = solve(puzzles[places], block, budget=_BUDGET)
        found[places], nodes[places] = answers.solutions, answers.nodes
        refused = _solver_reasons(answers, solutions[places], block)
        reasons |= {int(places[place]): reason for place, reason in refused.items()}
        if progress is not None:
            progress(start + len(places), len(sound))
    reasons = dict(bad_solutions or {}) | reasons
    kept = np.array([place for place in range(n) if place not in reasons], dtype=np.int64)
    return Checked(Boards(puzzles[kept], found[kept], nodes[kept], block), kept, reasons)


def check(board: str, block: BlockShape | None = None) -> Boards:
    """One board typed in as text, with its solution.

    Args:
        board: digits row by row, 0 or . for blank; 81 for 9x9 boards. Spaces and line breaks do not count.
        block: block shape; 3x3 unless given.

    Raises:
        BoardError: wrong length, illegal character (and where), contradictory givens (which digit, in which unit), no
            solution, more than one, or not decided within 200,000 branches.
    """
    block = block or BlockShape()
    puzzle = parse_board("".join(board.split()), block)[None]
    checked = check_boards(puzzle, np.zeros_like(puzzle), block)
    if checked.reasons:
        raise BoardError(checked.reasons[0])
    return checked.boards
