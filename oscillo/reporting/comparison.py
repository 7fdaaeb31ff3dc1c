"""Several runs on one page: their numbers side by side, what they differ in, their curves on common axes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oscillo.recording import Run, open_run
from oscillo.reporting.pictures import Picture, pictures
from oscillo.reporting.tables import Table

_TEMPLATES = Path(__file__).with_name("templates")

_WHILE_TRAINING = "train/"


def write_comparison(paths: Sequence[str | os.PathLike[str]], out: Path) -> Path:
    """Write the page that compares runs.

    Args:
        paths: folders of two runs or more.
        out: file to write.

    Raises:
        RunDirectoryError: when a path is not a run.
        OSError: when the file cannot be written.
    """
    from oscillo.plotting.pages import page_templates, write_page

    runs = [open_run(Path(path)) for path in paths]
    return write_page(out, page_templates(_TEMPLATES), "comparison.html", compared(runs))


def compared(runs: Sequence[Run]) -> dict[str, Any]:
    """Everything that the page shows."""
    from oscillo.recording.runs import Runs
    from oscillo.reporting.curves import common_charts
    from oscillo.reporting.provenance import moment
    from oscillo.reporting.words import is_share, measured, title

    together = Runs(runs)
    labels = together.names
    about = [[label, run.state, moment(run.provenance.get("started")), str(run.path)]
             for label, run in zip(labels, runs, strict=True)]  # fmt: skip
    differing = [[place, *map(_value, values)] for place, values in together.differences.items()]
    metrics = together.metrics
    names = sorted(map(str, metrics.data_vars), key=lambda name: (name.startswith(_WHILE_TRAINING), not is_share(name)))
    rows = [[title(name), *(measured(name, value) for value in metrics[name].values.tolist())] for name in names]
    plain = [row for name, row in zip(names, rows, strict=True) if name.count("/") < 2]
    parts = [row for name, row in zip(names, rows, strict=True) if name.count("/") > 1]
    return {
        "title": f"{len(runs)} runs compared",
        "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "tables": [
            Table("Runs", ["run", "state", "started", "folder"], about, words=True),
            Table("Numbers", ["metric", *labels], plain),
            Table(
                "What differs",
                ["field of the spec", *labels],
                differing,
                "Everything else is the same in all specs.",
                words=True,
            ),
            *([Table("Numbers in parts", ["metric", *labels], parts, folded=True)] if parts else []),
        ],
        "curves": common_charts(runs, labels),
        "pictures": _side_by_side(runs, labels),
    }


def _side_by_side(runs: Sequence[Run], labels: Sequence[str]) -> dict[str, list[tuple[str, Picture]]]:
    """Figures by their names, each with the runs that have it."""
    found: dict[str, list[tuple[str, Picture]]] = {}
    for run, label in zip(runs, labels, strict=True):
        for picture in pictures(run, most=len(runs)):
            found.setdefault(picture.name, []).append((label, picture))
    return found


def _value(value: Any) -> str:
    from oscillo.reporting.words import number

    if value is None:
        return "–"
    return number(value) if isinstance(value, bool | int | float) else str(value)
