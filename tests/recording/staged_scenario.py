"""An evaluation that fills a staged recording step by step, and a worker that fills regions of somebody else's store.

python staged_scenario.py evaluate STORE NOTE     goes on where the note says; is killed by who started it
python staged_scenario.py work STORE NUMBER OF    fills every OF-th block of `sweep/state`
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from oscillo.recording import ArrayDeclaration, GroupDeclaration, Recorder, RegionWriter, TrajectoryStore

SAMPLES, STEPS, BATCH, OSCILLATORS = 12, 20, 4, 2048
FACTS = {"steps": [STEPS], "spec": "ab"}
ROWS, COLUMNS = 24, 2**19


def groups(oscillators: int = OSCILLATORS) -> list[GroupDeclaration]:
    shape = (SAMPLES, STEPS, oscillators)
    state = ArrayDeclaration(
        "state", ("sample", "step", "oscillator"), shape, "float32", "1", "state", pieces=(BATCH, 1)
    )
    return [GroupDeclaration("trajectory", (state,), "layer0", {"step": range(STEPS)})]


def expected(sample: int, step: int) -> np.ndarray:
    return np.full(OSCILLATORS, 100 * sample + step, np.float32)


def fill(recorder: Recorder, batch: int, step: int) -> None:
    samples = slice(batch * BATCH, (batch + 1) * BATCH)
    block = np.stack([expected(sample, step) for sample in range(samples.start, samples.stop)])[:, None]
    recorder.fill("trajectory", "state", (samples, slice(step, step + 1)), block, layer="layer0", owned=True)


def evaluate(store: TrajectoryStore, note: Path, pause: float = 0.0) -> tuple[bool, int]:
    """Record, and note what is flushed. Returns whether earlier pieces were taken up, and how many."""
    with Recorder(store, "hard", groups(), FACTS, resumable=True) as recorder:
        done = int(note.read_text()) if recorder.resumed and note.exists() else 0
        for piece in range(done, SAMPLES // BATCH * STEPS):
            fill(recorder, *divmod(piece, STEPS))
            if piece % 3 == 2:
                recorder.flush()
                note.write_text(str(piece + 1))
                time.sleep(pause)
        recorder.fill("trajectory", "sample", (), np.arange(SAMPLES), layer="layer0")
        recorder.done("trajectory", 0, SAMPLES, layer="layer0")
    return recorder.resumed, done


def shared() -> ArrayDeclaration:
    shape = (ROWS, COLUMNS)
    return ArrayDeclaration("state", ("point", "oscillator"), shape, "float32", "1", "state", pieces=(1,))


def work(path: Path, number: int, workers: int) -> None:
    with RegionWriter(path, "sweep/state") as writer:
        rows = writer.block[0]
        for first in range(number * rows, ROWS, workers * rows):
            values = np.arange(first, min(first + rows, ROWS), dtype=np.float32)
            writer.write((slice(first, first + len(values)),), np.repeat(values[:, None], COLUMNS, axis=1))


if __name__ == "__main__":
    verb, path, *rest = sys.argv[1:]
    if verb == "evaluate":
        with TrajectoryStore(path) as store:
            evaluate(store, Path(rest[0]), pause=0.02)
    else:
        work(Path(path), *map(int, rest))
