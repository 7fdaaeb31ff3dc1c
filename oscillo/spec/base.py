"""What a declaration is: an immutable pydantic model that refuses unknown keys."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, ClassVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError, PydanticKnownError


class Spec(BaseModel):
    """Base of every declaration. Immutable, and an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, protected_namespaces=(), ser_json_inf_nan="constants"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _truths_are_true_or_false(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `heads: true`, which pydantic would read as 1, and `learn: yes`, which it would read as true."""
        takes = _alternatives(cls.model_fields[info.field_name].annotation) if info.field_name else set()
        if isinstance(value, bool) and takes and takes <= {int, float}:
            raise PydanticCustomError("number_from_bool", "takes a number, not {given}", {"given": str(value).lower()})
        if not isinstance(value, bool | NoneType) and takes == {bool}:
            raise PydanticKnownError("bool_type")
        return value


class ComponentSpec(Spec):
    """Base of the declarations that a `kind:` chooses between.

    A *role* is a direct subclass that sets `role` (`CouplingSpec`, `IntegratorSpec`, ...); a *kind* is a
    subclass of a role that carries `kind: Literal["name"] = "name"` and is registered (`register`).
    """

    role: ClassVar[str] = ""
    """The word that names the role in messages and listings, such as "coupling"."""


def _alternatives(annotation: Any) -> set[Any]:
    """The types that an annotation allows, without null."""
    is_union = get_origin(annotation) in (Union, UnionType)
    return set(get_args(annotation) if is_union else (annotation,)) - {NoneType}
