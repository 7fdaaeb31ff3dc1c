"""Declarations: the base class, the registry, YAML with positions, validation, schema, explanation, plugins."""

from oscillo.spec.base import ComponentSpec, Spec
from oscillo.spec.document import Document, read_document
from oscillo.spec.dump import spec_hash, to_yaml
from oscillo.spec.errors import LocatedError, Problem, SpecError, SpecProblem
from oscillo.spec.explain import Explanation, explain, spec_reference
from oscillo.spec.failures import locating_failures
from oscillo.spec.plugins import PluginFile, load_plugins
from oscillo.spec.ranges import Range
from oscillo.spec.registry import Component, Named, OneOf, register, registered
from oscillo.spec.schema import json_schema
from oscillo.spec.sweep import SweepSpec
from oscillo.spec.validation import validate
from oscillo.spec.versions import VERSION

__all__ = [
    "VERSION", "Component", "ComponentSpec", "Document", "Explanation", "LocatedError", "Named", "OneOf",
    "PluginFile", "Problem", "Range", "Spec", "SpecError", "SpecProblem", "SweepSpec", "explain", "json_schema",
    "load_plugins", "locating_failures", "read_document", "register", "registered", "spec_hash", "spec_reference",
    "to_yaml", "validate",
]  # fmt: skip
