"""Progress of long work: a bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[[int, Mapping[str, float]], None]
"""Called with what has been done in all, and numbers to show."""

_SECONDS_BETWEEN_LINES = 15.0


def console() -> Console:
    """The console that people read; where no one looks at a terminal, a row of a table is a line of any length."""
    screen = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    if not screen.is_terminal:
        screen.width = 10_000
    return screen


def report(text: str) -> None:
    """Show one line."""
    console().print(text, markup=False)


def duration(seconds: float) -> str:
    """A time span for people: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    seconds = max(0.0, seconds)
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{int(minutes)} min {int(seconds % 60):02d} s"
    return f"{int(minutes // 60)} h {int(minutes % 60):02d} min"


@contextmanager
def progress(
    what: str, total: int, done: int = 0, limit: Callable[[], float | None] | None = None
) -> Iterator[Advance]:
    """Show how far something is, with the time left.

    Args:
        what: the name of the work.
        total: what there is to do.
        done: what is done already.
        limit: seconds that are left at most, where something else than the total may end the work.
    """
    screen = console()
    if screen.is_terminal:
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[numbers]}"),
        )  # fmt: skip
        with Progress(*columns, console=screen) as bar:
            task = bar.add_task(what, total=total, completed=done, numbers="")

            def show(count: int, numbers: Mapping[str, float]) -> None:
                bar.update(task, completed=count, numbers=_words(numbers))

            yield show
        return
    began = last = time.monotonic()

    def line(count: int, numbers: Mapping[str, float]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _SECONDS_BETWEEN_LINES and count < total:
            return
        last = now
        left = (now - began) / max(1, count - done) * (total - count)
        most = limit() if limit is not None else None
        left = left if most is None else min(left, most)
        screen.print(f"{what} {count}/{total}, {duration(left)} left, {_words(numbers)}".rstrip(", "), markup=False)

    yield line


def _words(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
