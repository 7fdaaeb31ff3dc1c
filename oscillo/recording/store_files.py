"""Where the objects of a store lie: a folder, or whatever an fsspec URL names.

A store needs little of the place: objects that are replaced as a whole, a list of them, and their removal. A folder
and an object store both give that, so nothing else in the store knows where it is.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from uuid import uuid4

from oscillo.recording.atomic import PARTIAL, replace_file, sync_file
from oscillo.recording.errors import StoreError

CACHED_BYTES = 512 * 2**20
"""What stays in the system's cache of a store, for whoever reads it as soon as it is there."""

PASSING_BYTES = 64 * 2**20
"""What may be on its way to the disk of what comes behind that."""

DOCUMENT = "zarr.json"
"""Name of the object that says what a group or an array is."""


class StoreFiles(Protocol):
    """Objects by key, such as `states/phase/zarr.json`.

    Attributes:
        root: folder or URL, for messages.
    """

    root: str

    def get(self, key: str) -> bytes | None:
        """What an object holds; None where there is none."""
        ...

    def put(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write an object as a whole, in place of what was there; a reader never sees half of it."""
        ...

    def keys(self, group: str = "") -> list[str]:
        """Keys of all objects, or of those below a group or an array."""
        ...

    def remove(self, key: str) -> None:
        """Remove an object, or a group or array with all below it; that is gone for readers before its blocks are."""
        ...

    def sync(self, keys: Iterable[str]) -> None:
        """Return when these objects outlive a loss of power."""
        ...

    def sweep(self) -> None:
        """Make the place if it is not there, and remove what a killed writer left half done."""
        ...


class LocalFiles:
    """A folder. An object is a file, written beside its place and renamed.

    The first half GiB stays in the system's cache, where reports and figures find it. What comes behind passes
    through: a long recording would else fill the memory with what nobody reads soon, which pushes out what others
    need, and where the system has to find fresh memory for it costs several times the writing (measured: 0.4 against
    1.6 GB/s).
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, str(folder)
        self._written = 0
        self._passing: deque[tuple[Path, int]] = deque()

    def get(self, key: str) -> bytes | None:
        """Bytes of a file."""
        try:
            return (self.folder / key).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write a file and the folders above it."""
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = list(parts)
        replace_file(path, parts)
        self._pass_on(path, sum(memoryview(part).nbytes for part in parts))

    def _pass_on(self, path: Path, nbytes: int) -> None:
        """Begin to take a file to the disk, and let the cache forget those before it, once there is enough in it."""
        self._written += nbytes
        if self._written <= CACHED_BYTES:
            return
        _forget(path)  # of a file that is not on the disk yet, this is the beginning of the way there
        self._passing.append((path, nbytes))
        while sum(size for _, size in self._passing) > PASSING_BYTES and len(self._passing) > 1:
            _forget(self._passing.popleft()[0])

    def keys(self, group: str = "") -> list[str]:
        """All files that are whole."""
        below = self.folder / group
        files = [Path(folder, name) for folder, _, names in os.walk(below) for name in names]
        keys = [path.relative_to(self.folder).as_posix() for path in files]
        return [key for key in keys if PARTIAL not in key]

    def remove(self, key: str) -> None:
        """Rename a file or folder away, and delete it."""
        path = self.folder / key
        if path.is_file():
            path.unlink()
        elif path.exists():
            doomed = path.with_name(f"{path.name}.{uuid4().hex}{PARTIAL}")
            path.rename(doomed)
            shutil.rmtree(doomed)

    def sync(self, keys: Iterable[str]) -> None:
        """Force files, and the folders that name them, to the disk."""
        folders = set()
        for key in keys:
            path = self.folder / key
            sync_file(path)
            folders |= {self.folder / parent for parent in PurePosixPath(key).parents}
        for folder in folders:
            sync_file(folder)

    def sweep(self) -> None:
        """Remove files and folders that were being written or removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder, folders, names in os.walk(self.folder):
            for name in [name for name in names if name.endswith(PARTIAL)]:
                Path(folder, name).unlink()
            for name in [name for name in folders if name.endswith(PARTIAL)]:
                shutil.rmtree(Path(folder, name))
                folders.remove(name)


def _forget(path: Path) -> None:
    """Tell the system that a file will not be needed soon; on systems that take no such advice, nothing."""
    advise = getattr(os, "posix_fadvise", None)
    if advise is None:
        return
    with suppress(OSError):  # it may be gone, or lie where there is no cache
        descriptor = os.open(path, os.O_RDONLY)
        try:
            advise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


class RemoteFiles:
    """What an fsspec URL names, such as `s3://bucket/run/data.zarr`.

    Relies on what object stores promise: an object that is put replaces the old one in one step, and is safe when the
    call returns.

    Raises:
        StoreError: when fsspec, or what it needs for the protocol, is not installed.
    """

    def __init__(self, url: str) -> None:
        self.root = url
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise StoreError(f"{url} needs fsspec: pip install 'oscillo[remote]'") from error
        try:
            fs, path = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise StoreError(
                f"{url} cannot be opened: {error}. pip install 'oscillo[remote]' brings fsspec, and a protocol may "
                "need a package of its own, such as s3fs for s3:// and gcsfs for gs://"
            ) from error
        self._fs: Any = fs
        self._path = path.rstrip("/")

    def get(self, key: str) -> bytes | None:
        """Bytes of an object."""
        try:
            return self._fs.cat_file(f"{self._path}/{key}")
        except FileNotFoundError:
            return None

    def put(self, key: str, parts: Iterable[bytes | memoryview]) -> None:
        """Put an object."""
        self._fs.pipe_file(f"{self._path}/{key}", b"".join(parts))

    def keys(self, group: str = "") -> list[str]:
        """All objects below the root or a group."""
        self._fs.invalidate_cache()
        found = self._fs.find(f"{self._path}/{group}".rstrip("/"))
        return [key.removeprefix(self._path).lstrip("/") for key in found]

    def remove(self, key: str) -> None:
        """Remove an object, or all below a prefix, the document first."""
        if self._fs.exists(document := f"{self._path}/{key}/{DOCUMENT}"):
            self._fs.rm_file(document)
        if self._fs.exists(f"{self._path}/{key}"):
            self._fs.rm(f"{self._path}/{key}", recursive=True)

    def sync(self, keys: Iterable[str]) -> None:
        """Nothing to do: what was put is safe."""

    def sweep(self) -> None:
        """Nothing to do: nothing is ever half done."""


def files_at(place: Path | str) -> StoreFiles:
    """The objects of the store at a path or URL.

    Raises:
        StoreError: when what the URL needs is not installed.
    """
    if isinstance(place, str) and "://" in place and not place.startswith("file://"):
        return RemoteFiles(place)
    return LocalFiles(Path(str(place).removeprefix("file://")))
