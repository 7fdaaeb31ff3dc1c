"""How much faster a sweep is as one batch than as runs of their own: specs/kuramoto_sweep.yaml, 41 x 10 points.

All of it is timed on either side: reading the spec, building, compiling, integrating, storing, gathering, figures.
Twice: as commands, one `oscillo sweep` against an `oscillo run` for every point, as many at a time as there are cores;
and in processes that have started and imported everything before the clock is read, as many as there are cores for the
runs of their own. Only some of those are made, and the time of all follows from theirs.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import oscillo
from oscillo.recording import Run
from oscillo.spec.ranges import Range

SPEC = Path(__file__).parents[2] / "specs" / "kuramoto_sweep.yaml"
SINGLE = SPEC.with_name("kuramoto_transition.yaml")
STRENGTH = "network.layers.0.coupling.strength"
STRENGTHS, SEEDS = 41, 10
POINTS = STRENGTHS * SEEDS
ALONE, COMMANDS = 40, 12
"""Points that run by themselves in started processes, and as commands."""
PROGRAM = str(Path(sys.executable).with_name("oscillo"))
WORKERS = os.cpu_count() or 1


def swept(runs: Path, strengths: int, seeds: int, *more: str) -> tuple[Run, float]:
    """A sweep from within this process, and its seconds."""
    strength = Range(first=0, last=4, count=strengths).values
    grid = json.dumps({STRENGTH: strength, "seed": list(range(seeds))})
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        run = oscillo.sweep(SPEC, overrides=[f"sweep.grid={grid}", *more], runs=runs)
    return run, time.perf_counter() - began


def seconds_alone(run: Run) -> float:
    """Seconds from the end of each process's first run to the end of the last run, for all points."""
    ends = sorted(folder.stat().st_mtime_ns for folder in run.path.glob("points/*/run.json"))
    return (ends[-1] - ends[WORKERS - 1]) * 1e-9 / (len(ends) - WORKERS) * POINTS


def seconds_of(commands: list[list[str]], at_once: int, **environment: str) -> float:
    """Seconds that `oscillo` commands take."""
    whole = [[PROGRAM, *arguments] for arguments in commands]
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        for done in pool.map(lambda one: subprocess.run(one, capture_output=True, env=os.environ | environment), whole):
            done.check_returncode()
    return time.perf_counter() - began


def single_runs(runs: str) -> Iterator[list[str]]:
    """Arguments of `oscillo run` for points spread over the sweep."""
    for number in range(COMMANDS):
        strength = f"{STRENGTH}={4 * number / (COMMANDS - 1)}"
        yield ["run", str(SINGLE), "task.ensemble={}", strength, f"seed={number % SEEDS}", "--runs", runs]


def main() -> None:
    """Print the timings and, last, two JSON lines."""
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        whole = seconds_of([["sweep", str(SPEC), "--runs", folder]], 1)
        commands = seconds_of(list(single_runs(folder)), WORKERS, OMP_NUM_THREADS="1") / COMMANDS * POINTS
        swept(runs, 2, 2, "compile=on", "task.duration=30")  # what is needed is imported now
        together, seconds = swept(runs, STRENGTHS, SEEDS)
        alone = seconds_alone(swept(runs, ALONE // 4, 4, "sweep.points_per_run=1")[0])
        shape = dict(together.data["sweep"].sizes)
    print(f"{shape}, {WORKERS} cores")
    print(f"as commands: one sweep {whole:.1f} s, {POINTS} runs {commands:.0f} s (from {COMMANDS} of them)")
    print(f"in started processes: one batch {seconds:.1f} s, {POINTS} runs {alone:.0f} s (from {ALONE} of them)")
    print(json.dumps({"name": "sweep_batch", "value": round(alone / seconds, 1), "unit": "x"}))
    print(json.dumps({"name": "sweep_batch_commands", "value": round(commands / whole, 1), "unit": "x"}))


if __name__ == "__main__":
    main()
