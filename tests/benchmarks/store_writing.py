"""How fast the store takes blocks: against `numpy.save` of the same numbers, in one run and in turn.

The store's time is all of it: from before the first call to after the commit. Files go to the folder given as argument,
or to a temporary one.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from oscillo.recording import ArrayDeclaration, TrajectoryStore

TOTAL, DIFFERENT, ROUNDS, MIB = 512, 8, 9, 2**20
SITES = (9, 9, 4, 128)
"""Of one sample at one step: 162 KiB."""


def count(blocks: np.ndarray) -> int:
    """How many of such blocks are 512 MiB."""
    return TOTAL * MIB // blocks[0].nbytes


def saved(folder: Path, blocks: np.ndarray) -> None:
    """Save every block as a file of its own."""
    for number in range(count(blocks)):
        np.save(folder / f"{number}.npy", blocks[number % DIFFERENT])


def appended(folder: Path, blocks: np.ndarray, *, fsync: bool = False) -> None:
    """Append a block after the other along time, [time, oscillator]."""
    shape = (count(blocks) * blocks.shape[1], blocks.shape[2])
    array = ArrayDeclaration("state", ("time", "oscillator"), shape, "float32", "1", "state", append_dim="time")
    with TrajectoryStore(folder / "data.zarr", fsync=fsync) as store:
        store.declare("states", [array])
        for number in range(count(blocks)):
            store.append("states/state", blocks[number % DIFFERENT])


def filled(folder: Path, blocks: np.ndarray, *, owned: bool) -> None:
    """One step of a batch of samples after the other, as an evaluation records it: a shard each."""
    dims, samples = ("sample", "step", "y", "x", "component", "oscillator"), blocks.shape[1]
    shape = (samples, count(blocks), *SITES)
    array = ArrayDeclaration("state", dims, shape, "float32", "1", "state", pieces=(samples, 1))
    with TrajectoryStore(folder / "data.zarr") as store:
        store.declare("trajectory", [array])
        for step in range(count(blocks)):
            region = (slice(0, samples), slice(step, step + 1))
            store.write("trajectory/state", region, blocks[step % DIFFERENT], owned=owned)


def seconds(write: Callable[[Path], None], place: Path) -> float:
    """Seconds that writing to a fresh folder takes."""
    folder = Path(tempfile.mkdtemp(dir=place))
    os.sync()  # whoever comes next finds the disk at rest
    began = time.perf_counter()
    write(folder)
    spent = time.perf_counter() - began
    shutil.rmtree(folder)
    return spent


def timed(ways: dict[str, Callable[[Path], None]], place: Path) -> dict[str, list[float]]:
    """Seconds of each way in every round; one round before makes everything warm."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, write in ways.items():
            spent = seconds(write, place)
            found[name] += [spent] if number else []
    return found


def main(place: Path) -> None:
    """Print rates and, last, JSON lines."""
    results = {}
    for mib in (4, 16):
        samples = mib * MIB // (4 * int(np.prod(SITES)))
        steps = np.random.default_rng(0).random((DIFFERENT, samples, 1, *SITES), dtype=np.float32)
        times = steps.reshape(DIFFERENT, samples, -1)
        ways: dict[str, Callable[[Path], None]] = {
            "saved": lambda folder, blocks=times: saved(folder, blocks),
            "append": lambda folder, blocks=times: appended(folder, blocks),
            "shards": lambda folder, blocks=steps: filled(folder, blocks, owned=True),
            "copied": lambda folder, blocks=steps: filled(folder, blocks, owned=False),
        }
        found = timed(ways, place)
        fsync = {"before": ways["saved"], "fsync": lambda folder, blocks=times: appended(folder, blocks, fsync=True)}
        found |= timed(fsync, place)  # apart, because the disk is busy with it for a while after
        rate = {name: times[0].nbytes * count(times) / MIB / median(spent) for name, spent in found.items()}
        print(f"{mib} MiB: " + ", ".join(f"{name} {value:.0f} MiB/s" for name, value in rate.items()))
        for name in ("append", "shards", "copied", "fsync"):
            ratios = [a / b for a, b in zip(found["before" if name == "fsync" else "saved"], found[name], strict=True)]
            print(f"  {name}: {min(ratios):.2f} to {max(ratios):.2f} of numpy.save")
            results[f"store_{name}_{mib}"] = median(ratios)
    for name, value in results.items():
        print(json.dumps({"name": name, "value": round(value, 2), "unit": "of numpy.save"}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
