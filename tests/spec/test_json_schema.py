from __future__ import annotations

import json
import re

import pytest
from sample_spec import RootSpec

from oscillo.spec import json_schema

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}


def fits(value, schema, root):
    """The part of JSON Schema draft 07 that the schema uses; what stands beside a $ref is ignored, as it says."""
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return fits(value, target, root)
    unknown = set(schema) - CHECKS.keys() - {"title", "description", "default", "format", "$schema", "$defs", "else"}
    assert not unknown, unknown
    return all(check(value, schema[key], schema, root) for key, check in CHECKS.items() if key in schema)


def _type(value, name, schema, root):
    if name == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))


def _closed(value, allowed, schema, root):
    if not isinstance(value, dict):
        return True
    others = [v for k, v in value.items() if k not in schema.get("properties", {}) and not k.startswith("~")]
    return all(allowed is not False and (allowed is True or fits(v, allowed, root)) for v in others)


def _items(value, items, schema, root):
    if not isinstance(value, list):
        return True
    pairs = zip(value, items, strict=False) if isinstance(items, list) else ((v, items) for v in value)
    return all(fits(v, item, root) for v, item in pairs)


CHECKS = {
    "type": _type,
    "const": lambda v, c, s, r: v == c,
    "enum": lambda v, c, s, r: v in c,
    "required": lambda v, c, s, r: not isinstance(v, dict) or set(c) <= v.keys(),
    "properties": lambda v, c, s, r: all(fits(v[k], c[k], r) for k in c if isinstance(v, dict) and k in v),
    "patternProperties": lambda v, c, s, r: list(c) == ["^~"],
    "additionalProperties": _closed,
    "items": _items,
    "allOf": lambda v, c, s, r: all(fits(v, option, r) for option in c),
    "anyOf": lambda v, c, s, r: any(fits(v, option, r) for option in c),
    "oneOf": lambda v, c, s, r: sum(fits(v, option, r) for option in c) == 1,
    "if": lambda v, c, s, r: fits(v, c, r) or fits(v, s["else"], r),
    "minItems": lambda v, c, s, r: not isinstance(v, list) or len(v) >= c,
    "maxItems": lambda v, c, s, r: not isinstance(v, list) or len(v) <= c,
    "minimum": lambda v, c, s, r: isinstance(v, str) or v >= c,
    "maximum": lambda v, c, s, r: isinstance(v, str) or v <= c,
    "exclusiveMinimum": lambda v, c, s, r: isinstance(v, str) or v > c,
}

LAYER = {"channels": 8}


def _sum(*terms):
    return {"kind": "sum", "terms": list(terms)}


@pytest.mark.parametrize(
    ("spec", "good"),
    [
        ({}, True),
        ({"nam": 1}, False),
        ({"extends": "base.yaml", "~layers": None}, True),
        ({"layers": [LAYER]}, True),
        ({"layers": [{}]}, False),
        ({"layers": [LAYER | {"bond": {"kind": "heads", "heads": 4}}]}, True),
        ({"layers": [LAYER | {"bond": {"heads": 4}}]}, False),
        ({"layers": [LAYER | {"tied": {"heads": 4}}]}, True),
        ({"layers": [LAYER | {"tied": None}]}, True),
        ({"layers": [LAYER | {"tied": {"kind": "spring", "heads": 4}}]}, False),
        ({"layers": [LAYER | {"bond": {"kind": "spring", "strength": 1}}]}, True),
        ({"layers": [LAYER | {"bond": _sum(_sum({"kind": "heads"}))}]}, True),
        ({"layers": [LAYER | {"bond": _sum(_sum({"kind": "hds"}))}]}, False),
        ({"layers": [LAYER | {"bond": {"kind": "heads", "heads": 65}}]}, False),
        ({"by_name": {"a": LAYER}}, True),
        ({"by_name": {"a": {"channels": "x"}}}, False),
        ({"givens": [1, 2], "clip": {"norm": 1.5}, "device": 2, "folder": "x", "notes": {"a": [1]}}, True),
        ({"givens": [1, 2, 3]}, False),
        ({"givens": [1, "x"]}, False),
        ({"device": "cuda"}, False),
    ],
)  # fmt: skip
def test_the_schema_takes_what_validation_takes(spec, good):
    schema = json.loads(json.dumps(json_schema(RootSpec), allow_nan=False))
    assert fits(spec, schema, schema) is good


def test_every_kind_is_defined_once_and_every_reference_resolves():
    schema = json_schema(RootSpec)
    kinds = [name for name in schema["$defs"] if name.startswith("bond")]
    assert kinds == ["bond", "bond-heads", "bond.heads", "bond.spring", "bond.sum"]
    text = json.dumps(schema)
    targets = set(re.findall(r'"\$ref": "#/\$defs/([^"]*)"', text))
    assert targets <= schema["$defs"].keys()
    assert "discriminator" not in text and "prefixItems" not in text and "x-role" not in text
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#" and schema["title"] == "RootSpec"


def test_descriptions_and_defaults_reach_the_editor():
    heads = json_schema(RootSpec)["$defs"]["bond.heads"]
    assert heads["description"].startswith("A bond with heads.")
    assert heads["properties"]["heads"]["description"] == "Number of heads."
    assert heads["properties"]["kind"]["const"] == "heads"
    assert json_schema(RootSpec)["$defs"]["LayerSpec"]["properties"]["bond"]["default"]["heads"] == 8
