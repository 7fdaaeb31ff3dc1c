"""Changes from the command line: `training.batch_size=50`, `network.layers.0.channels=128`, `~training.ema`."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn

from oscillo.spec.errors import Problem, SpecError
from oscillo.spec.source import Located, Origin, Source, dotted
from oscillo.spec.yaml_text import parse_yaml


@dataclass(frozen=True)
class Override:
    """One change: parts of the path with their origins, and the new value (None: remove what is there)."""

    parts: tuple[str, ...]
    origins: tuple[Origin, ...]
    value: Located | None

    def problem(self, depth: int, message: str, remedy: str | None = None) -> NoReturn:
        """Refuse the override, pointing at one part of its path."""
        raise SpecError([Problem.on_key(self.origins[depth], self.parts[: depth + 1], message, remedy)])


def parse_override(text: str, number: int) -> Override:
    """Read one override; `number` counts from 1 on the command line.

    The value follows the rules of YAML 1.2, so `1e-3` is a number, `no` a word and `[1, 2]` a list.

    Raises:
        SpecError: without `=`, path or value, or when the value is not YAML.
    """
    source = Source(f"command line, override {number}", text, rank=1_000_000 + number)
    removes = text.startswith("~")
    path, equals, written = text.partition("=")
    start = int(removes)
    parts = path[start:].split(".")
    if bool(equals) == removes or not all(part.strip() == part and part for part in parts):
        message, remedy = (
            f"not an override: {text!r}",
            "write `path.to.key=value`, or `~path.to.key` to remove a key",
        )
        raise SpecError([Problem(message, (), source, 1, 1, remedy)])
    columns = [start + 1 + len(".".join(parts[:i])) + (i > 0) for i in range(len(parts))]
    if removes:
        return Override(tuple(parts), tuple(Origin(source, 1, c, 1, c) for c in columns), None)
    value = parse_yaml(source, " " * len(path + equals) + written)
    at = len(path) + 2
    if value is None:
        raise SpecError([Problem("no value after `=`", tuple(parts), source, 1, at, "write `null` or `''`")])
    origins = tuple(Origin(source, 1, at, 1, column) for column in columns)
    return Override(tuple(parts), origins, Located(value.value, origins[-1]))


def apply_overrides(root: Located, texts: tuple[str, ...]) -> Located:
    """Apply overrides in their order.

    A mapping on the way that is missing or null is made. A list index must exist.

    Raises:
        SpecError: with every override that cannot be read or applied.
    """
    problems: list[Problem] = []
    for number, text in enumerate(texts, start=1):
        try:
            root = change(root, parse_override(text, number))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return root


def change(root: Located, override: Override) -> Located:
    """The values with one change.

    Raises:
        SpecError: when it leads nowhere.
    """
    return _change(root, override, 0)


def _change(node: Located, override: Override, depth: int) -> Located:
    part = override.parts[depth]
    children: dict[Any, Located]
    if isinstance(node.value, list):
        key: Any = _index(node.value, part, override, depth)
        children = dict(enumerate(node.value))
    elif isinstance(node.value, dict) or node.value is None:
        key, children = part, dict(node.value or {})
    else:
        message = f"`{dotted(override.parts[:depth])}` is {node.value!r} and has no keys"
        override.problem(depth, message, "set it as a whole")
    if depth < len(override.parts) - 1:
        below = children.get(key)
        if below is None and override.value is None:
            _nothing_to_remove(children, part, override, depth)
        children[key] = _change(below or Located(None, override.origins[depth]), override, depth + 1)
    elif override.value is not None:
        children[key] = override.value
    elif key in children:
        del children[key]
    else:
        _nothing_to_remove(children, part, override, depth)
    return Located(list(children.values()) if isinstance(node.value, list) else children, node.origin)


def _index(items: list[Located], part: str, override: Override, depth: int) -> int:
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    here = dotted(override.parts[:depth])
    count = "no items" if not items else f"items 0 to {len(items) - 1}" if len(items) > 1 else "one item, 0"
    override.problem(depth, f"`{here}` is a list with {count}", f"set `{here}` as a whole to lengthen it")


def _nothing_to_remove(children: dict[Any, Located], part: str, override: Override, depth: int) -> NoReturn:
    close = get_close_matches(part, [str(key) for key in children], n=1)
    override.problem(depth, f"no `{part}` to remove", f"did you mean `{close[0]}`?" if close else None)
