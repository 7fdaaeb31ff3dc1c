"""Figures of a run, written into its page."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from oscillo.recording import Run
from oscillo.reporting.words import title

_BUDGET = 1_500_000
"""Bytes of figures in a page; as text they take a third more."""

_KINDS = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Picture:
    """A figure of a run; `source` is empty where it was too large to be written into the page."""

    name: str
    file: str
    source: str


def pictures(run: Run, most: int = 1) -> list[Picture]:
    """The files in `figures/`, by name.

    Args:
        run: whose.
        most: runs that share the page.
    """
    found, room = [], _BUDGET // most
    files = sorted(run.directory.figures.glob("*")) if run.directory.figures.is_dir() else []
    for path in files:
        if path.suffix not in _KINDS:
            continue
        content = path.read_bytes()
        room -= len(content)
        text = base64.b64encode(content).decode("ascii") if room >= 0 else ""
        source = f"data:{_KINDS[path.suffix]};base64,{text}" if text else ""
        found.append(Picture(title(path.stem), f"figures/{path.name}", source))
    return found
