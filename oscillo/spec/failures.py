"""Component code that fails: which component it was, and where that stands in the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb
from typing import Any

from oscillo.spec.base import ComponentSpec, Spec
from oscillo.spec.document import Document
from oscillo.spec.errors import LocatedError, SpecError, SpecProblem
from oscillo.spec.source import SpecPath


@contextmanager
def locating_failures(spec: Spec, document: Document) -> Iterator[None]:
    """Turn what a component's own code raises, such as `problems` or `build`, into a problem at its place in the spec.

    A `LocatedError` says its place by itself, from the root of the spec; what else was raised outside the components
    passes as it is.

    Raises:
        SpecError: with the component, the exception, and the file and line that raised it.
    """
    try:
        yield
    except SpecError:
        raise
    except LocatedError as error:
        raise SpecError.at(document, [SpecProblem(error.path, str(error))]) from None
    except Exception as error:
        problem = _problem(error, spec)
        if problem is None:
            raise
        raise SpecError.at(document, [problem]) from error


def _problem(error: Exception, spec: Spec) -> SpecProblem | None:
    """The failure of the innermost component that was at work; None when none was."""
    frames = list(walk_tb(error.__traceback__))
    at_work = [
        (frame.f_locals["self"], frame.f_code.co_filename)
        for frame, _ in frames
        # pydantic's own methods are the component's as well, and no place to look for the mistake.
        if isinstance(frame.f_locals.get("self"), ComponentSpec)
        and not frame.f_globals.get("__name__", "").startswith("pydantic.")
    ]
    if not at_work:
        return None
    component, file = at_work[-1]
    line = [line for frame, line in frames if frame.f_code.co_filename == file][-1]
    kind = getattr(component, "kind", type(component).__name__)
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    message = f"the {component.role} {kind!r} failed with {reason} ({file}:{line})"
    return SpecProblem(_path_of(component, spec) or (), message)


def _path_of(component: ComponentSpec, value: Any) -> SpecPath | None:
    """The keys that lead from a value down to a component; None where it is not."""
    if value is component:
        return ()
    inside: Any = ()
    if isinstance(value, Spec):
        inside = ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, list | tuple):
        inside = enumerate(value)
    for key, below in inside:
        path = _path_of(component, below)
        if path is not None:
            return (key, *path)
    return None
