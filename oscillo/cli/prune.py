"""`oscillo prune`: room on the disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from oscillo.cli.endings import tell


def prune(
    folder: Annotated[Path, typer.Argument(metavar="RUN|DIR", help="A run, or a folder of runs.", show_default=False)],
    checkpoints: Annotated[
        bool,
        typer.Option("--checkpoints", help="Remove checkpoints as well; `initial: {kind: run}` starts from them."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove recorded states, and keep what was found.

    Removed are arrays that grow with the oscillators and with time: states, trajectories, and what was observed of each
    oscillator at each time. Metrics, series, summaries, results, weights, figures and the spec stay. Only runs that are
    done are pruned; others may go on, and need all they have.
    """
    from oscillo.recording.pruning import prune as remove
    from oscillo.recording.pruning import prunings

    found = prunings(folder, checkpoints=checkpoints)
    for pruning in found:
        if pruning.objection:
            tell(f"{pruning.directory.path} stays as it is: {pruning.objection}")
    wanted = [pruning for pruning in found if pruning.nbytes]
    if len(found) == 1 and found[0].objection:
        raise typer.Exit(2)
    if not wanted:
        typer.echo("there is nothing to remove")
        return
    for pruning in wanted:
        typer.echo(
            f"{pruning.directory.path}: {pruning.what or 'what an earlier pruning left'}, {size(pruning.nbytes)}"
        )
    whole = size(sum(pruning.nbytes for pruning in wanted))
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("without a terminal to ask at, this needs --yes", param_hint="--yes")
    if not yes and not typer.confirm(f"remove {whole} for good?"):
        typer.echo("nothing was removed")
        return
    for pruning in wanted:
        remove(pruning)
    typer.echo(f"removed {whole}")


def size(count: int) -> str:
    """Bytes, for people."""
    for unit, width in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= width:
            return f"{count / width:.1f} {unit}"
    return f"{count / 2**10:.0f} KiB"
