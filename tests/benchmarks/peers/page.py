"""The table of peers on the page of benchmarks."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path

from .measuring import Row

PAGE = Path(__file__).parents[3] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- peers: written by make bench-peers -->", "<!-- end of peers -->"


def processor() -> str:
    """Name of the processor, as far as the system tells it."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def shown(seconds: float) -> str:
    """Seconds with three digits, in a unit that suits them; nothing for what was not measured."""
    if seconds != seconds:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def ordered(rows: list[Row]) -> list[Row]:
    """The fastest first, those without a time last."""
    return sorted(rows, key=lambda row: (not row.samples, row.median))


def ratios(rows: list[Row]) -> list[str]:
    """Each one's time over that of the fastest with an equal answer."""
    best = min((row.median for row in rows if row.equal and row.samples), default=float("nan"))
    return [f"{row.median / best:.2f}" if row.samples else "" for row in rows]


def written(table: list[Row], versions: str, threads: int) -> None:
    """Replace the tables on the page.

    Args:
        table: rows of all problems.
        versions: what took part.
        threads: of each solver.
    """
    lines = [BEGIN, "", f"{processor()}, {threads} threads; {versions}; {datetime.date.today()}.", ""]
    for problem in dict.fromkeys(row.problem for row in table):
        rows = ordered([row for row in table if row.problem == problem])
        lines += [f"### `{problem}`", "", "| peer | solver | compile | first run | warm, median | x best | distance |"]
        lines.append("|---|---|---|---|---|---|---|")
        for row, ratio in zip(rows, ratios(rows), strict=True):
            times = " | ".join(map(shown, (row.compile_seconds, row.first_seconds, row.median)))
            distance = f"{row.distance:.1e}" + ("" if row.equal else " (not equal)") if row.samples else ""
            lines.append(f"| {row.peer} | {row.solver} | {times} | {ratio} | {distance} |")
        lines.append("")
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + "\n".join([*lines, END]) + rest.split(END)[1])
