"""`oscillo compare-runs`: what runs differ in, and what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from oscillo.recording import Runs


def compare_runs(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Folders of runs, or folders that hold runs.")
    ],
) -> None:
    """Show in what runs differ, and what came of it.

    Fields stand below each other and runs side by side; `-` is where a run has none. Behind a metric stands its
    difference to that of the first run. What a question asks is under `question`.
    """
    from rich.console import Console
    from rich.table import Table

    from oscillo.recording import open_run

    runs = open_run([str(folder) for folder in folders])
    if len(runs) < 2:
        raise typer.BadParameter("at least two runs are compared", param_hint="RUN")
    table = Table(box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for name, run in zip(runs.names, runs, strict=True):
        table.add_column(name if run.state == "done" else f"{name} ({run.state})", overflow="fold")
    for row in _rows(runs):
        table.add_row(*row)
    screen = Console(highlight=False, markup=False)
    if not screen.is_terminal:
        screen.width = 10_000  # a row is a line
    screen.print(table)


def _rows(runs: Runs) -> list[list[str]]:
    fields = [[place, *map(_told, values)] for place, values in runs.differences.items()]
    latest = [run.latest_metrics for run in runs]
    names = dict.fromkeys(name for values in latest for name in values)
    metrics = [[name, *_beside_the_first([values.get(name) for values in latest])] for name in names]
    between = [[""]] if metrics else []
    return [*(fields or [["the specs are the same"]]), *between, *metrics]


def _beside_the_first(values: list[Any]) -> list[str]:
    """The metric of each run, with its difference to the first one's."""
    first, *others = values
    shown = [_told(first)]
    for value in others:
        both = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (first, value))
        shown.append(f"{_told(value)} ({value - first:+.3g})" if both and value != first else _told(value))
    return shown


def _told(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
