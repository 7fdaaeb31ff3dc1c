"""`oscillo resume`: go on with a run."""

from __future__ import annotations

from oscillo.cli.arguments import RunFolder
from oscillo.cli.endings import end_with


def resume(run: RunFolder) -> None:
    """Go on with a run that was interrupted or killed.

    It ends as if it had not been.
    """
    from oscillo.experiment import resume as execute

    end_with(execute(run).path)
