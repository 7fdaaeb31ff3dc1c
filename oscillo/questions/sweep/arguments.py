"""What is swept over, as it is written on the command line: `seed=0:10`, `strength=0:4:41`, `kind=circle,sphere`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from oscillo.spec import Document, Problem, SpecError
from oscillo.spec.source import Origin, Source, SpecPath
from oscillo.spec.yaml_text import plain_scalar

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::(\d+))?(?::(linear|log))?")
_NEARLY = re.compile(rf"{_NUMBER}:{_NUMBER}(:.*)?")
_WHOLE = re.compile(r"[-+]?\d+")


def split(arguments: Sequence[str]) -> tuple[list[str], dict[str, tuple[Any, Origin]]]:
    """Arguments that sweep, and all others.

    Returns:
        Overrides as they are, and values to sweep over by place: a list, or a mapping as `Range` takes it.

    Raises:
        SpecError: when a range is none.
    """
    overrides: list[str] = []
    swept: dict[str, tuple[Any, Origin]] = {}
    for number, text in enumerate(arguments, start=1):
        place, equals, written = text.partition("=")
        source = Source(f"command line, argument {number}", text, rank=1_000_000 + number)
        origin = Origin(source, 1, len(place) + 2, 1, 1)
        values = _values(written.strip(), origin, place) if equals and not text.startswith("~") else None
        if values is None:
            overrides.append(text)
        elif place.strip() in swept:
            words = f"`{place.strip()}` is swept over twice; leave one of them out"
            raise SpecError([Problem(words, (), origin.source, 1, 1)])
        else:
            swept[place.strip()] = values, origin
    for text in overrides:
        if (place := text.partition("=")[0].strip()) in swept:
            words = f"`{place}` is swept over, and given one value as well; leave one of them out"
            raise SpecError([Problem(words, (), swept[place][1].source, 1, 1)])
    return overrides, swept


def _values(text: str, origin: Origin, place: str) -> Any:
    """What a text sweeps over; None when it is a value of its own."""
    if found := _RANGE.fullmatch(text):
        return _range(*found.groups(), origin=origin, seeds="seed" in place.rpartition(".")[2])
    if _NEARLY.fullmatch(text):
        remedy = "write first:last:count, such as `0:4:41`, and `:log` behind it for even factors"
        raise SpecError([Problem(f"{text!r} is no range", (), origin.source, 1, origin.column, remedy)])
    if "," not in text or text[0] in "[{\"'":
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise SpecError([Problem(f"{text!r} lacks a value between commas", (), origin.source, 1, origin.column)])
    return [plain_scalar(word) for word in words]


def _range(first: str, last: str, count: str | None, spacing: str | None, *, origin: Origin, seeds: bool) -> Any:
    if seeds and count is None and spacing is None and _WHOLE.fullmatch(first) and _WHOLE.fullmatch(last):
        whole = list(range(int(first), int(last)))
        if not whole:
            words = f"there is no whole number from {first} on and below {last}"
            raise SpecError([Problem(words, (), origin.source, 1, origin.column, "write the larger end last")])
        return whole
    if count is None:
        words = "a range of numbers has a count, and only of seeds there is none"
        remedy = f"write how many values: `{first}:{last}:11`, or `{first}:{last}:11:log` for even factors"
        raise SpecError([Problem(words, (), origin.source, 1, origin.column, remedy)])
    if int(count) == 1 and first == last:
        return [float(first)]
    return {"first": float(first), "last": float(last), "count": int(count), "spacing": spacing or "linear"}


def with_axes(
    document: Document, swept: Mapping[str, tuple[Any, Origin]], how: Literal["grid", "zip", "random"] = "grid",
    points: int | None = None,
) -> Document:  # fmt: skip
    """The document with more to sweep over.

    Args:
        document: of the spec.
        swept: as `split` gives it.
        how: whether all values meet, go together, or are drawn from.
        points: how many are drawn.

    Raises:
        SpecError: when something is already swept over in another way.
    """
    changes: list[tuple[SpecPath, Any, Origin]] = []
    for place, (values, origin) in swept.items():
        if how == "random":
            span = isinstance(values, Mapping)
            values = {key: values[key] for key in ("first", "last", "spacing")} if span else values
            changes.append((("sweep", "random", "ranges", place), values, origin))
        else:
            changes.append((("sweep", how, place), values, origin))
    if points is not None:
        origin = Origin(Source("the option `--random`"))
        changes.append((("sweep", "random", "points"), points, origin))
    return document.changed(changes)


def of_mapping(axes: Mapping[str, Any]) -> dict[str, tuple[Any, Origin]]:
    """Values to sweep over that were given in Python, as `split` gives them."""
    return {place: (_plain(values), Origin(Source(f"the axis `{place}`"))) for place, values in axes.items()}


def _plain(values: Any) -> Any:
    """Python's own numbers in a list; mappings as they are."""
    if isinstance(values, Mapping) or hasattr(values, "model_dump"):
        return values if isinstance(values, Mapping) else values.model_dump()
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [values]
    return [value.item() if hasattr(value, "item") else value for value in values]
