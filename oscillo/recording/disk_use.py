"""Bytes that folders take."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from itertools import islice
from math import inf
from pathlib import Path


def disk_use(folder: Path, leaving: Collection[Path] = (), most_files: float = inf) -> tuple[int, bool]:
    """Bytes of the files in a folder and below, and whether these are all files.

    Args:
        folder: may be written meanwhile, or not be there.
        leaving: files and folders below that do not count.
        most_files: after so many files the count ends, since a look at each of a million takes its time.
    """
    left_out = {os.fspath(path) for path in leaving}
    sizes = _sizes(os.fspath(folder), left_out)
    counted = sum(islice(sizes, None if most_files == inf else int(most_files)))
    return counted, next(sizes, None) is None


def _sizes(folder: str, left_out: Collection[str]) -> Iterator[int]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if entry.path in left_out:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(entry.path, left_out)
                continue
            try:
                yield entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue  # a file that was being written has its name now
