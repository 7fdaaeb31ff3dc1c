"""The resolved spec, with where every value comes from: the file, what it extends, the command line, a default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel

from oscillo.recording import Run
from oscillo.spec import SpecError
from oscillo.spec.composition import merge
from oscillo.spec.source import Located, Source, SpecPath
from oscillo.spec.versions import VERSION, migrate
from oscillo.spec.yaml_text import parse_yaml

FILE, EXTENDED, CHANGED, FILLED, DEFAULT = "file", "extended", "changed", "filled", "default"

ORIGINS = {
    FILE: "from the file",
    EXTENDED: "from what it extends",
    CHANGED: "changed on the command line",
    FILLED: "filled in by the task, or changed in Python",
    DEFAULT: "default",
}
"""Where a value may come from, in words; the names are classes of the style sheet."""


@dataclass(frozen=True)
class Part:
    """A piece of a line of the spec: a key with its value, or what stands between those."""

    text: str
    origin: str = ""
    hint: str = ""


@dataclass(frozen=True)
class SpecLine:
    """A line of the resolved spec."""

    parts: Sequence[Part]

    @property
    def is_default(self) -> bool:
        """Whether all values in it are defaults."""
        origins = {part.origin for part in self.parts if part.origin}
        return origins <= {DEFAULT} and bool(origins)


@dataclass(frozen=True)
class Declared:
    """The spec of a run as it is shown.

    Attributes:
        lines: of the resolved spec.
        origins: how many values come from where: name, words and number.
        texts: the files that it came from, by name.
        problem: why it is not known where values come from; empty where it is.
    """

    lines: list[SpecLine]
    origins: Sequence[tuple[str, str, int]]
    texts: Mapping[str, str]
    problem: str = ""


def declared(run: Run, spec: BaseModel | None) -> Declared:
    """Find where the values of a run's spec come from.

    Args:
        run: with its texts.
        spec: the same spec as a declaration, whose fields have defaults; None where it cannot be read.
    """
    texts = _texts(run)
    try:
        root = parse_yaml(Source("spec.yaml", run.spec_text))
        assert root is not None
        current = run.spec.get("version") == VERSION
        written, changes = _written(texts, current=current), _changes(run.provenance.get("command", []))
    except SpecError as error:
        plain = [SpecLine([Part(line)]) for line in run.spec_text.splitlines()]
        return Declared(plain, [], texts, f"where its values come from is not known: {error.problems[0].message}")
    defaults = {} if spec is None else dict(_defaults(spec))
    marks: dict[int, list[tuple[int, str, str]]] = {}
    counts: dict[str, int] = {}
    for path, leaf in _leaves(root):
        kind, hint = _origin(path, leaf.value, written, changes, defaults)
        line, column = leaf.origin.key
        marks.setdefault(line, []).append((column, kind, hint))
        counts[kind] = counts.get(kind, 0) + 1
    lines = [_line(text, marks.get(number, [])) for number, text in enumerate(run.spec_text.splitlines(), start=1)]
    found = [(name, words, counts[name]) for name, words in ORIGINS.items() if name in counts]
    return Declared(lines, found, texts)


def _texts(run: Run) -> dict[str, str]:
    """What the spec came from: the main file first, then what it extends, then plugins."""
    names = run.provenance.get("sources", {})
    files = {name: run.path / name for name in names}
    return {
        PurePosixPath(name).name: path.read_text(encoding="utf-8") for name, path in files.items() if path.is_file()
    }


def _written(texts: Mapping[str, str], *, current: bool) -> dict[SpecPath, tuple[Any, str, bool]]:
    """Values as the files declare them, with the file, and whether that is an extended one.

    Args:
        texts: by name.
        current: whether the resolved spec has the present format, which the files need not have.
    """
    specs = [(name, text) for name, text in texts.items() if name.endswith((".yaml", ".yml"))]
    merged: Located | None = None
    for name, text in reversed(specs):
        root = parse_yaml(Source(name, text))
        if root is not None and isinstance(root.value, dict):
            root = migrate(root) if current else root
            content = {key: value for key, value in root.value.items() if key != "extends"}
            merged = merge(merged, Located(content, root.origin))
    if merged is None:
        return {}
    main = specs[0][0]
    return {
        path: (leaf.value, leaf.origin.source.name, leaf.origin.source.name != main) for path, leaf in _leaves(merged)
    }


def _changes(command: Sequence[str]) -> set[str]:
    """Places that the command line changed, dotted."""
    words = [word.split("=", 1)[0].lstrip("~") for word in command[1:] if "=" in word or word.startswith("~")]
    return {word for word in words if word and not word.startswith("-")}


def _origin(
    path: SpecPath, value: Any, written: Mapping[SpecPath, tuple[Any, str, bool]], changes: set[str],
    defaults: Mapping[SpecPath, Any],
) -> tuple[str, str]:  # fmt: skip
    """Where a value comes from, and that in words."""
    steps = [".".join(map(str, path[:length])) for length in range(1, len(path) + 1)]
    if changed := [step for step in steps if step in changes]:
        return CHANGED, f"changed on the command line: {changed[-1]}"
    if path in written and _same(written[path][0], value):
        _, name, extended = written[path]
        return (EXTENDED if extended else FILE), f"from {name}"
    if path in defaults and _same(defaults[path], value):
        return DEFAULT, "default"
    return FILLED, "neither in the file nor a default: filled in by the task, or changed where the run was begun"


def _same(first: Any, second: Any) -> bool:
    return json.dumps(first, default=str) == json.dumps(second, default=str) or (
        isinstance(first, int | float) and isinstance(second, int | float) and first == second
    )


def _leaves(root: Located, path: SpecPath = ()) -> Iterator[tuple[SpecPath, Located]]:
    """Scalars and empty collections; of a list item the origin is its own."""
    children = root.value.items() if isinstance(root.value, dict) else enumerate(root.value) if isinstance(
        root.value, list) else ()  # fmt: skip
    inner = list(children)
    if not inner:
        plain = root.plain
        yield path, Located(plain, root.origin)
    for key, child in inner:
        yield from _leaves(child, (*path, key))


def _defaults(value: Any, path: SpecPath = ()) -> Iterator[tuple[SpecPath, Any]]:
    """Default of every field that has one, by place; of a default that is a declaration, its own fields."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            if not field.is_required():
                default = field.get_default(call_default_factory=True)
                yield from _dumped(default, (*path, name))
            yield from _below(getattr(value, name), (*path, name))


def _below(value: Any, path: SpecPath) -> Iterator[tuple[SpecPath, Any]]:
    """Defaults inside what a field holds."""
    if isinstance(value, BaseModel):
        yield from _defaults(value, path)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _below(item, (*path, number))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _below(item, (*path, key))


def _dumped(default: Any, path: SpecPath) -> Iterator[tuple[SpecPath, Any]]:
    """A default as plain values by place."""
    if isinstance(default, BaseModel):
        default = default.model_dump(mode="json")
    if isinstance(default, Mapping) and default:
        for key, value in default.items():
            yield from _dumped(value, (*path, key))
    elif isinstance(default, list | tuple) and default:
        for number, value in enumerate(default):
            yield from _dumped(value, (*path, number))
    else:
        yield path, default


def _line(text: str, marks: Sequence[tuple[int, str, str]]) -> SpecLine:
    """Cut a line where its values begin."""
    parts, done, ordered = [], 0, sorted(marks)
    for number, (column, kind, hint) in enumerate(ordered):
        start = column - 1
        end = ordered[number + 1][0] - 1 if number + 1 < len(ordered) else len(text)
        kept = text[start:end].rstrip(" ,]}{[") or text[start:end]
        parts += [Part(text[done:start]), Part(kept, kind, hint)]
        done = start + len(kept)
    parts.append(Part(text[done:]))
    return SpecLine([part for part in parts if part.text])
