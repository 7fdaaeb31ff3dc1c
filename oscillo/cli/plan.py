"""`oscillo plan`: what a run will take."""

from __future__ import annotations

import typer

from oscillo.cli.arguments import Axes, SpecFile
from oscillo.cli.endings import WRONG_INPUT, tell


def plan(spec: SpecFile, changes: Axes = None) -> None:
    """Say what a run will take: operations, memory, bytes on disk.

    With values to sweep over, what the sweep of all of them takes. The modules are built, and nothing is trained or
    simulated. Needs neither data files nor a GPU.
    """
    from oscillo.plan import plan_of
    from oscillo.questions.sweep import divided, plan_text
    from oscillo.questions.sweep.arguments import split, with_axes
    from oscillo.runspec import checked, read_source
    from oscillo.spec import LocatedError, locating_failures

    overrides, swept = split(changes or [])
    loaded = checked(with_axes(read_source(spec, overrides), swept))
    with locating_failures(loaded.spec, loaded.document):
        try:
            text = plan_of(loaded.spec).to_text() if loaded.spec.sweep is None else plan_text(divided(loaded))
        except LocatedError:
            raise
        except ValueError as error:
            tell(f"error: {error}")
            raise typer.Exit(WRONG_INPUT) from None
    typer.echo(text)
