"""`oscillo run`: train, evaluate and record as a spec declares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oscillo.cli.arguments import Overrides, SpecFile
from oscillo.cli.endings import end_with


def run(
    spec: SpecFile,
    changes: Overrides = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")] = Path("runs"),
) -> None:
    """Train, evaluate and record as a spec declares.

    The last line is the run's path. Ctrl-C saves and ends; `oscillo resume` goes on.
    """
    from oscillo.experiment import run as execute

    end_with(execute(spec, changes or (), runs=runs).path)
