"""`oscillo import`: weights from the files of other programs."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oscillo.cli.endings import WRONG_INPUT, tell

if TYPE_CHECKING:
    from oscillo.training.importer import ImporterSpec


def import_weights(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="What the file is; `oscillo explain importer` lists the kinds.")
    ],
    source: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The file to read.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The .safetensors file to write.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="FIELD=VALUE", help="Fields of the importer, such as steps=32.")
    ] = None,
) -> None:
    """Turn weights of another program into a .safetensors file.

    A spec can start from it: `training.start`.
    """
    importer = _importer(kind, settings or [])
    try:
        lines = importer.convert(source, out)
    except (ValueError, OSError) as error:
        tell(f"error: {error}")
        raise typer.Exit(WRONG_INPUT) from None
    typer.echo("\n".join(lines))
    typer.echo(out)


def _importer(kind: str, settings: list[str]) -> ImporterSpec:
    """The importer of that kind, with its fields checked like those of a spec."""
    from oscillo.spec import Document, load_plugins, registered, validate
    from oscillo.training.importer import ImporterSpec

    load_plugins()
    known = registered(ImporterSpec.role)[ImporterSpec.role]
    if kind not in known:
        close = get_close_matches(kind, known, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"known: {', '.join(known) or 'none'}"
        raise typer.BadParameter(f"there is no importer {kind!r}; {remedy}", param_hint="KIND")
    importer = validate(known[kind], Document.from_mapping({"kind": kind}, "", settings))
    assert isinstance(importer, ImporterSpec)
    return importer
