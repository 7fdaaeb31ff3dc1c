"""YAML 1.2 text to located values: core schema, no tags, no duplicate keys, every fault with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from oscillo.spec.errors import Problem, SpecError
from oscillo.spec.source import Located, Origin, Source, SpecPath

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

Node = Any
"""A node of ruamel's tree: `id`, `tag`, `value`, `style`, `start_mark` (its base class declares none of them)."""

_CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float", "map", "seq")}
_IMPLIED_TAGS = _CORE_TAGS | {
    "tag:yaml.org,2002:timestamp",
    "tag:yaml.org,2002:merge",
    "tag:yaml.org,2002:value",
}
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_RADIX_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")


def parse_yaml(source: Source, text: str | None = None) -> Located | None:
    """The values of a YAML text with their positions; None when it holds nothing but comments.

    Args:
        source: what the positions refer to.
        text: what to read instead of the whole source; columns count alike, so what stands before is blanked.

    Raises:
        SpecError: on a syntax error; or with all duplicate keys, tags and keys that are no scalars.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(source.text if text is None else text)
    except MarkedYAMLError as error:
        raise SpecError([_syntax_problem(source, error)]) from None
    except YAMLError as error:
        raise SpecError([_character_problem(source, error)]) from None
    except RecursionError:
        raise SpecError([Problem("brackets are nested too deeply", (), source, 1, 1)]) from None
    if node is None:
        return None
    reading = _Reading(source)
    root = reading.value(node, None, ())
    if reading.problems:
        raise SpecError(reading.problems)
    return root


def plain_scalar(text: str) -> Any:
    """What an unquoted word means in the core schema of YAML 1.2: null, true, a number or the word itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _RADIX_INTEGER.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return float("-inf" if text.startswith("-") else "inf")
    return float("nan") if _NAN.fullmatch(text) else text


class _Reading:
    """One walk over the node tree of a text; collects all problems."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.open: list[Node] = []

    def value(self, node: Node, key: Node | None, path: SpecPath) -> Located:
        origin = self.origin(node, key)
        if any(node is parent for parent in self.open):
            self.problem(node, path, "an alias that contains itself", "write the value out")
            return Located(None, origin)
        if node.tag not in (_IMPLIED_TAGS if node.id == "scalar" else _CORE_TAGS):
            self.problem(node, path, f"the tag {node.tag} is not allowed", "remove it")
        self.open.append(node)
        if node.id == "mapping":
            content: Any = self.mapping(node, path)
        elif node.id == "sequence":
            content = [self.value(item, None, (*path, i)) for i, item in enumerate(node.value)]
        else:
            is_word = node.style is None and node.tag != "tag:yaml.org,2002:str"
            content = plain_scalar(node.value) if is_word else node.value
        self.open.pop()
        return Located(content, origin)

    def mapping(self, node: Node, path: SpecPath) -> dict[str, Located]:
        content: dict[str, Located] = {}
        for key, value in node.value:
            if key.id != "scalar":
                self.problem(key, path, "a key must be a word or a number", "write the key as text")
            elif key.tag == "tag:yaml.org,2002:merge":
                self.problem(key, path, "`<<` is not YAML 1.2", "use `extends:`, or write the keys out")
            elif key.value in content:
                first = content[key.value].origin.key_line
                self.problem(key, (*path, key.value), f"duplicate key, first in line {first}", "keep one")
            else:
                content[key.value] = self.value(value, key, (*path, key.value))
        return content

    def origin(self, node: Node, key: Node | None) -> Origin:
        mark = node.start_mark
        if key is None:
            return Origin(self.source, mark.line + 1, mark.column + 1)
        at_key = (key.start_mark.line + 1, key.start_mark.column + 1)
        if node.id == "scalar" and node.value == "" and node.style is None:
            return Origin(self.source, *at_key, *at_key)  # nothing is written, and the mark is at what comes next
        return Origin(self.source, mark.line + 1, mark.column + 1, *at_key)

    def problem(self, node: Node, path: SpecPath, message: str, suggestion: str) -> None:
        mark = node.start_mark
        self.problems.append(Problem(message, path, self.source, mark.line + 1, mark.column + 1, suggestion))


def _syntax_problem(source: Source, error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if source.line(line)[column - 1 : column] == "\t":
        return Problem("a tab where YAML wants spaces", (), source, line, column, "replace it")
    message = f"this is not YAML: {error.problem or error.context}"
    if error.context and error.problem:
        start = f" that starts in line {error.context_mark.line + 1}" if error.context_mark else ""
        message = f"{message} ({error.context}{start})"
    remedy = "quote the text, or put a line break" if "mapping values are not allowed" in message else None
    return Problem(message, (), source, line, column, remedy)


def _character_problem(source: Source, error: Exception) -> Problem:
    """Characters that YAML forbids are reported by ruamel with an offset instead of a mark."""
    offset = getattr(error, "position", 0)
    before = source.text[:offset]
    line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
    found = f": {source.text[offset : offset + 1]!r}" if offset < len(source.text) else ""
    return Problem(f"a character that YAML does not allow{found}", (), source, line, column, "remove it")
