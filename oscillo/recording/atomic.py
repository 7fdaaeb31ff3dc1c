"""Replacing a file as a whole, so that a reader sees what it held before or what it holds now."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

PARTIAL = ".partial"
"""Suffix of files and folders that were being written or removed; one sweep removes them."""


def replace_file(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write `parts`, one behind the other, to `path` in one step.

    Safe against the death of the process at any moment. Against loss of power only once `sync_file` has forced
    it to the disk.

    Raises:
        OSError: as the operating system says; the old file is then untouched and no partial file is left.
    """
    partial = path.with_name(f"{path.name}.{uuid4().hex}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            for part in parts:
                file.write(part)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one step, as `replace_file` does.

    Raises:
        OSError: as the operating system says; the old file is then untouched and no partial file is left.
    """
    replace_file(path, [text.encode("utf-8")])


def sync_file(path: Path) -> None:
    """Force a file, or the entries of a folder, to the disk.

    Raises:
        OSError: as the operating system says.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
