"""What recording all states of a Sudoku evaluation costs: 512 channels, 64 steps, float32 and float16, into one store.

Each board takes 10.8 MB in float32; `--boards 1000` for the whole evaluation.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from oscillo.evaluation import evaluate
from oscillo.observables import RecordingSpec, StateSpec
from oscillo.preparation import compile_steps
from oscillo.recording import TrajectoryStore
from oscillo.runspec import read_spec
from oscillo.training.hardware import choose_device

SPEC = Path(__file__).parents[2] / "specs" / "sudoku_paper.yaml"
STEPS = 64
ROUNDS = 3


class Evaluation:
    """The evaluation, on a network with new weights: what it answers does not matter."""

    def __init__(self, boards: int) -> None:
        changes = [f"task.evaluations.0.boards={boards}", f"task.evaluations.0.steps={STEPS}", "~recording"]
        self.spec = read_spec(SPEC, changes).spec
        self.task = self.spec.task.build(self.spec.network, self.spec.seed)
        self.task.prepare_evaluations(lambda line: None)
        self.model = self.task.model().to(choose_device(self.spec.device))
        compile_steps(self.model, self.spec)
        self.evaluation = self.spec.task.evaluation_specs[0]
        self.data = self.task.evaluation_data(self.evaluation)

    def seconds(self, precision: Any = None) -> tuple[float, float, int]:
        """Seconds of one evaluation, those it waited for the disk, and bytes recorded; without precision none are."""
        observables = {"state": StateSpec(samples=f"0:{len(self.data)}", precision=precision)} if precision else {}
        recording = RecordingSpec(observables=observables, answers=False)
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            with TrajectoryStore(Path(folder) / "data.zarr") as store:
                evaluate(
                    self.task, self.model, self.evaluation, self.data, seed=0, precision=self.spec.precision,
                    recording=recording, store=store,
                )  # fmt: skip
            seconds = time.perf_counter() - began
            written = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        return seconds, store.waited_s, written


def main() -> None:
    """Print the numbers and, last, JSON lines."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--boards", type=int, default=200)
    boards = asked.parse_args().boards
    evaluation = Evaluation(boards)
    for precision in (None, "float32", "float16"):
        evaluation.seconds(precision)  # compiles
    found: dict[str | None, list[tuple[float, float, int]]] = {None: [], "float32": [], "float16": []}
    for _ in range(ROUNDS):
        for precision, seen in found.items():
            seen.append(evaluation.seconds(precision))
    plain = statistics.median(seconds for seconds, _, _ in found[None])
    print(f"{boards} boards, {STEPS} steps, 512 channels: {plain:.1f} s without recording")
    for precision in ("float32", "float16"):
        ratios = [
            (seconds - waited) / without - 1
            for (seconds, waited, _), (without, _, _) in zip(found[precision], found[None], strict=True)
        ]  # fmt: skip
        seconds, waited, written = (statistics.median(column) for column in zip(*found[precision], strict=True))
        print(
            f"{precision}: {seconds:.1f} s, {waited:.1f} s of them waiting for the disk; {written / 2**20:,.0f} MiB;"
            f" cost beside the waiting {', '.join(f'{ratio:.1%}' for ratio in ratios)}"
        )
        value = round(statistics.median(ratios), 4)
        print(json.dumps({"name": f"recording_states_{precision}", "value": value, "unit": "of the time without"}))


if __name__ == "__main__":
    main()
