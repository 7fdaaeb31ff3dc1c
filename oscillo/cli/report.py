"""`oscillo report`: a run, or several side by side, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oscillo.cli.endings import end_with


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Folder of the run; of several, to compare them.",
                                   show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File of the page.",
                                  show_default="RUN/report.html; of several runs comparison.html")
    ] = None,
) -> None:  # fmt: skip
    """Write the report of a run: one page that opens anywhere.

    Also of a run that goes on, was killed or has failed. Of several runs it shows their numbers side by side, what
    differs in their specs, and their curves on common axes.
    """
    from oscillo.recording import RunDirectory
    from oscillo.reporting import write_comparison, write_report

    if out is not None and out.suffix not in (".html", ".htm"):
        raise typer.BadParameter(f"{out} is no name of a page; take one that ends in .html", param_hint="--out")
    for run in runs:
        RunDirectory.open(run)
    try:
        page = write_report(runs[0], out) if len(runs) == 1 else write_comparison(runs, out or Path("comparison.html"))
    except OSError as error:
        raise typer.BadParameter(
            f"{error.filename or out} cannot be written: {error.strerror}", param_hint="--out"
        ) from None
    end_with(page)
