"""How a verb ends: what went wrong in words, and the exit code; a traceback for programming errors alone."""

from __future__ import annotations

import functools
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from oscillo.spec import SpecError

WRONG_INPUT = 2
"""Exit code when nothing has run, because spec, arguments, data or run directory do not allow it."""

_OWN = (str(Path(__file__).parents[1]), "oscillo_tasks")


def plainly(verb: Callable[..., None]) -> Callable[..., None]:
    """Make errors that a user can mend end the verb with a message and an exit code."""

    @functools.wraps(verb)
    def ending(*args: Any, **kwargs: Any) -> None:
        if not sys.warnoptions:
            warnings.showwarning = _show_warning
        try:
            verb(*args, **kwargs)
        except KeyboardInterrupt:
            tell("interrupted")
            raise typer.Exit(128 + signal.SIGINT) from None
        except Exception as error:
            code = _explained(error)
            if code is None:
                raise
            raise typer.Exit(code) from None

    return ending


def tell(text: str) -> None:
    """Write a message on standard error, behind everything printed before."""
    sys.stdout.flush()
    typer.echo(text, err=True)


def end_with(path: Path) -> None:
    """Print the path of a run, as the last line."""
    typer.echo(path)
    sys.stdout.flush()


def _explained(error: Exception) -> int | None:
    """Say what went wrong and return the exit code; None for what is no user's doing."""
    if isinstance(error, typer.Exit | typer.Abort):
        return None
    from oscillo.recording import RecordingError
    from oscillo.spec import SpecError

    if isinstance(error, SpecError):
        show_problems(error)
        return WRONG_INPUT
    if isinstance(error, RecordingError):
        tell(f"error: {error}")
        return WRONG_INPUT
    from oscillo.running import RunFailed, RunInterrupted

    if isinstance(error, RunFailed | RunInterrupted):
        tell(f"error: {error}" if isinstance(error, RunFailed) else str(error))
        if error.path is not None:
            end_with(error.path)
        return error.exit_code
    return None


def show_problems(error: SpecError) -> None:
    """Write every problem of a spec on standard error: place, message, suggestion and the line it stands in."""
    from rich.console import Console
    from rich.text import Text

    sys.stdout.flush()
    screen = Console(stderr=True, highlight=False, soft_wrap=True)
    for problem in error.problems:
        text = Text(str(problem))
        text.stylize("bold", 0, len(problem.where))
        if problem.suggestion:
            text.highlight_words([problem.suggestion], "green")
        if problem.excerpt:
            text.stylize("cyan", len(text) - len(problem.excerpt))
        screen.print(text)
    count = len(error.problems)
    screen.print(f"{count} problem{'s' if count > 1 else ''}", style="red")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Show what oscillo itself warns of, in one line; what libraries say to programmers is no user's business."""
    if category is UserWarning and any(part in filename for part in _OWN):
        tell(f"warning: {message}")
