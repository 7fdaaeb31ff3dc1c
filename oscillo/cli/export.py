"""`oscillo export`: a run for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oscillo.cli.arguments import RunFolder
from oscillo.cli.endings import end_with

if TYPE_CHECKING:
    from oscillo.recording.exporting import Format


def export(
    run: RunFolder,
    netcdf: Annotated[bool, typer.Option("--netcdf", help="A netCDF-4 file with the groups of the run.")] = False,
    npz: Annotated[bool, typer.Option("--npz", help="An archive of numpy arrays, called group/variable.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="A folder of tables in long form.")] = False,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="GROUP", help="Only this group, such as series or metrics; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; left out, here, by the name of the run.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier export left there.")] = False,
) -> None:
    """Write a run as netCDF, npz or CSV for other programs.

    Metrics, series, states, all it has, with units and meanings.

    A run may go on meanwhile, or have been killed: what it had committed is written. The last line is the path.
    """
    forms: list[tuple[Format, bool]] = [("netcdf", netcdf), ("npz", npz), ("csv", csv)]
    asked: list[Format] = [form for form, wanted in forms if wanted]
    if len(asked) != 1:
        raise typer.BadParameter("choose one of them", param_hint="--netcdf, --npz, --csv")
    from rich.console import Console
    from rich.progress import Progress

    from oscillo.recording import Run, RunDirectory
    from oscillo.recording.exporting import SUFFIXES, check_export, choose, write_export

    directory = RunDirectory.open(run)
    path, form = directory.path.resolve(), asked[0]
    chosen = choose(Run(directory), group or ())
    target = out or Path(f"{path.parent.name}-{path.name}{SUFFIXES[form]}")
    check_export(chosen, target, form, replace=force)
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        bar = progress.add_task(f"exporting {path.name}", total=chosen.nbytes)
        write_export(chosen, target, form, lambda count: progress.advance(bar, count))
    end_with(target)
