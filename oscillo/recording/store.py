"""The trajectory store: named arrays in zarr, written so that a reader never sees half of anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

import numpy as np

from oscillo.recording.atomic import PARTIAL
from oscillo.recording.commit_record import (
    DOCUMENT,
    FORMAT_VERSION,
    CommitRecord,
    remove,
    restore,
    write_group,
)
from oscillo.recording.declarations import ArrayDeclaration, check_name
from oscillo.recording.errors import StoreError
from oscillo.recording.open_array import OpenArray

GENERATION = re.compile(r"@\d+$")
"""What follows the name of a group that has replaced another of the same name."""


class TrajectoryStore:
    """A tree of groups with named arrays, in one zarr v3 folder with one writer.

    Arrays grow by `append` or have a fixed shape and are filled by `write`. Nothing counts until `commit`:
    whoever opens the root sees the state of the last commit, also while the store is written and after its
    writer was killed. A store that is opened here again starts from that state; later blocks are gone.

    A group that is declared as `staged` stays out of commits until `publish`.

    Args:
        path: folder of the store; made when it is not there.
        attributes: of the root, such as `spec_sha256`; added to those that an existing store has.

    Raises:
        StoreError: when the folder cannot be written or holds something else.
    """

    def __init__(self, path: Path | str, attributes: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path)
        self._open: dict[str, OpenArray] = {}
        self._staged: set[str] = set()
        self._superseded: set[str] = set()
        self._stopped: str | None = None
        with self._writing("the store"):
            self.path.mkdir(parents=True, exist_ok=True)
            if (self.path / DOCUMENT).exists():
                self._record = CommitRecord.read(self.path)
            elif any(not found.name.endswith(PARTIAL) for found in self.path.iterdir()):
                raise StoreError(f"{self.path} is not empty and not a trajectory store")
            else:  # new, or its first writer died before the first commit
                self._record = CommitRecord({})
            restore(self.path, self._record)
            self._record.attributes = {
                "oscillo_version": version("oscillo"),
                "format_version": FORMAT_VERSION,
                **self._record.attributes,
                **(attributes or {}),
            }
            self._record.write(self.path)

    def declare(
        self,
        group: str,
        arrays: Iterable[ArrayDeclaration],
        attributes: Mapping[str, Any] | None = None,
        *,
        staged: bool = False,
    ) -> None:
        """Make a group with these arrays. One that the last commit holds in the same form is taken up again.

        Args:
            group: path below the root, such as `training/layer0`.
            arrays: all arrays of the group, its coordinates among them.
            attributes: of the group.
            staged: leave it out of commits until `publish`.

        Raises:
            ValueError: when names or shapes do not fit together or what exists has another form.
            StoreError: when it cannot be written.
        """
        arrays = list(arrays)
        self._check_group(group, arrays)
        if staged:
            self._staged.add(group)
        with self._writing(group):
            write_group(self.path, group, attributes)
            for declaration in arrays:
                path = f"{group}/{declaration.name}"
                committed = self._record.arrays.get(path)
                if committed is None:
                    self._open[path] = OpenArray.create(self.path, path, declaration)
                else:
                    self._open[path] = OpenArray.resume(self.path, path, declaration, committed)

    def append(self, path: str, block: np.ndarray) -> None:
        """Add entries at the end of an array; they reach the disk in whole chunks and at the next commit.

        Args:
            path: group and name, such as `training/layer0/state`.
            block: shaped as declared, with any length along the growing axis.

        Raises:
            ValueError: when the block does not fit the declaration.
            StoreError: when the disk refuses it.
        """
        opened = self._find(path)
        with self._writing(path):
            if count := opened.append(block):
                opened.flush(count)

    def write(self, path: str, region: tuple[slice, ...], block: np.ndarray) -> None:
        """Fill a part of an array of fixed shape.

        Args:
            path: group and name.
            region: one slice for each leading axis; axes without one are filled whole.
            block: the numbers, shaped as the region.

        Raises:
            ValueError: when the block does not fit the region.
            StoreError: when the disk refuses it.
        """
        opened = self._find(path)
        with self._writing(path):
            opened.write(region, block)

    def commit(self) -> None:
        """Make everything written so far the state that readers see and that a resumed run starts from.

        Raises:
            ValueError: when arrays of one group grew by different lengths.
            StoreError: when the disk refuses it, or refused an earlier block; the last commit then stands.
        """
        self._commit(showing=set(), hiding=set())

    def publish(self, groups: Mapping[str, Mapping[str, Any]], replacing: Iterable[str] = ()) -> None:
        """Show staged groups and hide those that they replace, in one commit.

        What is hidden stays on the disk until the next `publish` or `close`, for readers that have just
        opened it.

        Args:
            groups: attributes by path, of groups that are staged or have staged groups below them.
            replacing: paths of groups that vanish with everything below them.

        Raises:
            StoreError: when the disk refuses it; then nothing has changed for readers.
        """
        hiding = set(replacing)
        with self._writing("the commit record"):
            for path, attributes in groups.items():
                write_group(self.path, path, attributes)
        self._commit(showing=set(groups), hiding=hiding)
        self._remove_superseded()
        self._superseded = hiding

    def discard(self, groups: Iterable[str]) -> None:
        """Remove groups whose staged content will not be finished."""
        groups = set(groups)
        self._staged -= {path for path in self._staged if _below(path, groups)}
        self._forget(groups)
        for group in groups:
            remove(self.path / group)

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Attributes of the committed groups, by path."""
        members = self._record.members.items()
        return {path: document["attributes"] for path, document in members if document["node_type"] == "group"}

    @property
    def lengths(self) -> dict[str, int]:
        """Committed length of every array that grows: what a checkpoint keeps for `truncate`."""
        committed = self._record.arrays
        growing = {path: opened.axis for path, opened in self._open.items() if path in committed}
        return {path: committed[path]["shape"][axis] for path, axis in growing.items() if axis is not None}

    def truncate(self, lengths: Mapping[str, int]) -> None:
        """Go back to lengths that `lengths` gave earlier; growing arrays that it does not name become empty.

        Raises:
            ValueError: when a committed array is shorter than asked for.
            StoreError: when the disk refuses it.
        """
        shorter = {path: lengths.get(path, 0) for path in self.lengths}
        for path, found in self.lengths.items():
            if shorter[path] > found:
                raise ValueError(f"{path} has {found} entries committed and cannot be cut to {shorter[path]}")
        with self._writing("the commit record"):
            for path, length in shorter.items():
                self._record.members[path]["shape"][self._open[path].growing] = length
            self._record.write(self.path)
            for path in shorter:
                self._open[path].waiting.clear()
                self._open[path].array.resize(tuple(self._record.members[path]["shape"]))

    def close(self) -> None:
        """Commit, and remove from the disk what was replaced or never finished."""
        self.commit()
        self._remove_superseded()
        self.discard(set(self._staged))

    def __enter__(self) -> TrajectoryStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()

    def _commit(self, showing: set[str], hiding: set[str]) -> None:
        staged = {path for path in self._staged if not _below(path, showing)}
        visible = [path for path in self._open if not _below(path, staged | hiding)]
        self._check_lengths(visible)
        for path in visible:
            with self._writing(path):
                if self._open[path].waiting:
                    self._open[path].flush(self._open[path].length - self._open[path].stored)
        with self._writing("the commit record"):
            listed = dict.fromkeys([*self._record.arrays, *visible])
            shown = [path for path in listed if not _below(path, hiding)]
            record = CommitRecord.collect(self.path, self._record.attributes, shown)
            record.write(self.path)
            self._record = record
        self._staged = staged
        self._forget(hiding)

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        """Stop the store for good when a write breaks off, so that no half of a block is ever committed."""
        if self._stopped is not None:
            raise StoreError(f"{self.path}: nothing more is written since writing {self._stopped} broke off")
        try:
            yield
        except ValueError:
            raise  # refused before anything was written
        except OSError as error:
            self._stopped = what
            raise StoreError(
                f"{self.path}: {what} could not be written: {error.strerror or error}. "
                "What was committed before is intact; make room and resume the run."
            ) from error
        except BaseException:
            self._stopped = what
            raise

    def _find(self, path: str) -> OpenArray:
        if path not in self._open:
            raise ValueError(f"{path} was not declared; declared are: {', '.join(sorted(self._open)) or 'none'}")
        return self._open[path]

    def _forget(self, groups: Iterable[str]) -> None:
        for path in [path for path in self._open if _below(path, groups)]:
            del self._open[path]

    def _remove_superseded(self) -> None:
        for group in self._superseded:
            remove(self.path / group)
        self._superseded = set()

    def _check_group(self, group: str, arrays: list[ArrayDeclaration]) -> None:
        for part in group.split("/"):
            check_name(GENERATION.sub("", part), "group")
        others = {str(PurePosixPath(path).parent) for path in [*self._record.arrays, *self._open]} - {group}
        for other in others:
            if _below(other, [group]) or _below(group, [other]):
                raise ValueError(f"{group} and {other}: a group with arrays cannot lie inside another")
        sizes: dict[str, int] = {}
        for declaration in arrays:
            for dim, length in zip(declaration.dims, declaration.shape, strict=True):
                if sizes.setdefault(dim, length) != length:
                    raise ValueError(f"{group}: {declaration.name} has {length} along {dim}, others {sizes[dim]}")

    def _check_lengths(self, paths: Iterable[str]) -> None:
        lengths: dict[tuple[str, str], dict[str, int]] = {}
        for path in paths:
            if dim := self._open[path].declaration.append_dim:
                group = str(PurePosixPath(path).parent)
                lengths.setdefault((group, dim), {})[path] = self._open[path].length
        for (group, dim), found in lengths.items():
            if len(set(found.values())) > 1:
                raise ValueError(f"{group}: its arrays grew along {dim} by different lengths: {found}")


def _below(path: str, groups: Iterable[str]) -> bool:
    return any(path == group or path.startswith(f"{group}/") for group in groups)
