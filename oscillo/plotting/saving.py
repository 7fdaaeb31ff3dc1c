"""Writing figures."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from matplotlib.figure import Figure

from oscillo.plotting.style import style

DOTS_PER_INCH = 150


def save_figure(figure: Figure, path: Path | str) -> Path:
    """Write a figure in one step, in the format that the file's suffix names; the folder is made.

    The same figure gives the same bytes: neither time nor version is written into a PNG.

    Raises:
        ValueError: when matplotlib does not know the format.
        OSError: when the file cannot be written; an older one is then untouched.
    """
    path = Path(path)
    form = path.suffix.lstrip(".") or "png"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    try:
        with style():
            metadata = {"Software": None} if form == "png" else None
            # The layout settles from draw to draw: what is written should not depend on whether it was drawn before.
            figure.draw_without_rendering()
            figure.savefig(partial, format=form, dpi=DOTS_PER_INCH, metadata=metadata)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
