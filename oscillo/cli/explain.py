"""`oscillo explain`: what can be written in a spec."""

from __future__ import annotations

from typing import Annotated

import typer

from oscillo.cli.arguments import PluginsOf


def explain(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", show_default=False,
            help="A role (coupling), a kind (coupling.attention) or a place in a spec (training.ema, network.layers).",
        ),
    ] = "",
    spec: PluginsOf = None,
) -> None:  # fmt: skip
    """Show fields, defaults and meaning of any part of a spec.

    Without a target, all there is.
    """
    from oscillo.runspec import RunSpec
    from oscillo.spec import explain as explained
    from oscillo.spec import load_plugins, read_document, registered

    load_plugins(read_document(spec) if spec else None)
    try:
        text = explained(target, RunSpec).to_text()
    except ValueError as error:
        hint = "" if spec else " (what a plugin brings needs `--spec my.yaml`)"
        raise typer.BadParameter(f"{error}{hint}", param_hint="TARGET") from None
    if not target:
        width = max(map(len, registered()))
        roles = [f"  {role:<{width}}  {', '.join(kinds)}" for role, kinds in registered().items()]
        text = "\n".join([text, "", "kinds by role (`oscillo explain coupling.attention` shows one):", *roles])
    typer.echo(text)
