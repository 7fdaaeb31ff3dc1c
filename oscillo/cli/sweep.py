"""`oscillo sweep`: a spec for many values of its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oscillo.cli.arguments import Axes, SpecFile
from oscillo.cli.endings import end_with


def sweep(
    spec: SpecFile,
    axes: Axes = None,
    zip: Annotated[bool, typer.Option("--zip", help="The axes go together: first values, second values, ...")] = False,
    random: Annotated[
        int | None, typer.Option("--random", metavar="N", min=1, help="Draw N points from the axes' ranges.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Processes, where there are several runs.")
    ] = None,
    per_run: Annotated[
        int | None,
        typer.Option("--per-run", metavar="N", min=1, help="Most points in one run; left out, all that can."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Dask scheduler: tcp://host:port, or `local`."),
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="RUN", help="Go on with an earlier run of the same sweep.")
    ] = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")] = Path("runs"),
) -> None:
    """Run a spec for many values, and make one dataset of it.

    Points that can share a batch run as one, the others in several processes.
    For example: `oscillo sweep SPEC network.layers.0.coupling.strength=0:4:41 seed=0:10`.
    The last line is the path. Ctrl-C saves and ends; `oscillo resume` goes on.
    """
    if zip and random is not None:
        raise typer.BadParameter("axes go together or are drawn from, and not both", param_hint="--zip, --random")
    from oscillo.questions.sweep.arguments import split, with_axes
    from oscillo.questions.sweep.running import sweep_spec
    from oscillo.runspec import checked, read_source

    overrides, swept = split(axes or [])
    how = "zip" if zip else "random" if random is not None else "grid"
    if per_run is not None:
        overrides.append(f"sweep.points_per_run={per_run}")
    document = with_axes(read_source(spec, overrides), swept, how, random)
    end_with(sweep_spec(checked(document), workers=workers, scheduler=scheduler, runs=runs, into=into).path)
