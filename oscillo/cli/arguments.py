"""Arguments that several verbs take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from oscillo.questions import Question

SpecFile = Annotated[str, typer.Argument(metavar="SPEC", help="YAML file of the spec.", show_default=False)]

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHANGE", help="Changes such as training.batch_size=50 or ~training.ema.", show_default=False
    ),
]

Axes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="AXIS|CHANGE", show_default=False,
        help="What is swept over: place=first:last:count (add :log for even factors), seed=0:10, place=1,2,5; and "
        "changes such as task.duration=50.",
    ),
]  # fmt: skip

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)]

PluginsOf = Annotated[
    str | None, typer.Option("--spec", metavar="SPEC", help="Include the plugins that this spec names.")
]


def asked(kind: type[Question], **options: Any) -> Question:
    """A question with the options that were given, those that are not None.

    Raises:
        SpecError: when one is wrong; it is named as on the command line.
    """
    from oscillo.spec import Document, SpecError, load_plugins, validate

    load_plugins()
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return validate(kind, Document.from_mapping(given, "the options"))
    except SpecError as error:
        dashed = (f"--{problem.path[0]}".replace("_", "-") for problem in error.problems)
        named = zip(error.problems, dashed, strict=True)
        raise SpecError(replace(problem, path=(name, *problem.path[1:])) for problem, name in named) from None
