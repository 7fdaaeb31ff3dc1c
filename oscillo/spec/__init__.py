"""Declarations: the base class, the registry, YAML with positions, validation."""

from oscillo.spec.base import ComponentSpec, Spec
from oscillo.spec.registry import Component, register, registered

__all__ = ["Component", "ComponentSpec", "Spec", "register", "registered"]
