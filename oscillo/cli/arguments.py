"""Arguments that several verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SpecFile = Annotated[str, typer.Argument(metavar="SPEC", help="YAML file of the spec.", show_default=False)]

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHANGE", help="Changes such as training.batch_size=50 or ~training.ema.", show_default=False
    ),
]

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)]

PluginsOf = Annotated[
    str | None, typer.Option("--spec", metavar="SPEC", help="Include the plugins that this spec names.")
]
