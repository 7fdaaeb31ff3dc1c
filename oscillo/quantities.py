"""Quantities as people read them: bytes, counts, shapes, lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsFloat

from oscillo.layout import StateShape

_NOTHING = 1e-9

_MOST_LINES = 10
"""Entries of a list that are printed."""


def shape_text(shape: StateShape) -> str:
    """The axes of one sample's state: `9 x 9 x 4 x 128`."""
    return " x ".join(str(axis) for axis in (*shape.sites, shape.components, shape.oscillators))


def count_text(number: float) -> str:
    """Three digits and a prefix, to stand in front of a unit: `1.23 G`."""
    for unit, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} "


def bytes_text(number: float) -> str:
    """Bytes in the unit that suits them: `1.2 MiB`."""
    if number >= 2**40:
        return f"{number / 2**40:.2f} TiB"
    if number >= 2**30:
        return f"{number / 2**30:.2f} GiB"
    return f"{number / 2**20:.1f} MiB" if number >= 2**20 else f"{number / 2**10:.0f} KiB"


def number_text(value: SupportsFloat) -> str:
    """A number in four digits; what rounding has left of nothing is nothing."""
    return "0" if abs(float(value)) < _NOTHING else f"{float(value):.4g}"


def listing(title: str, entries: Sequence[object]) -> str:
    """How a collection prints: a title, and a line for each of the first entries."""
    lines = [f"  {entry}" for entry in entries[:_MOST_LINES]]
    more = [f"  ... and {len(entries) - _MOST_LINES} more"] if len(entries) > _MOST_LINES else []
    return "\n".join([title, *lines, *more])
