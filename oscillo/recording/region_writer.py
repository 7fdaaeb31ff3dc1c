"""Filling a part of somebody else's store: what members of an ensemble and workers of a sweep do."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from oscillo.recording.background_writer import BackgroundWriter, WriteFailed
from oscillo.recording.blocks import Region
from oscillo.recording.commit_record import CommitRecord, get_document
from oscillo.recording.errors import StoreError, refused
from oscillo.recording.open_array import OpenArray
from oscillo.recording.store_files import files_at


class RegionWriter:
    """Writes regions of one array of fixed shape, in a store that another process owns.

    The owner declares the array and, when all who write are done, commits or publishes it. Nothing but blocks is
    written here, each by one process: a region begins and ends where blocks do.

    Args:
        store: folder or URL of the store.
        path: group and name of the array.
        fsync: return from `flush` only when the blocks outlive a loss of power.

    Raises:
        StoreError: when there is no such array.
    """

    def __init__(self, store: Path | str, path: str, *, fsync: bool = False) -> None:
        self._files, self._writer, self._fsync = files_at(store), BackgroundWriter(), fsync
        CommitRecord.read(self._files)
        document = get_document(self._files, path)
        if document is None or document["node_type"] != "array":
            raise StoreError(f"{self._files.root} has no array {path}: its owner declares it before others write")
        self._array = OpenArray(self._files, self._writer, path, document)

    @property
    def block(self) -> tuple[int, ...]:
        """Lengths of a block: regions begin and end at multiples of them, or where the array ends."""
        return self._array.layout.block

    def write(self, region: Region, numbers: np.ndarray, *, owned: bool = False) -> None:
        """Fill a region.

        Args:
            region: one slice for each leading axis; axes without one are filled whole.
            numbers: shaped as the region.
            owned: whether nobody else will change `numbers`; else they are copied.

        Raises:
            ValueError: when the numbers do not fit, or the region fills a block in part.
            StoreError: when the disk refused something.
        """
        try:
            self._array.write(region, numbers, owned=owned, aligned=True)
        except WriteFailed as failed:
            raise refused(self._files.root, failed.what, failed.error) from failed.error

    def flush(self) -> None:
        """Return when everything is on disk.

        Raises:
            StoreError: when the disk refused something.
        """
        try:
            self._writer.drain()
            if self._fsync:
                self._files.sync(self._array.touched)
                self._array.touched.clear()
        except WriteFailed as failed:
            raise refused(self._files.root, failed.what, failed.error) from failed.error

    def __enter__(self) -> RegionWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.stop()
        if error is None:
            self.flush()
