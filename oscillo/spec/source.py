"""Where a value was written: texts, positions in them, and trees of values that know their position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SpecPath = tuple[str | int, ...]
"""Keys and list indices that lead to a value, such as `("network", "layers", 0, "coupling")`."""


def dotted(path: SpecPath) -> str:
    """The path as overrides write it: `network.layers.0.coupling`."""
    return ".".join(str(part) for part in path)


@dataclass(frozen=True)
class Source:
    """A text that values come from: a file, one override of the command line, or a mapping made in Python.

    `rank` orders sources in messages: the main file, the files it extends, then the overrides.
    """

    name: str
    text: str = ""
    file: Path | None = None
    rank: int = 0

    def line(self, number: int) -> str:
        """Text of the line with that number, counted from 1; empty where there is none."""
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True)
class Origin:
    """Where a value and its key stand; lines and columns count from 1, and 0 means that there is no text."""

    source: Source
    line: int = 0
    column: int = 0
    key_line: int = 0
    key_column: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """Line and column of the key, or of the value where there is no key (list items, the document)."""
        return (self.key_line, self.key_column) if self.key_line else (self.line, self.column)

    @property
    def value(self) -> tuple[int, int]:
        """Line and column of the value."""
        return self.line, self.column

    @property
    def place(self) -> str:
        """The origin in words: `spec.yaml:12:5` or `command line, override 2`."""
        return f"{self.source.name}:{self.line}:{self.column}" if self.source.file else self.source.name


@dataclass(frozen=True)
class Located:
    """A value with its origin. `value` is a dict or list of `Located`, or a plain scalar."""

    value: Any
    origin: Origin

    @property
    def plain(self) -> Any:
        """The value without positions: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain for child in self.value]
        return self.value

    def origins(self, path: SpecPath = ()) -> Iterator[tuple[SpecPath, Origin]]:
        """Every path below this value with its origin, this one first."""
        yield path, self.origin
        children: Any = ()
        if isinstance(self.value, dict):
            children = self.value.items()
        elif isinstance(self.value, list):
            children = enumerate(self.value)
        for key, child in children:
            yield from child.origins((*path, key))


def located(plain: Any, origins: dict[SpecPath, Origin], path: SpecPath = ()) -> Located:
    """Put plain values back on their origins; a path that has none takes its parent's."""
    origin = origins[path]
    if isinstance(plain, dict | list):
        items = plain.items() if isinstance(plain, dict) else enumerate(plain)
        children = {}
        for key, child in items:
            origins.setdefault((*path, key), origin)
            children[key] = located(child, origins, (*path, key))
        return Located(children if isinstance(plain, dict) else list(children.values()), origin)
    return Located(plain, origin)
