"""The command line as processes: forked from one that has imported everything, or started from nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

OSCILLO = Path(sys.executable).with_name("oscillo")

SPEC = """\
version: 2
name: small
seed: 3
network:
  layers:
    - manifold: {kind: sphere, dimension: 4}
      channels: 16
      frequency: {kind: shared, init: 0.5, learn: true}
      coupling: {kind: attention, heads: 2, position: gta}
      integrator: {kind: projected_euler, steps: 4, learn_step_size: true}
      readout: {kind: norm, residual: true}
task:
  kind: sudoku
  block: [2, 2]
  train: {boards: 64, givens: [5, 10], seed: 1}
  evaluations:
    - {name: id, boards: 20, givens: [5, 10], seed: 2}
    - {name: longer, boards: 20, givens: [5, 10], seed: 2, steps: 8}
training:
  steps: 80
  batch_size: 16
  optimizer: {kind: adam, lr: 5.0e-3}
  ema: {decay: 0.9, start: 5, every: 2}
  log_every: 5
  validate_every: 20
  validation_samples: 8
  checkpoint_minutes: 0.0005
recording: {samples: 2}
device: cpu
compile: off
threads: 1
"""

SECONDS = 240.0
"""After which a process is taken to hang; a loaded machine needs a good part of it."""


@dataclass(frozen=True)
class Ended:
    """A process that has ended: its exit code (negative: what signal killed it), and all output in its order."""

    code: int
    output: str

    @property
    def last_line(self) -> str:
        return self.output.splitlines()[-1]


class Running:
    """A forked process of the command line."""

    def __init__(self, process: BaseProcess, folder: Path, output: Path) -> None:
        self.process, self.folder, self.output = process, folder, output

    def send(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> Ended:
        self.process.join(SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"still running: {self.output.read_text()}")
        return Ended(self.process.exitcode, self.output.read_text())

    def wait_for(self, reached: Callable[[], object]) -> None:
        """Wait until something is so, while the process runs."""
        began = time.monotonic()
        while not reached():
            assert self.process.is_alive(), self.output.read_text()
            assert time.monotonic() - began < SECONDS, self.output.read_text()
            time.sleep(0.002)


class Command:
    """The command `oscillo` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = 0
        (folder / "small.yaml").write_text(SPEC)

    def start(self, *arguments: str, largest_file: int | None = None) -> Running:
        """Start a process that has imported everything already."""
        self.started += 1
        output = self.folder / f"output_{self.started}.txt"
        output.touch()
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=_main, args=(arguments, self.folder, output, largest_file))
        process.start()
        return Running(process, self.folder, output)

    def __call__(self, *arguments: str, largest_file: int | None = None) -> Ended:
        return self.start(*arguments, largest_file=largest_file).end()

    def from_nothing(self, *arguments: str) -> Ended:
        """Run the installed command as a shell does."""
        done = subprocess.run(
            [OSCILLO, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS
        )
        return Ended(done.returncode, done.stdout.decode())

    def runs(self) -> list[Path]:
        """All run folders, relative, oldest first."""
        return sorted(path.relative_to(self.folder) for path in self.folder.glob("runs/*/*"))


def _main(arguments: tuple[str, ...], folder: Path, output: Path, largest_file: int | None) -> None:
    """What a forked process does."""
    os.chdir(folder)
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background inherit another one
    sys.argv = ["oscillo", *arguments]
    from oscillo.cli import main

    main()


def preload() -> None:
    """Have the process that others are forked from import what every verb needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["oscillo.cli", "oscillo.experiment", "oscillo_tasks.sudoku", "oscillo.plan"])


def state_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "run.json").read_text())


def newest_checkpoint(run: Path) -> int:
    """Step of the newest checkpoint; -1 before the first."""
    return max((int(file.stem.removeprefix("step_")) for file in run.glob("checkpoints/step_*.pt")), default=-1)


def metrics_of(run: Path) -> list[dict[str, Any]]:
    """The metrics without what depends on the clock."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if not name.endswith(("wall_s", "samples_per_s"))}
        for line in lines
    ]


def same_results(run: Path, other: Path) -> bool:
    """Whether two runs have the same weights, bit for bit, and the same metrics."""
    weights = [(path / "weights.safetensors").read_bytes() for path in (run, other)]
    return weights[0] == weights[1] and metrics_of(run) == metrics_of(other)


SIGKILLED = -signal.SIGKILL
