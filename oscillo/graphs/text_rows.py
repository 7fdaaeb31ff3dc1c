"""Text files of rows: node numbers, then optional numbers; `#` starts a comment, blanks or commas separate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

ENCODING = "utf-8-sig"
_SEPARATOR = re.compile(r"\s*,\s*|\s+")


class Columns(NamedTuple):
    """What the rows of a file hold."""

    nodes: tuple[str, ...]
    """Names of the node numbers."""
    numbers: tuple[str, ...]
    """Names of the numbers behind them, each of which may be left out together with those after it."""

    def __str__(self) -> str:
        optional = "".join(f" [{name}" for name in self.numbers) + "]" * len(self.numbers)
        return f"`{' '.join(self.nodes)}{optional}`"


class Rows(NamedTuple):
    """The rows of a file, without comments and empty lines."""

    nodes: np.ndarray
    """int64 [m, columns]."""
    numbers: np.ndarray
    """float64 [m, columns]; one where nothing is written."""
    given: np.ndarray
    """How many of the numbers each row has, int64 [m]."""


def read_rows(path: Path, columns: Columns) -> Rows:
    """Read a file at numpy's speed where all lines have the same number of fields, and any other line by line.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is not text, or a line holds something else than the columns; names the first such line.
    """
    try:
        first = next(_lines(path), None)
        if first is None:
            nothing = np.zeros((0, len(columns.nodes)), np.int64), np.zeros((0, len(columns.numbers)))
            return Rows(*nothing, np.zeros(0, np.int64))
        return _read_evenly(path, columns, first[1]) or _read_line_by_line(path, columns)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8: {error.reason} at byte {error.start}") from None


def line_of(path: Path, row: int) -> str:
    """File and line of a row, counted from 0 without comments and empty lines."""
    return next(f"{path}:{number}" for k, (number, _) in enumerate(_lines(path)) if k == row)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that hold something."""
    with path.open(encoding=ENCODING) as file:
        for number, line in enumerate(file, start=1):
            text = line.split("#", 1)[0].strip()
            if text:
                yield number, text


def _fields(text: str) -> list[str]:
    """The fields of a line; two commas with nothing between them have an empty one."""
    return _SEPARATOR.split(text) if "," in text else text.split()


def _read_evenly(path: Path, columns: Columns, first: str) -> Rows | None:
    """All rows, when each has as many fields as the first; None when one has not, or holds something else."""
    given = len(_fields(first)) - len(columns.nodes)
    if not 0 <= given <= len(columns.numbers):
        return None
    names = [*columns.nodes, *columns.numbers[:given]]
    for kind in ("i8", "f8"):  # node numbers that numpy has written as floats are read as such
        types = dict.fromkeys(names, "f8") | dict.fromkeys(columns.nodes, kind)
        separator = "," if "," in first else None
        try:
            table = np.loadtxt(path, np.dtype(list(types.items())), "#", separator, encoding=ENCODING, ndmin=1)
        except UnicodeDecodeError:
            raise
        except ValueError:
            continue
        nodes = np.stack([table[name] for name in columns.nodes], 1)
        if kind == "f8" and not ((nodes == np.rint(nodes)) & (np.abs(nodes) < 2**53)).all():
            return None
        numbers = np.ones((len(table), len(columns.numbers)))
        for k, name in enumerate(columns.numbers[:given]):
            numbers[:, k] = table[name]
        return Rows(nodes.astype(np.int64, copy=False), numbers, np.full(len(table), given))
    return None


def _read_line_by_line(path: Path, columns: Columns) -> Rows:
    nodes, numbers, given, wrong = [], [], [], []
    count, most = len(columns.nodes), len(columns.numbers)
    for number, text in _lines(path):
        fields = _fields(text)
        try:
            if not count <= len(fields) <= count + most or "_" in text:  # Python reads 1_0 as ten
                raise ValueError
            row = [_whole(field) for field in fields[:count]], [float(field) for field in fields[count:]]
        except (ValueError, OverflowError):
            wrong.append((number, text))
        else:
            nodes.append(row[0])
            numbers.append(row[1] + [1.0] * (count + most - len(fields)))
            given.append(len(row[1]))
    if wrong:
        (number, text), more = wrong[0], len(wrong) - 1
        others = f" (and {more} more such line{'s' * (more > 1)})" if more else ""
        found = repr(text if len(text) <= 60 else text[:57] + "...")
        raise ValueError(
            f"{path}:{number}: expected {columns}, found {found}{others}; comments and names begin with `#`"
        )
    return Rows(np.array(nodes, np.int64), np.array(numbers), np.array(given, np.int64))


def _whole(field: str) -> int:
    """A whole number, also one that was written as a float, such as 3.0 or 1e3."""
    try:
        number = int(field)
    except ValueError:
        if not float(field).is_integer():
            raise
        number = int(float(field))
    if abs(number) >= 2**63:
        raise OverflowError
    return number
