"""From a document to a declaration, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from oscillo.spec import messages
from oscillo.spec.base import Spec
from oscillo.spec.document import Document
from oscillo.spec.errors import LocatedError, Problem, SpecError
from oscillo.spec.fields import Holds
from oscillo.spec.source import SpecPath, dotted

M = TypeVar("M", bound=Spec)


def validate(model: type[M], document: Document) -> M:
    """Read a document as a declaration of the given class.

    Args:
        model: the class of the whole document.
        document: what was read; plugins it names must have been loaded (`load_plugins`).

    Raises:
        SpecError: with every problem at once, with its place in the text and a suggestion where one is near.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        faults = [_Fault.follow(entry, model, document.data) for entry in error.errors(include_url=False)]
    raise SpecError(_problems(faults, document))


@dataclass(frozen=True)
class _Fault:
    """One pydantic error with its location followed through model and data.

    `path` holds YAML keys alone. pydantic names the branches of a union in the location; `branch` is the first
    such name and `branch_depth` the length of the path up to it. `parents` is what the mapping
    around the last key may be.
    """

    error: Mapping[str, Any]
    path: SpecPath
    parents: list[Holds]
    branch: str | None
    branch_depth: int

    @classmethod
    def follow(cls, error: Mapping[str, Any], model: type[Spec], data: Any) -> _Fault:
        path: list[str | int] = []
        parents: list[Holds] = []
        here, value, branch, depth = [Holds(model)], data, None, 0
        for part in error["loc"]:
            inside = [held for holder in here for held in holder.inside(part, value)]
            if inside or _has(value, part):
                path.append(part)
                parents, here, value = here, inside, _get(value, part)
            elif branch is None:
                branch, depth = str(part), len(path)
        if error["type"] == "component_kind_unknown":
            path.append("kind")
        return cls(error, tuple(path), parents, branch, depth)

    @property
    def is_mismatch(self) -> bool:
        """Whether this says no more than that the value is of another type than the branch."""
        return messages.expected(self.error) is not None and len(self.path) == self.branch_depth


def _problems(faults: list[_Fault], document: Document) -> list[Problem]:
    renamed = {(*fault.path[:-1], key) for fault in faults if (key := _meant(fault, document))}
    faults = [fault for fault in faults if fault.error["type"] != "missing" or fault.path not in renamed]
    found = [_problem(fault, document) for fault in faults if fault.branch is None]
    unions: dict[SpecPath, list[_Fault]] = {}
    for fault in faults:
        if fault.branch is not None:
            unions.setdefault(fault.path[: fault.branch_depth], []).append(fault)
    for path, group in unions.items():
        telling = [fault for fault in group if not fault.is_mismatch]
        if telling:  # the value has the right shape for a branch, so the other branches are beside the point
            branches = [fault.branch for fault in telling]
            likely = min(branches, key=branches.count)
            found += [_problem(fault, document) for fault in telling if fault.branch == likely]
        else:
            words, remedy = messages.mismatch([fault.error for fault in group])
            found.append(Problem.on_value(document.origin(path), path, words, remedy))
    return list(dict.fromkeys(found))


def _problem(fault: _Fault, document: Document) -> Problem:
    path, kind = fault.path, fault.error["type"]
    if kind == "extra_forbidden":
        return Problem.on_key(document.origin(path), path, "unknown key", _remedy(fault, document))
    if kind == "missing" and isinstance(path[-1], int):
        return _problem_of_length(fault, document)
    if kind == "missing":
        above = _at(document.data, path[:-1])
        words = " or ".join(held.words for parent in fault.parents for held in parent.inside(path[-1], above))
        needs = f"needs `{path[-1]}` ({words})" if words else f"needs `{path[-1]}`"
        return Problem.on_value(document.origin(path[:-1]), path[:-1], needs)
    cause = fault.error.get("ctx", {}).get("error")
    if isinstance(cause, LocatedError):
        path = (*path, *cause.path)
    words, remedy = messages.message(fault.error)
    return Problem.on_value(document.origin(path), path, words, remedy)


def _problem_of_length(fault: _Fault, document: Document) -> Problem:
    """A list of fixed length that is too short; pydantic tells each item that is not there."""
    path, given = fault.path[:-1], len(_at(document.data, fault.path[:-1]))
    wanted = max(len(get_args(held.type)) for held in fault.parents)
    return Problem.on_value(document.origin(path), path, f"needs {wanted} items, has {given}")


def _meant(fault: _Fault, document: Document) -> str | None:
    """The key that an unknown one was probably meant to be; that it is missing is then no news."""
    if fault.error["type"] != "extra_forbidden":
        return None
    parent = _at(document.data, fault.path[:-1])
    free = [key for key in _keys(fault, parent) if not _has(parent, key)]
    return next(iter(get_close_matches(str(fault.path[-1]), free, n=1)), None)


def _remedy(fault: _Fault, document: Document) -> str | None:
    """What to do about an unknown key: the nearest known one, what changed the kind, or all keys."""
    path, at = fault.path, fault.path[:-1]
    parent, chosen_by = _at(document.data, at), document.origin((*at, "kind"))
    keys = _keys(fault, parent)
    # Also one that is set already: it may be what an override was meant to change.
    if near := messages.nearest(path[-1], keys):
        return near
    is_component = any(held.choice for held in fault.parents)
    if is_component and _has(parent, "kind") and chosen_by.source != document.origin(path).source:
        return (
            f"the kind {parent['kind']!r} was chosen by {chosen_by.place}: "
            f"set `{dotted(at)}` as a whole there, or remove `~{dotted(path)}`"
        )
    return f"known: {', '.join(keys)}" if keys else None


def _keys(fault: _Fault, parent: Any) -> list[str]:
    return [key for held in fault.parents for model in held.models(parent) for key in model.model_fields]


def _has(value: Any, key: str | int) -> bool:
    if isinstance(value, Mapping):
        return key in value
    return isinstance(value, list) and isinstance(key, int) and key < len(value)


def _get(value: Any, key: str | int) -> Any:
    return value[key] if _has(value, key) else None


def _at(value: Any, path: SpecPath) -> Any:
    for key in path:
        value = _get(value, key)
    return value
