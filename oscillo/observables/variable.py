"""What an array of an observable is called, and how it is laid out."""

from __future__ import annotations

from typing import NamedTuple

from oscillo.layout import StateShape
from oscillo.network.trajectory import site_names


class Variable(NamedTuple):
    """An array that an observable fills, as it will be stored."""

    name: str
    """Of the variable."""
    long_name: str
    """What an axis of a plot says."""
    dims: tuple[str, ...] = ()
    """Names of the axes behind `sample` (and `time`)."""
    shape: tuple[int, ...] = ()
    """Their lengths."""
    units: str = "1"
    description: str = ""
    """The meaning, with the formula where there is one."""
    dtype: str | None = None
    """How it is stored; None for the precision of the run, or what is declared."""


def site_dims(shape: StateShape) -> tuple[str, ...]:
    """Names of the axes of a number for each oscillator: its sites, and its place there."""
    return (*site_names(len(shape.sites)), "oscillator")
