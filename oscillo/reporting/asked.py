"""How a question was asked, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oscillo.reporting.words import number, title


def settings(question: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a question was asked with, without what was left out."""
    return [(title(name), _setting(value)) for name, value in question.items() if name != "kind" and value is not None]


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            _setting(inner) if key == "kind" else f"{key} {_setting(inner)}" for key, inner in value.items()
        )
    if isinstance(value, list):
        return "; ".join(_setting(inner) for inner in value)
    return number(value)
