"""What pages show numbers in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

TILES = 4
"""Numbers that a page opens with, at most."""

BESIDE = ["number", "this run", "beside", "its value", "source", "what differs"]
"""Columns of a comparison with what is known, behind the first."""


@dataclass(frozen=True)
class Table:
    """A table; every row begins with what it is about."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    folded: bool = False
    words: bool = False
    """Whether its cells are sentences and not numbers."""


@dataclass(frozen=True)
class Tile:
    """A number that a page opens with, and what it may be compared with."""

    value: str
    label: str
    where: str = ""
    beside: Sequence[str] = ()


@dataclass(frozen=True)
class Numbers:
    """All numbers of a run."""

    tiles: list[Tile] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
