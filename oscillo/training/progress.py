"""Progress of long work: a bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

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
    """Show how far something is and the time left; at the end one line stays that says what it took.

    The time left follows from the pace since the first report: what is done first is compiled while it is done.

    Args:
        what: the name of the work.
        total: what there is to do.
        done: what is done already.
        limit: seconds that are left at most, where something else than the total may end the work.
    """
    screen = console()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(16),
        TextColumn("{task.fields[told]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        console=screen, transient=True, expand=True,
    )  # fmt: skip
    task = bar.add_task(what, total=total, completed=done, told=f"{done}/{total}")
    began = last = time.monotonic()
    first: tuple[float, int] | None = None
    told = ""

    def show(count: int, numbers: Mapping[str, float]) -> None:
        nonlocal first, last, told
        now = time.monotonic()
        since, before = first = first or (now, count)
        spans = [(now - since) / (count - before) * (total - count)] if count > before else []
        if limit is not None and (most := limit()) is not None:
            spans.append(most)
        remaining = f"{duration(min(spans))} left" if spans else ""
        told = _line(f"{count}/{total}", duration(now - began), numbers)
        if screen.is_terminal:
            bar.update(task, completed=count, told=_line(f"{count}/{total}", remaining, numbers))
        elif now - last >= _SECONDS_BETWEEN_LINES and count < total:
            last = now
            screen.print(f"{what} {_line(f'{count}/{total}', remaining, numbers)}", markup=False)

    try:
        with bar if screen.is_terminal else nullcontext():
            yield show
    finally:
        if told:  # nothing was shown of work that was done before
            screen.print(f"{what} {told}", markup=False)


def _line(count: str, span: str, numbers: Mapping[str, float]) -> str:
    return ", ".join(filter(None, [count, span, *(f"{name} {value:.4g}" for name, value in numbers.items())]))
