"""A declaration back to YAML, and its hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from oscillo.spec.base import Spec
from oscillo.spec.yaml_text import plain_scalar

WIDTH = 110
"""Characters up to which a mapping or list of scalars is written in one line."""

_SAFE_WORD = re.compile(r"[A-Za-z0-9_.+/][A-Za-z0-9_.+/ -]*(?<! )")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def to_yaml(spec: Spec) -> str:
    """The declaration as YAML 1.2, defaults included, keys in the order of the fields.

    Reading the text and validating it gives an equal declaration.
    """
    return "".join(f"{line}\n" for line in _mapping_lines(_data(spec)))


def spec_hash(spec: Spec) -> str:
    """SHA-256 of the declaration as canonical JSON, in hexadecimal; equal declarations have equal hashes."""
    text = json.dumps(_data(spec), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _data(spec: Spec) -> dict[str, Any]:
    return spec.model_dump(mode="json")


def _mapping_lines(mapping: dict[str, Any]) -> Iterator[str]:
    for key, value in mapping.items():
        word = _text(str(key))
        line = _in_one_line(value, WIDTH - len(word) - 2)
        if line is not None:
            yield f"{word}: {line}"
        else:
            yield f"{word}:"
            yield from (f"  {below}" for below in _lines(value))


def _list_lines(items: list[Any]) -> Iterator[str]:
    for item in items:
        line = _in_one_line(item, WIDTH - 2)
        first, *rest = [line] if line is not None else _lines(item)
        yield f"- {first}"
        yield from (f"  {below}" for below in rest)


def _lines(value: dict[str, Any] | list[Any]) -> Iterator[str]:
    return _mapping_lines(value) if isinstance(value, dict) else _list_lines(value)


def _in_one_line(value: Any, width: int) -> str | None:
    """A scalar, or a collection of scalars that is short enough; None when it takes a block."""
    if not isinstance(value, dict | list):
        return _scalar(value)
    if any(
        isinstance(child, dict | list) and child for child in (value.values() if isinstance(value, dict) else value)
    ):
        return None
    if isinstance(value, dict):
        line = "{" + ", ".join(f"{_text(str(key))}: {_scalar(child)}" for key, child in value.items()) + "}"
    else:
        line = "[" + ", ".join(map(_scalar, value)) + "]"
    return line if len(line) <= width or not value else None


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return repr(value).replace("inf", ".inf").replace("nan", ".nan")
    return json.dumps(value)


def _text(text: str) -> str:
    """A word as it is where it can only be read as that word, and in double quotes otherwise."""
    if _SAFE_WORD.fullmatch(text) and isinstance(plain_scalar(text), str):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
