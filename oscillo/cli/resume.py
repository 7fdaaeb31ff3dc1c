"""`oscillo resume`: go on with a run."""

from __future__ import annotations

import typer

from oscillo.cli.arguments import RunFolder
from oscillo.cli.endings import end_with


def resume(context: typer.Context, run: RunFolder) -> None:
    """Go on with what was interrupted or killed.

    It ends as if it had not been.
    """
    if changes := " ".join(context.args):
        raise typer.BadParameter(
            f"a run is resumed as it was declared. To train its weights further: "
            f"oscillo run {run}/spec.yaml training.start={run} {changes}; "
            f"to evaluate it otherwise: oscillo evaluate {run} {changes}",
            param_hint=changes,
        )
    from oscillo.questions.resuming import resume as execute

    end_with(execute(run).path)
