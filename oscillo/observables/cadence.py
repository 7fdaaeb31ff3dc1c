"""Cadences: at which steps something is recorded."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from dataclasses import dataclass, field
from math import floor, log10

_GUESSED = 64
"""Records that are expected of a cadence of seconds: nobody knows how long a run takes."""


class Cadence(ABC):
    """At which steps something is recorded."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many there are."""

    @abstractmethod
    def has(self, step: int) -> bool:
        """Whether a step is among them."""

    @abstractmethod
    def after(self, step: int) -> int | None:
        """The first of them behind a step; None when there is none, or nobody knows. It may lie beyond the end."""


@dataclass(frozen=True)
class Every(Cadence):
    """Every n-th step."""

    first: int
    every: int
    steps: int
    """Steps of the whole run."""

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.steps - self.first) // self.every + 1

    def has(self, step: int) -> bool:
        """Whether a step is among them."""
        return step >= self.first and (step - self.first) % self.every == 0

    def after(self, step: int) -> int:
        """The first of them behind a step; it may lie beyond the end."""
        return max(self.first, self.first + ((step - self.first) // self.every + 1) * self.every)


@dataclass(frozen=True)
class At(Cadence):
    """Steps one by one, in order."""

    chosen: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.chosen)

    def has(self, step: int) -> bool:
        """Whether a step is among them."""
        place = bisect_right(self.chosen, step)
        return place > 0 and self.chosen[place - 1] == step

    def after(self, step: int) -> int | None:
        """The first of them behind a step."""
        place = bisect_right(self.chosen, step)
        return self.chosen[place] if place < len(self.chosen) else None


@dataclass
class Clock(Cadence):
    """Whenever so many seconds have gone by: at steps that nobody knows before."""

    seconds: float
    first: int = 0
    _last: float | None = field(default=None, repr=False, compare=False)

    @property
    def count(self) -> int:
        """A guess."""
        return _GUESSED

    def has(self, step: int) -> bool:
        """Whether it is time now; it is counted from there on when it is."""
        now = time.monotonic()
        if step < self.first or (self._last is not None and now - self._last < self.seconds):
            return False
        self._last = now
        return True

    def after(self, step: int) -> None:
        """Nobody knows."""


def logarithmic(first: int, steps: int, per_decade: int) -> tuple[int, ...]:
    """So many steps in each decade of steps behind the first, which is there as well, as far as they are different.

    Args:
        first: step from which is counted.
        steps: of the whole run.
        per_decade: steps between 1 and 10, 10 and 100, and so on.
    """
    span = steps - first
    powers = range(floor(per_decade * log10(span)) + 1) if span else ()
    return tuple(sorted({first, *(first + round(10 ** (power / per_decade)) for power in powers)}))
