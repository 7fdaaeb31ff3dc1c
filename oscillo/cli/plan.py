"""`oscillo plan`: what a run will take."""

from __future__ import annotations

import typer

from oscillo.cli.arguments import Overrides, SpecFile
from oscillo.cli.endings import WRONG_INPUT, tell


def plan(spec: SpecFile, changes: Overrides = None) -> None:
    """Say what a run will take: operations, memory, bytes on disk.

    The modules are built, and nothing is trained or simulated. Needs neither data files nor a GPU.
    """
    from oscillo.plan import plan_of
    from oscillo.runspec import read_spec
    from oscillo.spec import locating_failures

    loaded = read_spec(spec, changes or ())
    with locating_failures(loaded.spec, loaded.document):
        try:
            first, told = loaded.spec, ""
            if loaded.spec.sweep is not None:
                from oscillo.questions.sweep import divided, division_text

                division = divided(loaded)
                first, told = division.units[0].spec.spec, f"sweep: {division_text(division)}; the first run:\n"
            text = told + plan_of(first).to_text()
        except ValueError as error:
            tell(f"error: {error}")
            raise typer.Exit(WRONG_INPUT) from None
    typer.echo(text)
