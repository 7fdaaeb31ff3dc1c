"""Recording processes that are killed at random moments, each going on with what the one before it left.

python kill_scenario.py STORE SEED    kills one for every line it reads; prints whether it was inside a commit
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from mmap import mmap
from pathlib import Path

import numpy as np
import zarr.storage  # noqa: F401  # so that no child has to

from oscillo.recording import ArrayDeclaration, TrajectoryStore, block_plan

LENGTH, SAMPLES, OSCILLATORS, MOST = 100_000, 3, 5, 2


def small_blocks() -> None:
    """Blocks of some entries that are made of chunks: a commit ends in all of their middles."""
    block_plan.GROWING_BLOCK, block_plan.SMALLEST_CHUNK = 6000, 1000


def states(start: int, stop: int) -> np.ndarray:
    sample, time_, oscillator = np.ogrid[:SAMPLES, start:stop, :OSCILLATORS]
    return (1000 * sample + time_ + oscillator / 8).astype(np.float32)


def times(start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop) / 4


def declared() -> list[ArrayDeclaration]:
    dims, shape = ("sample", "time", "oscillator"), (SAMPLES, LENGTH, OSCILLATORS)
    return [
        ArrayDeclaration("time", ("time",), (LENGTH,), "float64", "time", "time", append_dim="time"),
        ArrayDeclaration("state", dims, shape, "float32", "1", "state", append_dim="time"),
    ]


def record(store: Path, inside: mmap, rng: random.Random, most: int = MOST) -> None:
    """Record to the end, from wherever an earlier writer stopped."""
    with TrajectoryStore(store) as opened:
        opened.declare("states", declared())
        length = opened.lengths.get("states/time", 0)
        while length < LENGTH:
            stop = min(LENGTH, length + rng.randint(1, most))
            opened.append("states/time", times(length, stop))
            opened.append("states/state", states(length, stop))
            length = stop
            if rng.random() < 0.7:
                inside[0] = 1
                opened.commit()
                inside[0] = 0


def main(store: Path, seed: int) -> None:
    """This process starts no thread, so that it may fork."""
    rng, inside = random.Random(seed), mmap(-1, 1)
    while sys.stdin.readline():
        inside[0] = 0
        child = os.fork()
        if child == 0:
            record(store, inside, rng)
            os._exit(0)
        time.sleep(rng.uniform(0.0, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(inside[0], flush=True)
        rng.random()


if __name__ == "__main__":
    small_blocks()
    main(Path(sys.argv[1]), int(sys.argv[2]))
