"""`oscillo evaluate`: a trained run again, with other steps, data or integrator."""

from __future__ import annotations

from typing import Annotated

import typer

from oscillo.cli.arguments import Overrides, RunFolder
from oscillo.cli.endings import end_with


def evaluate(
    run: RunFolder,
    changes: Overrides = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Only this evaluation; can be given several times."),
    ] = None,
) -> None:
    """Evaluate a trained run again: other steps, data, integrator.

    Nothing is trained, and the results become a run of their own beside the first.
    For example: `oscillo evaluate RUN task.evaluations.0.steps=64`.
    """
    from oscillo.experiment import reevaluate

    end_with(reevaluate(run, changes or (), only=only or ()).path)
