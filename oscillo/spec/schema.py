"""JSON Schema of a declaration with all registered kinds, for completion in editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from oscillo.spec.base import Spec
from oscillo.spec.registry import registered

_EXTENDS = {
    "description": "Files this spec builds on, relative to it; mappings are merged, later files win.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}


def json_schema(model: type[Spec]) -> dict[str, Any]:
    """The schema of a spec file in draft 07, as yaml-language-server reads it.

    Every registered kind of the roles that can be reached from `model` has one definition, `coupling.attention`,
    and every role one that lists its kinds, `coupling`. A file that extends others need not hold all the keys.
    """
    schema, definitions = _generate(model)
    properties = {"extends": _EXTENDS, **schema.pop("properties", {})}
    required = schema.pop("required", [])
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **schema,
        "properties": properties,
        "if": {"required": ["extends"]},
        "else": {"required": required},
        "$defs": dict(sorted(definitions.items())),
    }


def _generate(model: type[Spec]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Schema of the root and all definitions; widens the set of roles until none is missing."""
    roles: dict[tuple[str, str | None], None] = {}
    while True:
        names: dict[type[Spec], str] = {model: ""}
        for role, _ in roles:
            names |= {spec: f"{role}.{kind}" for kind, spec in registered(role)[role].items()}
        references, top = models_json_schema([(spec, "validation") for spec in names])
        raw = top.get("$defs", {})
        found = dict.fromkeys(_roles_in(raw))
        if found.keys() <= roles.keys():
            break
        roles |= found
    renamed = {_target(references[spec, "validation"]): name for spec, name in names.items()}
    rewritten = {str(renamed.get(name, name)): _rewrite(schema, renamed) for name, schema in raw.items()}
    for role, default in roles:
        rewritten[_role_name(role, default)] = _one_of(role, default)
    return rewritten.pop(""), rewritten


def _target(reference: dict[str, Any]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _roles_in(schema: Any) -> list[tuple[str, str | None]]:
    if isinstance(schema, list):
        return [role for entry in schema for role in _roles_in(entry)]
    if not isinstance(schema, dict):
        return []
    here = [(schema["x-role"], schema.get("x-default-kind"))] if "x-role" in schema else []
    return here + [role for entry in schema.values() for role in _roles_in(entry)]


def _role_name(role: str, default: str | None) -> str:
    return role if default is None else f"{role}-{default}"


def _one_of(role: str, default: str | None) -> dict[str, Any]:
    """The choice between kinds: each has to be named, or two kinds would fit an empty mapping."""
    options: list[dict[str, Any]] = []
    for kind in registered(role)[role]:
        option: dict[str, Any] = {"$ref": f"#/$defs/{role}.{kind}"}
        options.append(option if kind == default else {"allOf": [option], "required": ["kind"]})
    return {"title": role, "oneOf": options}


def _rewrite(schema: Any, renamed: dict[str, str]) -> Any:
    """Pydantic's output in the words of draft 07, with definitions renamed and role markers resolved."""
    if isinstance(schema, list):
        return [_rewrite(entry, renamed) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    schema = dict(schema)
    target, named = None, schema.get("additionalProperties")
    if isinstance(named, dict) and named.get("x-by-name"):
        schema["additionalProperties"] = {key: value for key, value in named.items() if key != "x-by-name"}
        kinds = {
            kind: {"$ref": f"#/$defs/{named['x-role']}.{kind}"} for kind in registered(named["x-role"])[named["x-role"]]
        }
        return {**_rewrite(schema, renamed), "properties": kinds, "patternProperties": {"^~": {}}}
    if "x-role" in schema:
        target = _role_name(schema.pop("x-role"), schema.pop("x-default-kind", None))
        schema.pop("type")
    elif "$ref" in schema:
        name = _target(schema)
        del schema["$ref"]
        target = renamed.get(name, name)
    if "prefixItems" in schema:
        schema["items"] = schema.pop("prefixItems")
    if isinstance(schema.get("properties"), dict):
        fields = {name: _rewrite(_untitled(entry), renamed) for name, entry in schema.pop("properties").items()}
        schema |= {"properties": fields, "patternProperties": {"^~": {}}}
    rest = {key: value if key in _DATA else _rewrite(value, renamed) for key, value in schema.items()}
    if target is None:
        return rest
    reference = {"$ref": f"#/$defs/{target}"}
    return {"allOf": [reference], **rest} if rest else reference  # draft 07 ignores what stands beside a $ref


_DATA = frozenset({"default", "const", "enum", "examples", "required", "properties", "patternProperties"})
"""Keys whose values are no schemas, or are rewritten already."""


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the title that pydantic makes from the field's name and that says nothing new."""
    return {key: value for key, value in schema.items() if key != "title"}
