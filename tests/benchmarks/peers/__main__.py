"""`make bench-peers`: oscillo and installed peers on the same problems in one run; JSON lines come last.

A run of all problems and peers writes its tables to `docs/benchmarks.md`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from types import ModuleType

from . import THREADS
from .measuring import Row, built, measure
from .page import ordered, ratios, shown, written
from .problems import PROBLEMS

OURS = "ours"
PEERS = ("of_scipy", "of_jitcode", "of_diffrax", "of_jax", "of_torchdiffeq", "of_kuramoto", "of_xgi")


def loaded(chosen: list[str]) -> tuple[list[ModuleType], list[str]]:
    """Import the peers.

    Args:
        chosen: Names of peers as the table says them; none means all.

    Returns:
        The modules, and a line for each that is missing.
    """
    modules, missing = [], []
    for file in (OURS, *PEERS):
        name = file.removeprefix("of_")
        if chosen and name not in chosen:
            continue
        if importlib.util.find_spec(f"{__package__}.{file}") is None:
            missing.append(f"{name}: has no file here")
            continue
        try:
            modules.append(importlib.import_module(f".{file}", __package__))
        except ImportError as reason:
            missing.append(f"{name}: {reason}")
    return modules, missing


def versions(modules: list[ModuleType]) -> str:
    """Name Python and every package that takes part, with its version."""
    names = sorted({package for module in modules for package in module.PACKAGES})
    return ", ".join([f"Python {platform.python_version()}", *(f"{n} {importlib.metadata.version(n)}" for n in names)])


def printed(rows: list[Row]) -> None:
    """Print the rows of one problem, the fastest first, those without a time last."""
    rows = ordered(rows)
    head = ("peer", "solver", "compile", "first", "warm", "fastest", "x best", "distance")
    lines = [head]
    for row, ratio in zip(rows, ratios(rows), strict=True):
        times = [shown(seconds) for seconds in (row.compile_seconds, row.first_seconds, row.median, row.least)]
        distance = f"{row.distance:.1e}" + ("" if row.equal else " NOT EQUAL") if row.samples else ""
        lines.append((row.peer, row.solver, *times, ratio, distance))
    timed_lines = [line for line in lines if line[-1]]
    widths = [max(len(line[column]) for line in timed_lines) for column in range(len(head))]
    for line in lines:
        sized = list(zip(line, widths, strict=True))
        cells = [text.ljust(width) for text, width in sized[:2]] + [text.rjust(width) for text, width in sized[2:]]
        print("  " + "  ".join(cells).rstrip(), flush=True)


def results(rows: list[Row]) -> list[dict[str, object]]:
    """Return one number for each problem: seconds of the fastest peer over seconds of oscillo (medians)."""
    found = []
    for problem in dict.fromkeys(row.problem for row in rows):
        timed = [row for row in rows if row.problem == problem and row.equal and row.samples]
        ours = min((row for row in timed if row.peer == OURS), key=lambda row: row.median, default=None)
        peer = min((row for row in timed if row.peer != OURS), key=lambda row: row.median, default=None)
        if ours is None or peer is None:
            continue
        name = f"peers_{problem}"
        value = round(peer.median / ours.median, 3)
        found.append({"name": name, "value": value, "unit": f"x speed of {peer.peer} ({peer.solver})"})
    return found


def compare(names: list[str], modules: list[ModuleType], missing: list[str], rounds: int) -> list[Row]:
    """Solve the problems with all peers.

    Args:
        names: Of problems.
        modules: The peers.
        missing: A line for each peer that is missing.
        rounds: How often each solver has its turn.

    Returns:
        The rows of the table.
    """
    print(f"{THREADS} threads of {os.cpu_count()} cores, {versions(modules)}")
    for line in missing:
        print(f"missing: {line}")
    table: list[Row] = []
    for name in names:
        problem = PROBLEMS[name]()
        print(f"== {name}", flush=True)
        rows = built(problem, modules)
        try:
            measure(rows, rounds)
        finally:
            for _, made in rows:
                if made is not None:
                    made.close()
        printed([row for row, _ in rows])
        table += [row for row, _ in rows]
    return table


def main(given: list[str]) -> int:
    """Read the command line, compare, and print the numbers."""
    arguments = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    arguments.add_argument("problems", nargs="*", metavar="PROBLEM", help=f"of {', '.join(PROBLEMS)}; all by default")
    arguments.add_argument("--peers", nargs="+", default=[], metavar="PEER", help="only these")
    arguments.add_argument("--rounds", type=int, default=9)
    asked = arguments.parse_args(given)
    if unknown := [name for name in asked.problems if name not in PROBLEMS]:
        arguments.error(f"no problem {', '.join(unknown)}; there are: {', '.join(PROBLEMS)}")
    modules, missing = loaded(asked.peers)
    table = compare(asked.problems or list(PROBLEMS), modules, missing, asked.rounds)
    if not (asked.problems or asked.peers or missing):
        written(table, versions(modules), THREADS)
    for found in results(table):
        print(json.dumps(found))
    different = [row for row in table if row.samples and not row.equal]
    broken = [row for row in table if row.solver.startswith("FAILED")]
    for row in different + broken:
        print(f"failed: {row.problem}, {row.peer}, {row.solver}", file=sys.stderr)
    if missing:
        print(f"missing: {'; '.join(missing)}", file=sys.stderr)
    return 1 if different or broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
