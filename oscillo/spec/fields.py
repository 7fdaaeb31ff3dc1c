"""What a field of a declaration may hold, read from its annotation."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from oscillo.spec.base import Spec
from oscillo.spec.registry import OneOf

_WORDS = {
    int: "integer",
    float: "number",
    bool: "true or false",
    str: "text",
    types.NoneType: "null",
    Any: "anything",
    dict: "mapping",
    list: "list",
}


@dataclass(frozen=True)
class Holds:
    """One thing that a place in a spec may hold: a type, or a choice between the kinds of a role."""

    type: Any
    choice: OneOf | None = None

    def models(self, value: Any = None) -> list[type[Spec]]:
        """The declarations that a mapping at this place would be read as, given what is written there."""
        if self.choice is not None:
            chosen = self.choice.spec_for(value)
            return [chosen] if chosen else []
        return [self.type] if isinstance(self.type, type) and issubclass(self.type, Spec) else []

    def inside(self, key: str | int, value: Any = None) -> list[Holds]:
        """What may stand under a key or index of this; empty when nothing can.

        Args:
            key: a field name, a key of a dict, or a list index.
            value: the raw value written at this place, which tells the kind of a component.
        """
        found = [model.model_fields[key] for model in self.models(value) if key in model.model_fields]
        if found or self.models(value):
            return [held for field in found for held in field_holds(field)]
        outer, arguments = get_origin(self.type), get_args(self.type)
        if isinstance(outer, type) and issubclass(outer, Mapping) and len(arguments) == 2:
            return [held.under(str(key)) for held in holds(arguments[1])]
        if outer is tuple and isinstance(key, int) and Ellipsis not in arguments:
            return list(holds(arguments[key])) if key < len(arguments) else []
        is_row = outer in (list, tuple, set, frozenset) or getattr(outer, "__name__", "") == "Sequence"
        return list(holds(arguments[0])) if is_row and isinstance(key, int) and arguments else []

    def under(self, name: str) -> Holds:
        """What may stand under a name of a mapping."""
        return self if self.choice is None else Holds(self.type, self.choice.named(name))

    @property
    def words(self) -> str:
        """The type as an author of specs would say it."""
        if self.choice is not None:
            return f"{self.choice.role.role} (a mapping with `kind`)"
        outer, arguments = get_origin(self.type), get_args(self.type)
        if outer is Literal:
            return " or ".join(f"`{_value(argument)}`" for argument in arguments)
        if outer is tuple and arguments and Ellipsis not in arguments:
            return f"list of {len(arguments)}: " + ", ".join(say(argument) for argument in arguments)
        if isinstance(outer, type) and issubclass(outer, Mapping):
            return f"mapping of names to {say(arguments[1])}"
        if outer is not None and arguments:
            return f"list of {say(arguments[0])}"
        return self._plain_words()

    def _plain_words(self) -> str:
        if isinstance(self.type, type) and issubclass(self.type, Spec):
            return f"mapping ({self.type.__name__})"
        if isinstance(self.type, type) and issubclass(self.type, Enum):
            return " or ".join(f"`{_value(member.value)}`" for member in self.type)
        if isinstance(self.type, type) and issubclass(self.type, PurePath):
            return "path"
        return _WORDS.get(self.type, getattr(self.type, "__name__", str(self.type)))


def holds(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[Holds]:
    """The alternatives of an annotation, with unions and `Annotated` opened up."""
    choice = next((entry for entry in metadata if isinstance(entry, OneOf)), None)
    outer, arguments = get_origin(annotation), get_args(annotation)
    if choice is not None:
        yield Holds(annotation, choice)
    elif outer is Annotated:
        yield from holds(arguments[0], tuple(arguments[1:]))
    elif outer in (Union, types.UnionType):
        for argument in arguments:
            yield from holds(argument)
    else:
        yield Holds(annotation)


def field_holds(field: FieldInfo) -> list[Holds]:
    """The alternatives of a field."""
    return list(holds(field.annotation, tuple(field.metadata)))


def say(annotation: Any) -> str:
    """An annotation in words, such as "integer or null"."""
    return " or ".join(held.words for held in holds(annotation))


def _value(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
