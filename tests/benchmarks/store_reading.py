"""A trajectory larger than memory: recorded, read at one place, and its order parameter computed, within 2 GiB.

python tests/benchmarks/store_reading.py [GIGABYTES] [FOLDER]

GIGABYTES is 2 where neither it nor $STORE_GIGABYTES says otherwise. Resident memory is that of a process that does
nothing else, what it has imported included.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import xarray as xr

from oscillo.recording import ArrayDeclaration, TrajectoryStore

SAMPLES, SITES = 100, (9, 9, 4, 128)
LIMIT = 2 * 2**30
TRIES = 40


def resident() -> int:
    """Bytes of resident memory at their peak."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def states(step: int) -> np.ndarray:
    """Unit vectors of all samples at a step, [sample, 1, y, x, component, oscillator]; which, the step says."""
    numbers = np.random.default_rng(step).standard_normal((SAMPLES, 1, *SITES), dtype=np.float32)
    numbers /= np.linalg.norm(numbers, axis=-2, keepdims=True)
    return numbers


def record(path: Path, steps: int) -> None:
    """Record all steps, and print seconds, and those spent waiting for the disk."""
    dims, shape = ("sample", "step", "y", "x", "component", "oscillator"), (SAMPLES, steps, *SITES)
    array = ArrayDeclaration("state", dims, shape, "float32", "1", "state", pieces=(SAMPLES, 1))
    many = [states(step) for step in range(8)]  # making numbers takes longer than writing them
    began = time.perf_counter()
    with TrajectoryStore(path) as store:
        store.declare("trajectory", [array])
        for step in range(steps):
            region = (slice(0, SAMPLES), slice(step, step + 1))
            store.write("trajectory/state", region, many[step % len(many)])
    print(time.perf_counter() - began, store.waited_s, resident())


def read(path: Path) -> None:
    """Print seconds for a step of a sample, a sample at all steps and the order parameter of everything."""
    import oscillo.accessor  # noqa: F401  (brings `.osc`)

    data = xr.open_zarr(path, group="trajectory", chunks=None)
    rng, spent = np.random.default_rng(0), []
    sizes = data.sizes
    for number in range(TRIES + 1):
        sample, step = rng.integers(sizes["sample"]), rng.integers(sizes["step"])
        began = time.perf_counter()
        data["state"][sample, step].values  # noqa: B018
        spent += [time.perf_counter() - began] if number else []
    began = time.perf_counter()
    data["state"][0].values  # noqa: B018
    whole = time.perf_counter() - began
    stored = data["state"].encoding.get("shards") or data["state"].encoding["chunks"]
    began = time.perf_counter()
    order = data.chunk(dict(zip(data["state"].dims, stored, strict=True))).osc.order_parameter()
    lazy = resident()
    assert order.chunks is not None, "the order parameter was computed at once"
    found = order.values
    parameter = time.perf_counter() - began
    for step in (0, sizes["step"] - 1):
        expected = np.linalg.norm(states(step % 8)[:, 0].mean((1, 2, 4)), axis=-1)
        assert np.allclose(found[:, step], expected, atol=1e-5)
    print(median(spent), max(spent), whole, parameter, lazy, resident())


def measured(verb: str, *arguments: str) -> list[float]:
    """The numbers that a process of its own prints."""
    command = [sys.executable, __file__, verb, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def main(gigabytes: float, place: Path) -> None:
    """Print what was measured and, last, JSON lines."""
    steps = max(1, round(gigabytes * 1e9 / (4 * SAMPLES * int(np.prod(SITES)))))
    path = place / "data.zarr"
    spent, waited, most = measured("record", str(path), str(steps))
    middle, slowest, whole, parameter, lazy, peak = measured("read", str(path))
    gib = 2**30
    print(f"{gigabytes:g} GB, {SAMPLES} samples, {steps} steps, {np.prod(SITES)} numbers each")
    print(f"recorded in {spent:.1f} s, {waited:.1f} s of it waiting for the disk; {most / gib:.2f} GiB resident")
    print(f"a step of a sample: {1e3 * middle:.1f} ms (at most {1e3 * slowest:.1f}); all steps of one {whole:.2f} s")
    print(f"order parameter of all: {parameter:.1f} s; {lazy / gib:.2f} GiB resident before, {peak / gib:.2f} at most")
    assert max(most, peak) < LIMIT
    for name, value, unit in (
        ("store_read_step", 1e3 * middle, "ms"),
        ("store_read_sample", 1e3 * whole, "ms"),
        ("store_record", gigabytes * 1e3 / spent, "MB/s"),
        ("store_order_parameter", gigabytes * 1e3 / parameter, "MB/s"),
        ("store_resident", max(most, peak) / gib, "GiB"),
    ):
        print(json.dumps({"name": name, "value": round(value, 2), "unit": unit}))


if __name__ == "__main__":
    verb, *rest = sys.argv[1:] or ["2"]
    if verb == "record":
        record(Path(rest[0]), int(rest[1]))
    elif verb == "read":
        read(Path(rest[0]))
    else:
        size = float(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("STORE_GIGABYTES", "2"))
        with tempfile.TemporaryDirectory(dir=rest[0] if rest else None) as folder:
            main(size, Path(folder))
