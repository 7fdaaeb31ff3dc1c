"""`oscillo schema`: the JSON Schema of a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from oscillo.cli.arguments import PluginsOf


def schema(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there, not to the screen.")
    ] = None,
    spec: PluginsOf = None,
) -> None:
    """Print the JSON Schema of a spec, for completion in editors.

    It holds all installed kinds.
    """
    from oscillo.runspec import RunSpec
    from oscillo.spec import json_schema, load_plugins, read_document

    load_plugins(read_document(spec) if spec else None)
    text = json.dumps(json_schema(RunSpec), indent=1, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{out} cannot be written: {error.strerror}", param_hint="--out") from None
