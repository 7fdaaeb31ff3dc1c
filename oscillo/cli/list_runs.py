"""`oscillo list`: the runs there are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from oscillo.recording import RunDirectory


def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of all runs, or a part of it.")] = Path("runs"),
) -> None:
    """List runs: state, start, main metrics and size.

    The latest comes last. One that evaluates another without training, or answers a question about it, names it. Of a
    run that failed, the reason stands in place of the metrics.
    """
    from rich.console import Console
    from rich.table import Table

    from oscillo.recording import find_runs

    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}", param_hint="DIR")
    runs = find_runs(folder)
    if not runs:
        typer.echo(f"no runs in {folder}")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "id", "state", "started (UTC)", "evaluates", "metrics"):
        table.add_column(heading, overflow="fold")
    table.add_column("size", justify="right")
    for run in runs:
        table.add_row(*_row(run))
    screen = Console(highlight=False)
    if not screen.is_terminal:
        screen.width = 10_000  # a row is a line
    screen.print(table)


def _row(run: RunDirectory) -> tuple[str, ...]:
    from oscillo.recording import RecordingError

    try:
        record, state = run.record(), run.state
        started, parent = str(record.get("started", ""))[:19], Path(record.get("parent") or "").name
        if state == "failed":
            metrics = " ".join(str(record.get("reason", "")).split())
        else:
            asked = (record.get("question") or {}).get("kind")
            metrics = f"{asked}: {main_metrics(run)}" if asked else main_metrics(run)
    except RecordingError as error:
        state, started, parent, metrics = "damaged", "", "", str(error)
    size = sum(file.stat().st_size for file in run.path.rglob("*") if file.is_file())
    return run.path.parent.name, run.path.name, state, started.replace("T", " "), parent, metrics, _bytes(size)


def _bytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"


def main_metrics(run: RunDirectory) -> str:
    """The accuracies (or, where a task has none, all metrics) of each evaluation, with its steps and votes.

    Before there are any, the training loss. Of a simulation what it has found.
    """
    from oscillo.recording import read_metrics

    last: dict[str, float] = {}
    for line in read_metrics(run.metrics) if run.metrics.is_file() else ():
        last |= {name: value for name, value in line.items() if isinstance(value, int | float)}
    evaluations: dict[str, dict[str, float]] = {}
    for name, value in last.items():
        evaluation, *rest = name.split("/")
        if len(rest) == 1 and evaluation not in ("train", "validation"):
            evaluations.setdefault(evaluation, {})[rest[0]] = value
    if evaluations:
        return "; ".join(_told(name, found) for name, found in evaluations.items())
    if found := {name: value for name, value in last.items() if "/" not in name and name not in ("step", "wall_s")}:
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
