"""The registry: which kinds there are of each role, and the field type that chooses between them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from oscillo.spec.base import ComponentSpec

S = TypeVar("S", bound=ComponentSpec)

_kinds: dict[str, dict[str, type[ComponentSpec]]] = {}


def register(spec: type[S]) -> type[S]:
    """Class decorator: make a kind known under its role.

    Raises:
        TypeError: when the class names no role or has no `kind` default.
        ValueError: when another class has taken the same kind of the same role.
    """
    field = spec.model_fields.get("kind")
    if not spec.role or field is None or not isinstance(field.default, str):
        raise TypeError(f"{spec.__name__}: a kind needs a role and `kind: Literal[...] = ...`")
    known = _kinds.setdefault(spec.role, {})
    other = known.get(field.default)
    if other is not None and (other.__module__, other.__qualname__) != (spec.__module__, spec.__qualname__):
        raise ValueError(f"{spec.role} kind {field.default!r} is taken by {other.__module__}.{other.__qualname__}")
    known[field.default] = spec
    return spec


def registered(role: str | None = None) -> dict[str, dict[str, type[ComponentSpec]]]:
    """All kinds by role, or those of one role, in alphabetical order."""
    roles = sorted(_kinds) if role is None else [role]
    return {name: dict(sorted(_kinds.get(name, {}).items())) for name in roles}


class _OneOf:
    """Annotation that validates a mapping by the registered kind its `kind` key names.

    The choice is looked up when a value is validated and not when the class is made, so plugins may register kinds
    at any time, and an error's location holds YAML keys alone (a tagged union would add the tag).
    """

    def __init__(self, role: type[ComponentSpec], default: str | None = None) -> None:
        self.role = role
        self.default = default

    def _choose(self, value: Any) -> ComponentSpec:
        if isinstance(value, self.role):
            return value
        name, known = self.role.role, _kinds.get(self.role.role, {})
        if not isinstance(value, Mapping):
            raise PydanticCustomError(
                "component_type", "a {role} is a mapping with a `kind`, such as {{kind: {example}}}",
                {"role": name, "example": next(iter(sorted(known)), "...")},
            )  # fmt: skip
        kind = value.get("kind", self.default)
        if kind is None:
            raise PydanticCustomError(
                "component_kind_missing", "a {role} needs a `kind`: one of {known}",
                {"role": name, "known": ", ".join(sorted(known))},
            )  # fmt: skip
        spec = known.get(kind) if isinstance(kind, str) else None
        if spec is None:
            close = get_close_matches(str(kind), known, n=1)
            raise PydanticCustomError(
                "component_kind_unknown", "there is no {role} of kind {kind}; known: {known}",
                {"role": name, "kind": repr(kind), "known": ", ".join(sorted(known)),
                 "suggestion": close[0] if close else None},
            )  # fmt: skip
        return spec.model_validate(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        serialize = core_schema.plain_serializer_function_ser_schema(lambda spec: spec.model_dump(mode="json"))
        return core_schema.no_info_plain_validator_function(self._choose, serialization=serialize)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        kinds = registered(self.role.role)[self.role.role]
        refs = {kind: handler(spec.__pydantic_core_schema__) for kind, spec in kinds.items()}
        mapping = {kind: ref["$ref"] for kind, ref in refs.items() if "$ref" in ref}
        return {"oneOf": list(refs.values()), "discriminator": {"propertyName": "kind", "mapping": mapping}}


if TYPE_CHECKING:
    Component = Annotated[S, None]
else:

    class Component:
        """`Component[CouplingSpec]`: a field that takes any registered kind of that role.

        `Component[LayerSpec, "oscillators"]` names the kind that a mapping without `kind` has.
        """

        def __class_getitem__(cls, item: Any) -> Any:
            role, default = item if isinstance(item, tuple) else (item, None)
            return Annotated[role, _OneOf(role, default)]
