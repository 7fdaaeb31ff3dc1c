"""Declarations: the base class, the registry, YAML with positions, validation."""

from oscillo.spec.base import ComponentSpec, Spec
from oscillo.spec.document import Document, read_document
from oscillo.spec.errors import Problem, SpecError, SpecProblem
from oscillo.spec.registry import Component, register, registered
from oscillo.spec.validation import validate

__all__ = [
    "Component", "ComponentSpec", "Document", "Problem", "Spec", "SpecError", "SpecProblem", "read_document",
    "register", "registered", "validate",
]  # fmt: skip
