"""A writer that can be killed: run as a script by the crash tests, imported by them for what it writes.

python recording_scenario.py points FOLDER     one store per kill point, each killed before that file operation
python recording_scenario.py forever FOLDER    grows and replaces until it is killed
python recording_scenario.py full FOLDER       meets a full disk; prints what the store said
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np

from oscillo.recording import ArrayDeclaration, GroupDeclaration, Recorder, StoreError, TrajectoryStore, block_plan
from oscillo.recording.declarations import coordinate

BLOCK, BLOCKS, ROUNDS, SAMPLES = 5, 3, 2, 5
SMALL_BLOCK = 60  # bytes; cuts the small arrays of the crash tests into several chunks


def grown(start: int, stop: int) -> np.ndarray:
    """What entries start to stop of the growing array hold."""
    return np.arange(start, stop, dtype=np.float32)[:, None] * np.ones(3, np.float32)


def growing(entries: int) -> list[ArrayDeclaration]:
    shape = (entries, 3)
    loss = ArrayDeclaration("loss", ("step", "oscillator"), shape, "float32", "1", "loss", append_dim="step")
    return [coordinate("step", entries, append=True), loss]


def evaluated() -> list[GroupDeclaration]:
    state = ArrayDeclaration("state", ("sample", "step", "oscillator"), (SAMPLES, 4, 3), "float32", "1", "state")
    correct = ArrayDeclaration("correct", ("sample",), (SAMPLES,), "bool", "1", "correct")
    return [
        GroupDeclaration("trajectory", (state,), layer="layer0", coordinates={"step": range(4)}),
        GroupDeclaration("result", (correct,)),
    ]


def record_round(store: TrajectoryStore, number: int) -> None:
    """Record one evaluation in which every number is that of the round."""
    with Recorder(store, "hard", evaluated(), {"round": number}) as recorder:
        for samples in np.array_split(np.arange(SAMPLES), 3):
            state = np.full((len(samples), 4, 3), number, np.float32)
            recorder.write("trajectory", samples, {"state": state}, layer="layer0")
            recorder.write("result", samples, {"correct": np.ones(len(samples), bool)})


def rounds_done(store: TrajectoryStore) -> int:
    return max((attributes.get("round", 0) for attributes in store.groups.values()), default=0)


def write_all(path: Path, note: Path | None = None) -> None:
    """Write the whole scenario, from wherever an earlier writer stopped."""
    with TrajectoryStore(path, {"spec_sha256": "0"}) as store:
        store.declare("training", growing(BLOCK * BLOCKS))
        while True:
            length, rounds = store.lengths.get("training/step", 0), rounds_done(store)
            if note is not None:
                note.write_text(f"{length} {rounds}")
            if length < BLOCK * BLOCKS:
                store.append("training/step", np.arange(length, length + BLOCK))
                store.append("training/loss", grown(length, length + BLOCK))
                store.commit()
            elif rounds < ROUNDS:
                record_round(store, rounds + 1)
            else:
                return


def kill_before(operation: int) -> list[int]:
    """Kill this process before its n-th change to the file system; the count so far is returned as it grows."""
    count = [0]

    def counted(original):
        def call(*arguments, **options):
            if count[0] == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            count[0] += 1
            return original(*arguments, **options)

        return call

    for name in ("replace", "rename", "unlink", "rmdir", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    return count


def points(folder: Path, every: int) -> None:
    """Kill a writer before one of its file operations after the other, each time in a new store."""
    block_plan.LARGEST_BLOCK = SMALL_BLOCK
    for operation in range(0, 100_000, every):
        # This process starts no thread of zarr's, so that its children may.
        child = os.fork()
        if child == 0:
            case = folder / f"{operation:04d}"
            case.mkdir()
            (case / "note").write_text("0 0")
            kill_before(operation)
            write_all(case / "data.zarr", case / "note")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            return
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def forever(folder: Path) -> None:
    with TrajectoryStore(folder / "data.zarr") as store:
        store.declare("training", growing(1_000_000))
        while True:
            length = store.lengths.get("training/step", 0)
            for _ in range(4):
                store.append("training/step", np.arange(length, length + BLOCK))
                store.append("training/loss", grown(length, length + BLOCK))
                length += BLOCK
            store.commit()
            record_round(store, rounds_done(store) + 1)


def full(folder: Path) -> None:
    """Commit a little, then write more than one file may hold; the operating system says no to both alike."""
    if folder.stat().st_dev == folder.parent.stat().st_dev:  # not a small disk of its own
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    store = TrajectoryStore(folder / "data.zarr")
    store.declare("training", growing(BLOCK * BLOCKS))
    store.append("training/step", np.arange(BLOCK))
    store.append("training/loss", grown(0, BLOCK))
    store.commit()
    record_round(store, 1)
    big = ArrayDeclaration("state", ("sample", "oscillator"), (2, 2**20), "float32", "1", "state")
    store.append("training/step", np.arange(BLOCK, 2 * BLOCK))
    store.append("training/loss", grown(BLOCK, 2 * BLOCK))
    for attempt in (lambda: record_big(store, big), store.commit, store.close):
        try:
            attempt()
            print("no error")
        except StoreError as error:
            print(error)


def record_big(store: TrajectoryStore, big: ArrayDeclaration) -> None:
    with Recorder(store, "hard", [GroupDeclaration("trajectory", (big,), layer="layer0")]) as recorder:
        recorder.write("trajectory", np.arange(2), {"state": np.zeros((2, 2**20), np.float32)}, layer="layer0")


if __name__ == "__main__":
    verb, folder, *numbers = sys.argv[1:]
    {"points": points, "forever": forever, "full": full}[verb](Path(folder), *map(int, numbers))
