"""A declaration back to YAML, and its hash."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

from oscillo.spec.base import Spec


def to_yaml(spec: Spec) -> str:
    """The declaration as YAML 1.2, defaults included, keys in the order of the fields.

    Reading the text and validating it gives an equal declaration.
    """
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None  # mappings and lists of scalars in one line, the others as blocks
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 110
    yaml.representer.ignore_aliases = lambda _: True
    stream = io.StringIO()
    yaml.dump(_data(spec), stream)
    return stream.getvalue()


def spec_hash(spec: Spec) -> str:
    """SHA-256 of the declaration as canonical JSON, in hexadecimal; equal declarations have equal hashes."""
    text = json.dumps(_data(spec), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _data(spec: Spec) -> dict[str, Any]:
    return spec.model_dump(mode="json")
