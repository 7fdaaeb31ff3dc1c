"""How much faster a sweep is as one batch than as runs of their own: specs/kuramoto_sweep.yaml, 41 x 10 points.

Both are whole: reading the spec, building, integrating, storing, gathering. Runs of their own go through as many
processes as there are cores, which are started and have imported everything before the clock is read (their first runs
are left out).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import time
from pathlib import Path

import oscillo
from oscillo.recording import Run
from oscillo.spec.ranges import Range

SPEC = Path(__file__).parents[2] / "specs" / "kuramoto_sweep.yaml"
STRENGTHS, SEEDS = 41, 10
ALONE = 40
"""Points that run by themselves; the time of all follows from theirs."""


def swept(runs: Path, strengths: int, seeds: int, per_run: int | None) -> tuple[Run, float]:
    """A sweep and its seconds."""
    strength = Range(first=0, last=4, count=strengths).values
    changes = [f"sweep.grid={json.dumps({'network.layers.0.coupling.strength': strength, 'seed': list(range(seeds))})}"]
    changes += [] if per_run is None else [f"sweep.points_per_run={per_run}"]
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        run = oscillo.sweep(SPEC, overrides=changes, runs=runs)
    return run, time.perf_counter() - began


def seconds_alone(run: Run, workers: int) -> float:
    """Seconds from the end of each process's first run to the end of the last run, for all points."""
    ends = sorted(folder.stat().st_mtime_ns for folder in run.path.glob("points/*/run.json"))
    return (ends[-1] - ends[workers - 1]) * 1e-9 / (len(ends) - workers) * STRENGTHS * SEEDS


def main() -> None:
    """Print the timings and, last, one JSON line."""
    with tempfile.TemporaryDirectory() as folder:
        together, seconds = swept(Path(folder), STRENGTHS, SEEDS, None)
        workers = os.cpu_count() or 1
        alone, whole = swept(Path(folder), ALONE // 4, 4, 1)
        apart = seconds_alone(alone, workers)
        shape = dict(together.data["sweep"].sizes)
    print(f"{shape}: one batch {seconds:.1f} s, runs of their own {apart:.0f} s in {workers} processes")
    print(f"({ALONE} of them took {whole:.1f} s, the start of the processes included)")
    print(json.dumps({"name": "sweep_batch", "value": round(apart / seconds, 1), "unit": "x"}))


if __name__ == "__main__":
    main()
