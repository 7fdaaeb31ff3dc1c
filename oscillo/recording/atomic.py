"""Replacing a small file as a whole, so that a reader sees the old text or the new one."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

PARTIAL = ".partial"
"""Suffix of files that were being written; zarr uses the same, so one sweep removes both."""


def replace_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one step.

    Safe against the death of the process at any moment. Not against loss of power: nothing is forced to the
    disk, because the chunks that the text may speak of are not either.

    Raises:
        OSError: as the operating system says; the old file is then untouched and no partial file is left.
    """
    partial = path.with_name(f"{path.name}.{uuid4().hex}{PARTIAL}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
