"""`oscillo list`: the runs there are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oscillo.cli.prune import size

if TYPE_CHECKING:
    from oscillo.recording import RunDirectory

STATES = ("running", "done", "failed", "interrupted", "damaged")

_MOST_FILES = 20_000
"""Of a run that are looked at for its size: a tenth of a second (measured), and at 4 MiB for a file 80 GiB."""


def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of all runs, or a part of it.")] = Path("runs"),
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help=f"Only runs that are {', '.join(STATES[:-1])} or {STATES[-1]}; may be repeated.",
        ),
    ] = None,
) -> None:
    """List runs: state, start, main metrics and size.

    The latest comes last. One that evaluates another without training, or answers a question about it, names it. Of a
    run that failed, the reason stands in place of the metrics. `>` before a size says that there is more: of a run with
    very many files only some are looked at.
    """
    from rich.console import Console
    from rich.table import Table

    from oscillo.recording import find_runs

    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}", param_hint="DIR")
    if unknown := [word for word in state or () if word not in STATES]:
        raise typer.BadParameter(
            f"there is no state {unknown[0]}; states are {', '.join(STATES)}", param_hint="--state"
        )
    rows = [row for run in find_runs(folder) if (row := _row(run)) and (not state or row[2].split()[0] in state)]
    if not rows:
        typer.echo(f"no runs in {folder}" + (f" that are {' or '.join(state)}" if state else ""))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "id", "state", "started (UTC)", "evaluates", "metrics"):
        table.add_column(heading, overflow="fold")
    table.add_column("size", justify="right")
    for row in rows:
        table.add_row(*row)
    screen = Console(highlight=False)
    if not screen.is_terminal:
        screen.width = 10_000  # a row is a line
    screen.print(table)


def _row(run: RunDirectory) -> tuple[str, ...]:
    from oscillo.recording import RecordingError
    from oscillo.recording.disk_use import disk_use

    try:
        record, state = run.record(), run.state
        told = f"{state} (pruned)" if "pruned" in record else state
        started, parent = str(record.get("started", ""))[:19], Path(record.get("parent") or "").name
        if state == "failed":
            metrics = " ".join(str(record.get("reason", "")).split())
        else:
            asked = (record.get("question") or {}).get("kind")
            metrics = f"{asked}: {main_metrics(run)}" if asked else main_metrics(run)
    except RecordingError as error:
        told, started, parent, metrics = "damaged", "", "", str(error)
    counted, whole = disk_use(run.path, most_files=_MOST_FILES)
    shown = size(counted) if whole else f"> {size(counted)}"
    return run.path.parent.name, run.path.name, told, started.replace("T", " "), parent, metrics, shown


def main_metrics(run: RunDirectory) -> str:
    """The accuracies (or, where a task has none, all metrics) of each evaluation, with its steps and votes.

    Before there are any, the training loss. Of a simulation what it has found.
    """
    from oscillo.recording import latest_values, read_metrics

    latest = latest_values(read_metrics(run.metrics) if run.metrics.is_file() else ())
    last = {name: value for name, value in latest.items() if isinstance(value, int | float)}
    evaluations: dict[str, dict[str, float]] = {}
    for name, value in last.items():
        evaluation, *rest = name.split("/")
        if len(rest) == 1 and evaluation not in ("train", "validation"):
            evaluations.setdefault(evaluation, {})[rest[0]] = value
    if evaluations:
        return "; ".join(_told(name, found) for name, found in evaluations.items())
    if found := {name: value for name, value in last.items() if "/" not in name}:
        return ", ".join(f"{name} {value:.4g}" for name, value in found.items())
    return f"train/loss {last['train/loss']:.4g}" if "train/loss" in last else ""


def _told(evaluation: str, found: Mapping[str, float]) -> str:
    """One evaluation: how it was done, and what came out."""
    known = [(found.get(what), what) for what in ("steps", "votes")]
    words = [f"{number:,.0f} {what}" for number, what in known if number]
    if taken := found.get("steps_taken"):
        words.insert(1, f"early stop after {taken:.1f}")
    how = ", ".join(words)
    accuracies = {name: value for name, value in found.items() if name.endswith("accuracy")}
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in (accuracies or found).items())
    return f"{evaluation} ({how}): {numbers}" if how else f"{evaluation}: {numbers}"
