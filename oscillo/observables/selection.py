"""Selections: which samples, sites or oscillators something is taken from."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_RANGE = re.compile(r"\s*(-?\d*)\s*:\s*(-?\d*)\s*(?::\s*(\d*)\s*)?")


def indices(chosen: int | str | list[int] | None, length: int, what: str) -> list[int]:
    """The numbers that a selection names, of `length` that there are.

    Args:
        chosen: a number n for the first n, numbers one by one, or `first:end:step` as in Python; None for all.
        length: how many there are.
        what: they are called so in messages, such as "oscillators".

    Raises:
        ValueError: when it reaches outside, or names nothing.
    """
    there = f"there are {length:,} {what}"
    if chosen is None:
        return list(range(length))
    if isinstance(chosen, int):
        if chosen > length:
            raise ValueError(f"the first {chosen:,} are asked for, and {there}")
        return list(range(chosen))
    if isinstance(chosen, str):
        first, end, step = _parts(chosen)
        outside = [number for number in (first, end) if number is not None and not -length <= number <= length]
        found = list(range(length))[slice(first, end, step)]
        if outside or not found:
            raise ValueError(f"`{chosen}` reaches outside or names nothing: {there}, 0 to {length - 1}")
        return found
    if outside := [number for number in chosen if not 0 <= number < length]:
        raise ValueError(f"{outside[0]} is asked for, and {there}, 0 to {length - 1}")
    return chosen


def _checked(chosen: int | str | list[int]) -> int | str | list[int]:
    if isinstance(chosen, str):
        _parts(chosen)
    elif isinstance(chosen, list) and (not chosen or len(set(chosen)) < len(chosen)):
        raise ValueError("a list of numbers holds at least one, and none twice")
    return chosen


def _parts(text: str) -> tuple[int | None, int | None, int | None]:
    """The parts of `first:end:step`.

    Raises:
        ValueError: when it is nothing like that.
    """
    found = _RANGE.fullmatch(text)
    if found is None or found[3] == "0":
        raise ValueError(f"`{text}` is no range; write it as first:end or first:end:step, such as 0:100:10")
    first, end, step = (int(part) if part else None for part in found.groups())
    return first, end, step


Chosen = Annotated[Annotated[int, Field(ge=1)] | str | list[int], AfterValidator(_checked)]
"""A number n for the first n, a list of numbers from 0, or a range such as `0:100:10`, whose end is left out."""
