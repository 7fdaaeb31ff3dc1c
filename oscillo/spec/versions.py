"""Versions of the spec format, and how an older spec is brought up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oscillo.spec.errors import Problem, SpecError
from oscillo.spec.migrations import recording_of_its_own
from oscillo.spec.source import Located, located

VERSION = 2
"""The version of the format that this release reads without migration."""

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: recording_of_its_own}
"""For each older version n, the function that turns a raw mapping of version n into one of version n + 1."""


def migrate(root: Located) -> Located:
    """Bring the mapping of one file to the present version; a file that states no version is taken as it is.

    Values that a migration moves keep the position of the nearest mapping that is still there.

    Raises:
        SpecError: when the version is no positive integer, or newer than this release.
    """
    stated = root.value.get("version")
    if stated is None:
        return root
    version, origin = stated.value, stated.origin
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        problem = Problem.on_value(origin, ("version",), "not a version", f"write `version: {VERSION}`")
        raise SpecError([problem])
    if version > VERSION:
        message = f"version {version} is newer than this oscillo, which reads versions up to {VERSION}"
        raise SpecError([Problem.on_value(origin, ("version",), message, "update oscillo")])
    if version == VERSION:
        return root
    plain = root.plain
    for step in range(version, VERSION):
        plain = {**MIGRATIONS[step](plain), "version": step + 1}
    return located(plain, dict(root.origins()))


def require_version(root: Located) -> None:
    """Refuse a spec in which no file states the version of the format.

    Raises:
        SpecError: naming the line to add.
    """
    if "version" not in root.value:
        origin = root.origin
        message = "the spec states no version"
        raise SpecError([Problem.on_value(origin, (), message, f"add `version: {VERSION}` as its first line")])
