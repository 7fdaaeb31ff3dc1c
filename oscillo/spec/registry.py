"""The registry: which kinds there are of each role, and the field type that chooses between them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from oscillo.spec.base import ComponentSpec

S = TypeVar("S", bound=ComponentSpec)

_kinds: dict[str, dict[str, type[ComponentSpec]]] = {}
_broken: dict[str, str] = {}


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


def note_broken(plugin: str, reason: str) -> None:
    """Remember a plugin that could not be loaded; whoever asks for a kind that is not there is told of it."""
    _broken[plugin] = reason


class OneOf:
    """Annotation that validates a mapping by the registered kind its `kind` key names.

    The choice is looked up when a value is validated and not when the class is made, so plugins may register
    kinds at any time, and an error's location holds YAML keys alone (a tagged union would add the tag).
    """

    def __init__(self, role: type[ComponentSpec], default: str | None = None, *, by_name: bool = False) -> None:
        self.role = role
        self.default = default
        self.by_name = by_name
        """Whether it stands in a mapping of names, where a name that is a kind needs no `kind`."""

    def named(self, name: str) -> OneOf:
        """The same for what stands under a name."""
        return OneOf(self.role, name if self.by_name and name in _kinds.get(self.role.role, {}) else self.default)

    def spec_for(self, value: Any) -> type[ComponentSpec] | None:
        """The class that a raw mapping would be validated by; None when its kind is missing or unknown."""
        kind = value.get("kind", self.default) if isinstance(value, Mapping) else None
        return _kinds.get(self.role.role, {}).get(kind) if isinstance(kind, str) else None

    def _choose(self, value: Any) -> ComponentSpec:
        if isinstance(value, self.role):
            return value
        spec = self.spec_for(value)
        if spec is None:
            raise self._complaint(value)
        return spec.model_validate(value)

    def _complaint(self, value: Any) -> PydanticCustomError:
        role, known = self.role.role, sorted(_kinds.get(self.role.role, {}))
        one = f"an {role}" if role[0] in "aeiou" else f"a {role}"
        words: dict[str, Any] = {"role": role, "one": one, "known": ", ".join(known) or "none"}
        if not isinstance(value, Mapping):
            words["example"] = self._example(value)
            return PydanticCustomError(
                "component_type", "takes {one}: a mapping with a `kind`, such as `{example}`", words
            )
        kind = value.get("kind", self.default)
        if kind is None:
            return PydanticCustomError("component_kind_missing", "{one} needs a `kind` (known: {known})", words)
        close = get_close_matches(str(kind), known, n=1)
        broken = "".join(f"; could not load {plugin}: {why}" for plugin, why in sorted(_broken.items()))
        words |= {"kind": repr(kind), "suggestion": close[0] if close else None, "broken": broken}
        return PydanticCustomError(
            "component_kind_unknown", "there is no {role} of kind {kind} (known: {known}){broken}", words
        )

    def _example(self, value: Any) -> str:
        """A mapping for this field: of the kind that a bare word names, or of one that needs no other field."""
        needs = {
            kind: [name for name, field in spec.model_fields.items() if field.is_required()]
            for kind, spec in registered(self.role.role)[self.role.role].items()
        }
        if not needs:
            return "{kind: ...}"
        named = get_close_matches(value, needs, n=1) if isinstance(value, str) else []
        kind = named[0] if named else min(needs, key=lambda kind: (len(needs[kind]), kind != self.default))
        fields = "".join(f", {name}: ..." for name in needs[kind])
        return f"{{kind: {kind}{fields}}}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        serialize = core_schema.plain_serializer_function_ser_schema(lambda spec: spec.model_dump(mode="json"))
        return core_schema.no_info_plain_validator_function(self._choose, serialization=serialize)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Name the role and leave the kinds to `json_schema`: a kind may hold components of its own role."""
        default = {} if self.default is None else {"x-default-kind": self.default}
        by_name = {"x-by-name": True} if self.by_name else {}
        return {"type": "object", "x-role": self.role.role, **default, **by_name}


def _with_kinds(role: type[ComponentSpec], value: Any) -> Any:
    """A mapping of names with the kinds that its names say, or nearly say: then it is told which one may be meant."""
    if not isinstance(value, Mapping):
        return value
    known = _kinds.get(role.role, {})
    return {
        name: {"kind": name, **one} if isinstance(one, Mapping) and get_close_matches(str(name), known, n=1) else one
        for name, one in value.items()
    }


if TYPE_CHECKING:
    Component = Annotated[S, None]
    Named = Annotated[dict[str, S], None]
else:

    class Component:
        """`Component[CouplingSpec]`: a field that takes any registered kind of that role.

        `Annotated[LayerSpec, OneOf(LayerSpec, "oscillators")]` also says which kind a mapping without `kind` has.
        """

        def __class_getitem__(cls, role: type[ComponentSpec]) -> Any:
            return Annotated[role, OneOf(role)]

    class Named:
        """`Named[ObservableSpec]`: a mapping from names to components; a name that is a kind needs no `kind`."""

        def __class_getitem__(cls, role: type[ComponentSpec]) -> Any:
            each = Annotated[role, OneOf(role, by_name=True)]
            return Annotated[dict[str, each], BeforeValidator(partial(_with_kinds, role))]
