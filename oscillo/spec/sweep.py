"""What a sweep is: several values for some places of a spec, and the points that they make."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from math import exp, floor, log, log10, prod
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, FiniteFloat, StrictBool, StrictInt, StrictStr, model_validator

from oscillo.spec import messages
from oscillo.spec.base import Spec
from oscillo.spec.errors import LocatedError, SpecProblem
from oscillo.spec.ranges import MOST_VALUES, Range, axis_names

Scalar = StrictBool | StrictInt | FiniteFloat | StrictStr
"""What a place of a spec may be swept over."""

SeveralScalars = Annotated[list[Scalar], Field(min_length=1)]

POINT = "point"
"""The axis of places that are swept together."""

_NOT_RUN = ("sweep", "version", "name", "plugins")
"""Keys of a spec that say nothing about what is run."""


_DIGITS = 12
"""Of numbers that are drawn."""


class Interval(Spec):
    """Numbers between two ends, to draw from."""

    first: float = Field(allow_inf_nan=False, description="One end.")
    last: float = Field(allow_inf_nan=False, description="The other end.")
    spacing: Literal["linear", "log"] = Field(
        default="linear", description="Whether all numbers are as likely, or all factors."
    )
    whole: bool = Field(default=False, description="Whether whole numbers are drawn, both ends included.")

    @model_validator(mode="after")
    def _ends_fit(self) -> Interval:
        if self.first >= self.last:
            raise ValueError(f"there is nothing between {self.first:g} and {self.last:g}; `first` is the lower end")
        if self.spacing == "log" and self.first <= 0:
            raise ValueError("factors lead between positive numbers only: take `spacing: linear`")
        if self.whole and not (self.first.is_integer() and self.last.is_integer()):
            raise ValueError("whole numbers lie between whole numbers; leave out `whole`, or give such ends")
        return self

    @property
    def count(self) -> float:
        """How many numbers may be drawn, at least."""
        if self.whole:
            return self.last - self.first + 1
        largest = max(abs(self.first), abs(self.last))
        return max(1.0, floor((self.last - self.first) / 10 ** (floor(log10(largest)) - _DIGITS + 1)))

    def draw(self, source: random.Random) -> float:
        """A number, rounded."""
        u, low, high = source.random(), self.first, self.last
        if self.whole:
            high += 1
        value = low * exp(u * log(high / low)) if self.spacing == "log" else low + u * (high - low)
        return float(int(value)) if self.whole else float(f"{value:.{_DIGITS}g}")


class RandomPointsSpec(Spec):
    """Points that are drawn."""

    points: int = Field(ge=1, le=MOST_VALUES, description="How many points.")
    seed: int = Field(default=0, ge=0, description="Seed of the draws.")
    ranges: dict[str, Interval | SeveralScalars] = Field(
        min_length=1,
        description="What is drawn from, by the place in the spec: `{first: 1.0e-4, last: 0.1, spacing: log}`, or a "
        "list, of which one is chosen.",
    )

    @model_validator(mode="after")
    def _points_need_not_repeat(self) -> RandomPointsSpec:
        there = prod(len(set(among)) if isinstance(among, list) else among.count for among in self.ranges.values())
        if self.points > there:
            words = f"there are {there:,.0f} different points to draw, and not {self.points:,}"
            raise LocatedError(f"{words}; draw fewer, or sweep over a grid, which has each of them", "points")
        return self

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Values of all places, each point once; the first so many are the same however many there are."""
        source = random.Random(self.seed)
        drawn: dict[tuple[Any, ...], None] = {}
        while len(drawn) < self.points:  # a point that is drawn again keeps its place
            point = (
                source.choice(among) if isinstance(among, list) else among.draw(source)
                for among in self.ranges.values()
            )  # fmt: skip
            drawn[tuple(point)] = None
        return list(drawn)


class Axis(NamedTuple):
    """One dimension of a sweep."""

    name: str
    """Of the dimension."""
    names: Mapping[str, str]
    """Names of the coordinates, by the places that are swept."""
    rows: Sequence[tuple[Any, ...]]
    """Their values, one tuple after the other."""


class SweepSpec(Spec):
    """What is swept over: every value of `grid` with every other, and with what `zip` or `random` give."""

    grid: dict[str, Range | SeveralScalars] = Field(
        default={},
        description="Values by their place in the spec; every value meets all values of the others. "
        "`network.layers.0.coupling.strength: {first: 0, last: 4, count: 41}`, `seed: [0, 1, 2]`.",
    )
    zip: dict[str, Range | SeveralScalars] = Field(
        default={}, description="Values that go together: the first of all places make a point, and so on."
    )
    random: RandomPointsSpec | None = Field(default=None, description="Points that are drawn.")
    points_per_run: int | None = Field(
        default=None, ge=1,
        description="Most points that run as one batch; left out, all that can. Less shares them out to more workers, "
        "or saves memory.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _some_points_each_once(self) -> SweepSpec:
        if self.zip and self.random is not None:
            raise ValueError("give `zip` or `random`, and not both")
        if not self.places:
            raise ValueError("nothing is swept over: give `grid`, `zip` or `random`")
        for key in self.places:
            if sum(key in part for part in (self.grid, self.zip, self._drawn)) > 1:
                raise ValueError(f"`{key}` is swept over twice; leave one of them out")
        for key, values in self.grid.items():
            listed = _values(values)
            if twice := [value for value in listed if listed.count(value) > 1]:
                raise LocatedError(f"{messages.show(twice[0])} is there twice", "grid", key)
        lengths = {key: len(_values(values)) for key, values in self.zip.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{count} of {key}" for key, count in lengths.items())
            raise LocatedError(f"values that go together are equally many, and there are {told}", "zip")
        if self.size > MOST_VALUES:
            raise ValueError(f"{self.size:,} points are too many; at most {MOST_VALUES:,}")
        return self

    @property
    def _drawn(self) -> Mapping[str, Interval | list[Scalar]]:
        return {} if self.random is None else self.random.ranges

    @property
    def places(self) -> list[str]:
        """Everything that is swept over."""
        return [*self.grid, *self.zip, *self._drawn]

    def place_of(self, key: str) -> tuple[str, ...]:
        """Where in the sweep a place of the spec is given its values."""
        if key in self.grid:
            return "grid", key
        return ("zip", key) if key in self.zip else ("random", "ranges", key)

    def spacing_of(self, key: str) -> str | None:
        """Whether the values of a place lie by even steps or by even factors; None where they are listed."""
        values = (self.grid | self.zip | dict(self._drawn))[key]
        return None if isinstance(values, list) else values.spacing

    @property
    def size(self) -> int:
        """How many points there are."""
        together = self.random.points if self.random else max((len(_values(v)) for v in self.zip.values()), default=1)
        return together * prod(len(_values(values)) for values in self.grid.values())

    @property
    def axes(self) -> list[Axis]:
        """The dimensions, in the order in which they were given."""
        names = axis_names(self.places, (POINT, "time"))
        found = [
            Axis(names[key], {key: names[key]}, [(value,) for value in _values(values)])
            for key, values in self.grid.items()
        ]
        together = [key for key in self.places if key not in self.grid]
        if together:
            rows = self.random.rows if self.random else list(zip(*map(_values, self.zip.values()), strict=True))
            found.append(Axis(POINT, {key: names[key] for key in together}, rows))
        return found

    @property
    def points(self) -> list[dict[str, Any]]:
        """Values of all places, point after point; the last axis runs fastest."""
        axes = self.axes
        keys = [key for axis in axes for key in axis.names]
        return [dict(zip(keys, sum(rows, ()), strict=True)) for rows in product(*(axis.rows for axis in axes))]

    def problems(self, content: Mapping[str, Any]) -> list[SpecProblem]:
        """Places that cannot be swept over, each with its place in the sweep.

        Args:
            content: the whole spec, as plain values with all defaults.
        """
        found = [(key, _objection(key, content)) for key in self.places]
        return [SpecProblem(self.place_of(key), *told) for key, told in found if told is not None]


def _values(values: Range | Sequence[Any]) -> list[Any]:
    return list(values.values) if isinstance(values, Range) else list(values)


def _objection(key: str, content: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Why a place cannot be swept over, and what would help; None when it can."""
    head = key.partition(".")[0]
    if head in _NOT_RUN:
        return f"`{head}` is no part of what is run, and cannot be swept over", None
    here: Any = {name: value for name, value in content.items() if name not in _NOT_RUN}
    for depth, part in enumerate(parts := key.split(".")):
        above = f"`{'.'.join(parts[:depth])}`" if depth else "the spec"
        inside = list(_inside(here))
        if not inside:
            return f"{above} has nothing inside", None
        if part not in inside:
            return f"{above} has no `{part}`", _meant(here, parts, depth) or f"it has {', '.join(inside)}"
        here = here[int(part)] if isinstance(here, list) else here[part]
    if isinstance(here, dict | list):
        inside = [f"{key}.{name}" for name in _inside(here)]
        remedy = f"sweep over something inside, such as `{inside[0]}`" if inside else None
        return f"`{key}` is {messages.show(here)}, and only single values can be swept over", remedy
    return None


def _meant(here: Any, parts: Sequence[str], depth: int) -> str | None:
    """The question whether places were meant that end in nearly the same; None where none does.

    Args:
        here: the value that the parts before `depth` lead to.
        parts: of what was written, of which the others lead nowhere.
        depth: how many there are before.
    """
    ends: dict[str, list[str]] = {}
    for place in _single_values(here):
        ends.setdefault(".".join(place[depth - len(parts) :]), []).append(".".join([*parts[:depth], *place]))
    close = get_close_matches(".".join(parts[depth:]), ends, n=1)
    return f"did you mean {' or '.join(f'`{place}`' for place in ends[close[0]][:3])}?" if close else None


def _single_values(value: Any) -> Iterator[tuple[str, ...]]:
    """Parts of the places of all single values within a value."""
    if not isinstance(value, Mapping | list):
        yield ()
    for part in _inside(value):
        for place in _single_values(value[int(part)] if isinstance(value, list) else value[part]):
            yield part, *place


def _inside(value: Any) -> Iterator[str]:
    """Keys or numbers of what a value holds."""
    yield from map(str, value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list) else ())
