"""Boards from files: digit strings in CSV, plain or gzip, and SATNet's tensors."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from oscillo_tasks.sudoku.boards.checking import check_boards, parse_boards
from oscillo_tasks.sudoku.boards.file_content import BoardFile, BoardFileError, RawBoards, Rejected, counts_by_kind
from oscillo_tasks.sudoku.boards.geometry import BlockShape

# Names that public collections give the two columns.
_PUZZLE_COLUMNS = ("puzzle", "puzzles", "quiz", "quizzes", "question", "board")
_SOLUTION_COLUMNS = ("solution", "solutions", "answer")

_GZIP_MAGIC = b"\x1f\x8b"


def read_boards(
    path: str | Path,
    block: BlockShape | None = None,
    *,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BoardFile:
    """Read boards and prove for each that it has exactly one solution: the one the file gives, if it gives one.

    Read are

    - CSV, plain or gzip, with columns `puzzle` (or `quiz`) and, if known, `solution`, in any order among others; or
      without a header, the puzzle first and the solution second. Boards are strings of digits, 0 or . for
      blank; a solution may be left empty in any row. RRN's files are of this form. Everything is read as text, so
      leading zeros stay;
    - a folder with SATNet's `features.pt` and `labels.pt`, one-hot [n, side, side, side], all zeros for blank,
      loaded without running any code in them.

    Args:
        path: file or folder.
        block: block shape; 3x3 unless given.
        limit: read at most this many rows.
        progress: called with (boards checked, boards to check).

    Raises:
        BoardFileError: if the file is missing, truncated, of another format, or without a usable board.
    """
    path, block = Path(path), block or BlockShape()
    if not path.exists():
        raise BoardFileError(f"{path}: no such file or folder; check the path (it is relative to {Path.cwd()})")
    if path.is_dir():
        # Only here, because it needs torch.
        from oscillo_tasks.sudoku.boards.satnet import read_tensors

        raw = read_tensors(path, block, limit)
    else:
        raw = _read_csv(path, block, limit)
    checked = check_boards(
        raw.puzzles, raw.solutions, block, progress, bad_puzzles=raw.bad_puzzles, bad_solutions=raw.bad_solutions
    )
    rejected = [Rejected(int(raw.rows[place]), reason) for place, reason in sorted(checked.reasons.items())]
    if not len(checked.boards):
        reasons = f"; {rejected[0]}" if rejected else ""
        reasons += f"; in all: {counts_by_kind(rejected)}" if len(rejected) > 1 else ""
        raise BoardFileError(
            f"{path}: none of its {len(rejected)} rows is a usable {block.side}x{block.side} board{reasons}"
        )
    return BoardFile(checked.boards, rejected)


def count_rows(path: str | Path, block: BlockShape) -> int | None:
    """How many rows of boards a file holds, without checking any; None when there is no such file.

    Raises:
        BoardFileError: if it is not a text file, or its first line names no column of boards.
    """
    path = Path(path)
    if path.is_dir():
        features = path / "features.pt"
        return features.stat().st_size // (4 * block.cells * block.side) if features.is_file() else None
    if not path.is_file():
        return None
    rows = [fields for _, fields in _rows(path, _text(path))]
    return len(rows) - _columns(path, rows[0], block)[2] if rows else 0


def _text(path: Path) -> str:
    """Content of a text file, unpacked if it is gzip, whatever its name."""
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP_MAGIC):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BoardFileError(f"{path}: the gzip file is truncated or damaged ({error}); fetch it again") from error
    except UnicodeDecodeError as error:
        raise BoardFileError(
            f"{path}: not a text file; boards are read from CSV (`puzzle,solution` as digit strings), plain or gzip"
        ) from error
    except OSError as error:
        raise BoardFileError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and stripped fields of the rows that are not empty."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, [field.strip() for field in fields]
    except csv.Error as error:
        raise BoardFileError(f"{path}: line {reader.line_num} is not CSV ({error})") from error


def _columns(path: Path, first: list[str], block: BlockShape) -> tuple[int, int | None, bool]:
    """Columns of puzzle and solution (None where there is none), and whether the first row is a header."""
    names = [field.lower() for field in first]
    if len(first[0]) == block.cells or not any(char.isalpha() for name in names for char in name):
        return 0, 1, False
    puzzle = next((names.index(name) for name in _PUZZLE_COLUMNS if name in names), None)
    solution = next((names.index(name) for name in _SOLUTION_COLUMNS if name in names), None)
    if puzzle is None:
        found = ", ".join(repr(field) for field in first[:6])
        raise BoardFileError(
            f"{path}: no column named `puzzle` or `quiz` in its first line ({found}); "
            "name the columns `puzzle,solution`, or leave the header out and put the puzzle first"
        )
    return puzzle, solution, True


def _read_csv(path: Path, block: BlockShape, limit: int | None) -> RawBoards:
    rows = _rows(path, _text(path))
    first = next(rows, None)
    if first is None:
        raise BoardFileError(f"{path}: the file is empty; it should hold `puzzle,solution` as digit strings")
    puzzle, solution, header = _columns(path, first[1], block)
    listed = list(islice(rows, limit if header or limit is None else max(limit - 1, 0)))
    if not header:
        listed.insert(0, first)
    puzzles, bad_puzzles = parse_boards([_field(fields, puzzle) for _, fields in listed], block)
    # A solution that is not there is a blank board: nothing is known of it.
    given = [_field(fields, solution) or "." * block.cells for _, fields in listed]
    solutions, bad_solutions = parse_boards(given, block)
    bad_solutions = {place: f"in the solution: {reason}" for place, reason in bad_solutions.items()}
    numbers = np.array([number for number, _ in listed], dtype=np.int64)
    return RawBoards(puzzles, solutions, numbers, bad_puzzles, bad_solutions)


def _field(fields: list[str], column: int | None) -> str:
    return fields[column] if column is not None and column < len(fields) else ""
