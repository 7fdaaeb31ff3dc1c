"""A spec as written: plain data, and for every value the place it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oscillo.spec.composition import read_composed
from oscillo.spec.errors import SpecError
from oscillo.spec.overrides import Override, apply_overrides, change
from oscillo.spec.source import Located, Origin, Source, SpecPath, located
from oscillo.spec.versions import migrate, require_version


@dataclass(frozen=True)
class Document:
    """A spec before validation.

    Attributes:
        data: dicts with text keys, lists and scalars; `extends` is resolved and gone.
        origins: where each value stands, by path; `()` is the whole document.
        sources: the file, then the files it extends; their texts are what provenance keeps.
        overrides: the changes from the command line, as given.
    """

    data: dict[str, Any]
    origins: Mapping[SpecPath, Origin]
    sources: tuple[Source, ...]
    overrides: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], name: str = "", overrides: Iterable[str] = ()) -> Document:
        """A document from Python values; problems in it have paths and no lines.

        Args:
            data: nested mappings, sequences and scalars; declarations (`Spec`) may stand in it ready-made.
            name: put before each problem, such as "the argument `network`".
            overrides: changes, as `read_document` takes them.

        Raises:
            SpecError: overrides that lead nowhere, or a version that is too new.
        """
        source, changes = Source(name), tuple(overrides)
        root = migrate(apply_overrides(located(_plain(data), {(): Origin(source)}), changes))
        return cls._of(root, [source], changes)

    @classmethod
    def _of(cls, root: Located, sources: list[Source], overrides: tuple[str, ...]) -> Document:
        return cls(root.plain, dict(root.origins()), tuple(sources), overrides)

    def changed(self, changes: Iterable[tuple[SpecPath, Any, Origin]]) -> Document:
        """The document with other values at some places.

        Args:
            changes: place, plain value (None removes what is there), and where the value comes from, for messages.

        Raises:
            SpecError: with every place that is not there.
        """
        root, problems = located(self.data, dict(self.origins)), []
        for place, value, origin in changes:
            parts = tuple(map(str, place))
            fresh = None if value is None else located(_plain(value), {(): origin})
            try:
                root = change(root, Override(parts, (origin,) * len(parts), fresh))
            except SpecError as error:
                problems += error.problems
        if problems:
            raise SpecError(problems)
        return Document._of(root, list(self.sources), self.overrides)

    @property
    def file(self) -> Path | None:
        """The main file, absolute; None for a document made in Python."""
        return self.sources[0].file

    def origin(self, path: SpecPath) -> Origin:
        """Where the value at a path stands; for one that was not written, its nearest parent that was."""
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins[path]


def read_document(path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Document:
    """Read a spec: YAML 1.2, the files it extends, then the overrides, in the present version of the format.

    Args:
        path: the YAML file; messages name it as given here.
        overrides: changes such as `training.batch_size=50`, `network.layers.0.channels=128` or `~training.ema`.

    Raises:
        SpecError: files that are missing or not YAML, duplicate keys, circular `extends`, overrides that lead
            nowhere, a version that is missing or too new. Keys and values are checked by `validate`.
    """
    changes = tuple(overrides)
    root, sources = read_composed(os.fspath(path))
    root = migrate(apply_overrides(root, changes))
    require_version(root)
    return Document._of(root, sources, changes)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return value
