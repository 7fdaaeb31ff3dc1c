"""What pydantic found, in the words of somebody who writes specs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_MISMATCH = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "model_attributes": "a mapping",
    "path": "a path",
    "none": "null",
}
"""The first part of the type of an error (`int_parsing`, `int_type`, ...) and what it says was expected."""

_BOUNDS = {
    "greater_than": "must be greater than {gt}, not {given}",
    "greater_than_equal": "must be at least {ge}, not {given}",
    "less_than": "must be less than {lt}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "multiple_of": "must be a multiple of {multiple_of}, not {given}",
    "finite_number": "must be finite, not {given}",
    "too_short": "needs at least {min_length} items, has {actual_length}",
    "too_long": "takes at most {max_length} items, has {actual_length}",
    "string_too_short": "needs at least {min_length} characters: {given}",
    "string_too_long": "takes at most {max_length} characters: {given}",
    "string_pattern_mismatch": "must match the pattern {pattern}: {given}",
}


_TRUTHS = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}
"""Words that YAML 1.1 read as booleans (or that are ones without their quotes), and what to write for them."""

_SEVERAL = re.compile(r"[-+.\deE]+([:,][-+.\deE]+)+(:[a-z]+)?")
"""Several numbers where one is wanted, as a sweep takes them: `0:4:41`, `1,2,5`."""


def expected(error: Mapping[str, Any]) -> str | None:
    """What a value of the right type would have been; None when the error is not about its type."""
    kind = error["type"]
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        words = error["ctx"].get("expected") or error["ctx"]["expected_tags"]
        return words.replace("'", "`")
    if kind == "component_type":
        return f"{error['ctx']['one']} such as `{error['ctx']['example']}`"
    name = re.sub(r"_(type|parsing|parsing_size|from_float|required|sub_type)$", "", kind)
    return _MISMATCH.get(name) if name != kind else None


def mismatch(errors: list[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Message and suggestion for a value that fits none of the types it might have had."""
    given = errors[0]["input"]
    wanted = list(dict.fromkeys(filter(None, map(expected, errors))))
    told = f"takes {' or '.join(wanted)}, not {show(given)}"
    if isinstance(given, str) and _SEVERAL.fullmatch(given):
        return told, "ranges and lists of values are for `oscillo sweep`"
    if _MISMATCH["bool"] in wanted and isinstance(given, str) and given.lower() in _TRUTHS:
        return told, f"{show(given)} is a text in YAML 1.2: write `{_TRUTHS[given.lower()]}`"
    if "a mapping" in wanted and isinstance(given, bool):
        return told, f"write `{'{}' if given else 'null'}`, {'for the default fields' if given else 'or leave it out'}"
    words = [word for text in wanted for word in re.findall(r"`([^`{]*)`", text)]
    return told, nearest(given, words)


def message(error: Mapping[str, Any]) -> tuple[str, str | None]:
    """Message and suggestion for any error but unknown and missing keys, which need the other keys."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind in _BOUNDS:
        limits = {name: show(value) if isinstance(value, float) else value for name, value in context.items()}
        return _BOUNDS[kind].format(given=show(given), **limits), None
    if kind in ("value_error", "assertion_error"):
        return str(context["error"]), None
    if kind == "component_kind_unknown":
        close = context["suggestion"]
        return error["msg"], f"did you mean `{close}`?" if close else None
    if expected(error) is not None:
        return mismatch([error])
    return error["msg"].replace("Input should be", "must be"), None


def nearest(given: Any, allowed: Iterable[str]) -> str | None:
    """The question whether something close was meant; None when nothing is close."""
    close = get_close_matches(str(given), list(allowed), n=1)
    return f"did you mean `{close[0]}`?" if close else None


def show(value: Any) -> str:
    """A value as it could stand in the spec, short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        text = f"[{', '.join(map(show, value))}]"
        return text if len(text) <= 60 else f"a list of {len(value)} items"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
