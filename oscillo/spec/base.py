"""What a declaration is: an immutable pydantic model that refuses unknown keys."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """Base of every declaration. Immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())


class ComponentSpec(Spec):
    """Base of the declarations that a `kind:` chooses between.

    A *role* is a direct subclass that sets `role` (`CouplingSpec`, `IntegratorSpec`, ...); a *kind* is a subclass of
    a role that carries `kind: Literal["name"] = "name"` and is registered with `oscillo.spec.register`.
    """

    role: ClassVar[str] = ""
    """The word that names the role in messages and listings, such as "coupling"."""
