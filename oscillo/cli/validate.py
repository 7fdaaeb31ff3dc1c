"""`oscillo validate`: everything that is wrong with a spec."""

from __future__ import annotations

import typer

from oscillo.cli.arguments import Overrides, SpecFile


def validate(spec: SpecFile, changes: Overrides = None) -> None:
    """Check a spec and show everything that is wrong with it.

    Needs neither data files nor a GPU.
    """
    from oscillo.runspec import load
    from oscillo.spec import spec_hash

    checked = load(spec, changes or ())
    typer.echo(f"{spec} is valid: {checked.name}, hash {spec_hash(checked)[:12]}")
