"""The trajectory store: named arrays in zarr, written so that a reader never sees half of anything."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

import numpy as np

from oscillo.recording.background_writer import BackgroundWriter, WriteFailed
from oscillo.recording.commit_record import (
    FORMAT_VERSION,
    STAGED,
    CommitRecord,
    document_key,
    group_document,
    holds,
    put_document,
    remove_beyond,
    restore,
)
from oscillo.recording.consistency import below, check_form, check_group, check_lengths, check_staged
from oscillo.recording.declarations import ArrayDeclaration
from oscillo.recording.errors import StoreError, refused
from oscillo.recording.open_array import OpenArray
from oscillo.recording.store_files import DOCUMENT, files_at

_KEPT_FOR_READERS = 10.0
"""Seconds that replaced groups stay on the disk."""

_NOTICEABLE = 1.0
"""Seconds of waiting for the disk that are worth a line."""


class TrajectoryStore:
    """A tree of groups with named arrays, in one zarr v3 folder with one owner.

    Arrays grow by `append` or have a fixed shape and are filled by `write`; a thread takes them to the disk. Nothing
    counts until `commit`: whoever opens the root sees the state of the last commit, also while the store is written and
    after its writer was killed. A store that is opened here again starts from that state; later blocks are gone.

    A group that is declared as `staged` stays out of commits until `publish`. One that was not finished when its writer
    died or stopped can be declared again, and is then as far as it was.

    Args:
        path: folder of the store, made when it is not there; or a URL that fsspec knows, such as `s3://bucket/data.zarr`.
        attributes: of the root, such as `spec_sha256`; added to those that an existing store has.
        fsync: let a commit return only when it outlives a loss of power, and not only the death of the process.

    Attributes:
        path: folder or URL.

    Raises:
        StoreError: when the place cannot be written, holds something else, or a store of an older format.
    """

    def __init__(self, path: Path | str, attributes: Mapping[str, Any] | None = None, *, fsync: bool = False) -> None:
        self.path = path
        self._files, self._writer, self._fsync = files_at(path), BackgroundWriter(), fsync
        self._open: dict[str, OpenArray] = {}
        self._groups: dict[str, dict[str, Any]] = {}
        self._staged: set[str] = set()
        self._superseded: dict[str, float] = {}
        self._unsynced: set[str] = set()
        self._stopped: str | None = None
        with self._writing("the store"):
            self._record = self._found()
            self._files.sweep()
            self._leftover = restore(self._files, self._record)
            self._record.attributes = {
                "oscillo_version": version("oscillo"),
                "format_version": FORMAT_VERSION,
                **{f"{name}_version": version(name) for name in ("zarr", "numpy", "torch")},
                **self._record.attributes,
                **(attributes or {}),
            }
            self._record.write(self._files)

    def declare(
        self, group: str, arrays: Iterable[ArrayDeclaration], attributes: Mapping[str, Any] | None = None, *,
        staged: bool = False,
    ) -> bool:  # fmt: skip
        """Make a group with these arrays. One that the last commit holds in the same form is taken up again.

        So is a staged one that was left unfinished, when it was declared with the same arrays and attributes; with
        others it is made anew.

        Args:
            group: path below the root, such as `training/layer0`.
            arrays: all arrays of the group, its coordinates among them.
            attributes: of the group.
            staged: leave it out of commits until `publish`; its arrays have a fixed shape.

        Returns:
            Whether an unfinished group was taken up, with all that had been flushed.

        Raises:
            ValueError: when names or shapes do not fit together or what exists has another form.
            StoreError: when it cannot be written.
        """
        declared = {f"{group}/{array.name}": array for array in arrays}
        check_group(group, list(declared.values()), {*self._record.arrays, *self._open})
        if staged:
            check_staged(group, list(declared.values()), self._record.groups)
        marked = {**(attributes or {}), **({STAGED: True} if staged else {})}
        with self._writing(group):
            if staged and self._is_left(group, declared, marked):
                self._groups[group] = marked
                self._open |= {p: self._open.get(p) or self._opened(p, a.document, a) for p, a in declared.items()}
                self._leftover.discard(group)
                self._staged.add(group)
                return True
            if group in self._leftover | self._staged:
                self._drop({group})
            self._put_group(group, marked)
            self._staged |= {group} if staged else set()
            for path, array in declared.items():
                committed = self._record.arrays.get(path)
                if committed is None:
                    self._put(path, array.document)
                else:
                    check_form(path, array, committed)
                self._open[path] = self._opened(path, committed or array.document, array)
        return False

    def append(self, path: str, block: np.ndarray, *, owned: bool = False) -> None:
        """Add entries at the end of an array; they reach the disk in whole blocks and at the next commit.

        Args:
            path: group and name, such as `training/layer0/state`.
            block: shaped as declared, with any length along the growing axis.
            owned: whether nobody else will change `block`; else what has to wait is copied.

        Raises:
            ValueError: when the block does not fit the declaration.
            StoreError: when the disk refuses it, or refused an earlier block.
        """
        opened = self._find(path)
        with self._writing(path):
            opened.append(block, owned=owned)

    def write(self, path: str, region: tuple[slice, ...], block: np.ndarray, *, owned: bool = False) -> None:
        """Fill a part of an array of fixed shape.

        Args:
            path: group and name.
            region: one slice for each leading axis; axes without one are filled whole.
            block: the numbers, shaped as the region.
            owned: whether nobody else will change `block`; else what has to wait is copied.

        Raises:
            ValueError: when the block does not fit the region.
            StoreError: when the disk refuses it, or refused an earlier block.
        """
        opened = self._find(path)
        with self._writing(path):
            opened.write(region, block, owned=owned)

    def flush(self) -> None:
        """Return when everything handed over so far is on disk; readers see it after the next commit.

        What was flushed to a staged group is there when it is declared again after the death of this process.

        Raises:
            StoreError: when the disk refuses it.
        """
        with self._writing("a block"):
            self._flush(self._open)
            self._sync()

    def commit(self) -> None:
        """Make everything written so far the state that readers see and that a resumed run starts from.

        Raises:
            ValueError: when arrays of one group grew by different lengths.
            StoreError: when the disk refuses it, or refused an earlier block; the last commit then stands.
        """
        self._commit(showing={}, hiding=set())

    def publish(self, groups: Mapping[str, Mapping[str, Any]], replacing: Iterable[str] = ()) -> None:
        """Show staged groups and hide those that they replace, in one commit.

        What is hidden stays on the disk for ten seconds, until a `publish` after that or `close`, for readers that
        have just opened it.

        Args:
            groups: attributes by path, of groups that are staged or have staged groups below them.
            replacing: paths of groups that vanish with everything below them.

        Raises:
            StoreError: when the disk refuses it; then nothing has changed for readers.
        """
        hiding = set(replacing)
        self._commit(showing={path: dict(attributes) for path, attributes in groups.items()}, hiding=hiding)
        self._remove_superseded(time.monotonic() - _KEPT_FOR_READERS)
        self._superseded |= dict.fromkeys(hiding, time.monotonic())

    def discard(self, groups: Iterable[str]) -> None:
        """Remove groups whose staged content will not be finished."""
        self._drop(set(groups))

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Attributes of the committed groups, by path."""
        return self._record.groups

    @property
    def lengths(self) -> dict[str, int]:
        """Committed length of every array that grows: what a checkpoint keeps for `truncate`."""
        committed = self._record.arrays
        growing = {path: opened.axis for path, opened in self._open.items() if path in committed}
        return {path: committed[path]["shape"][axis] for path, axis in growing.items() if axis is not None}

    @property
    def waited_s(self) -> float:
        """Seconds that `append` and `write` waited because the disk did not keep up."""
        return self._writer.waited

    @property
    def slow_disk(self) -> str | None:
        """One line for the end of a run that waited noticeably for its disk; None when it did not."""
        if self.waited_s < _NOTICEABLE:
            return None
        return f"waited {self.waited_s:.0f} s for the disk to take what was recorded; record less, or on a faster disk"

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
            self._writer.drain()
            for path, length in shorter.items():
                self._open[path].cut(length)
                self._record.members[path] = self._snapshot(path)
            self._record.write(self._files)
            for path in shorter:
                document, blocks = self._record.members[path], self._files.keys(f"{path}/c")
                remove_beyond(self._files, path, document, blocks)
                put_document(self._files, path, document)

    def close(self) -> None:
        """Commit, and remove from the disk what was replaced or never finished."""
        self.commit()
        self._remove_superseded(time.monotonic())
        if unfinished := self._staged | self._leftover:
            self._drop(unfinished)
            restore(self._files, self._record)  # which removes the groups above them too
        self._writer.stop()

    def __enter__(self) -> TrajectoryStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._writer.stop()

    def _commit(self, showing: dict[str, dict[str, Any]], hiding: set[str]) -> None:
        staged = {path for path in self._staged if not below(path, showing)}
        visible = [path for path in self._open if not below(path, staged | hiding)]
        check_lengths({path: self._open[path] for path in visible})
        with self._writing("a block"):
            self._flush(visible)
        with self._writing("the commit record"):
            documents = {path: self._snapshot(path) for path in visible}
            for path, document in documents.items():
                if self._open[path].axis is not None and document != self._record.members.get(path):
                    self._put(path, document)
            listed = {p: doc for p, doc in (self._record.arrays | documents).items() if not below(p, hiding)}
            groups = self._record.groups | self._groups | showing
            for path in self._staged - staged:
                groups[path] = {key: value for key, value in groups[path].items() if key != STAGED}
            record = CommitRecord.of(self._record.attributes, groups, listed)
            self._sync()
            record.write(self._files)
            self._unsynced.add(DOCUMENT)
            self._sync()
            self._record = record
            for path in {*showing, *(self._staged - staged)}:  # until now they told that the groups are staged
                self._put_group(path, groups[path])
        self._staged = staged
        self._forget(hiding)

    def _flush(self, paths: Iterable[str]) -> None:
        """Take all that waits to the disk."""
        for path in paths:
            self._open[path].flush()
        self._writer.drain()
        for opened in self._open.values():
            self._unsynced |= opened.touched
            opened.touched.clear()

    def _sync(self) -> None:
        """Force what was written since the last time to the disk, if that is asked for."""
        if self._fsync:
            self._files.sync(self._unsynced)
        self._unsynced.clear()

    def _put(self, path: str, document: Mapping[str, Any]) -> None:
        put_document(self._files, path, document)
        self._unsynced.add(document_key(path))

    def _put_group(self, path: str, attributes: dict[str, Any]) -> None:
        """Write the document of a group, and of the groups above it that have none yet."""
        for parent in map(str, PurePosixPath(path).parents):
            if parent != "." and parent not in self._groups | self._record.groups:
                self._groups[parent] = {}
                self._put(parent, group_document({}))
        self._groups[path] = attributes
        self._put(path, group_document(attributes))

    def _opened(self, path: str, document: Mapping[str, Any], array: ArrayDeclaration) -> OpenArray:
        return OpenArray(self._files, self._writer, path, document, array.append_dim)

    def _snapshot(self, path: str) -> dict[str, Any]:
        """The document of an array as it is now."""
        document = self._open[path].document
        return {**document, "shape": list(document["shape"])}

    def _is_left(self, group: str, declared: Mapping[str, ArrayDeclaration], attributes: dict[str, Any]) -> bool:
        """Whether a staged group is there in the form in which it is declared now."""
        arrays = {path: array.document for path, array in declared.items()}
        return group in self._leftover | self._staged and holds(self._files, group, attributes, arrays)

    def _found(self) -> CommitRecord:
        """The record of the store that is there, or that of a new one."""
        if self._files.get(DOCUMENT) is None:
            if self._files.keys():
                raise StoreError(f"{self.path} is not empty and not a trajectory store")
            return CommitRecord({})  # new, or its first writer died before the first commit
        record = CommitRecord.read(self._files)
        if (found := record.attributes["format_version"]) != FORMAT_VERSION:
            raise StoreError(
                f"{self.path} has format {found}, which can be read and not be continued: this version of oscillo "
                f"writes format {FORMAT_VERSION}. Run the spec again, or go on with oscillo "
                f"{record.attributes.get('oscillo_version', 'of that time')}"
            )
        return record

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        """Stop the store for good when a write breaks off, so that no half of a block is ever committed."""
        if self._stopped is not None:
            raise StoreError(f"{self.path}: nothing more is written since writing {self._stopped} broke off")
        try:
            self._writer.check()
            yield
        except ValueError:
            raise  # refused before anything was written
        except WriteFailed as failed:
            self._stopped = failed.what
            raise refused(self._files.root, failed.what, failed.error) from failed.error
        except OSError as error:
            self._stopped = what
            raise refused(self._files.root, what, error) from error
        except BaseException:
            self._stopped = what
            raise

    def _find(self, path: str) -> OpenArray:
        if path not in self._open:
            raise ValueError(f"{path} was not declared; declared are: {', '.join(sorted(self._open)) or 'none'}")
        return self._open[path]

    def _drop(self, groups: set[str]) -> None:
        """Remove groups that no commit lists."""
        with suppress(WriteFailed):  # which was or will be told
            self._writer.drain()
        self._forget(groups)
        self._unsynced = {key for key in self._unsynced if not below(key, groups)}
        for group in groups:
            self._files.remove(group)

    def _forget(self, groups: set[str]) -> None:
        self._open = {path: opened for path, opened in self._open.items() if not below(path, groups)}
        self._groups = {path: found for path, found in self._groups.items() if not below(path, groups)}
        self._staged = {path for path in self._staged if not below(path, groups)}
        self._leftover = {path for path in self._leftover if not below(path, groups)}

    def _remove_superseded(self, until: float) -> None:
        for group in [group for group, hidden in self._superseded.items() if hidden <= until]:
            self._files.remove(group)
            del self._superseded[group]
