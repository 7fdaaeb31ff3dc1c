"""Runs of a few optimiser steps on 4x4 boards, and ways to stop them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from oscillo_tasks.sudoku import SudokuTask

import oscillo
from oscillo.recording import Run
from oscillo.running import RunInterrupted
from oscillo.training import Task, Trainer

BOARDS, BATCH = 40, 8

SMALL: dict[str, Any] = {
    "version": 2,
    "name": "small",
    "seed": 3,
    "network": {
        "layers": [
            {
                "manifold": {"kind": "sphere", "dimension": 4},
                "channels": 16,
                "frequency": {"kind": "shared", "init": 0.5, "learn": True},
                "coupling": {"kind": "attention", "heads": 2, "position": "gta"},
                "integrator": {"kind": "projected_euler", "steps": 3, "learn_step_size": True},
            }
        ]
    },
    "task": {
        "kind": "sudoku",
        "block": [2, 2],
        "train": {"boards": BOARDS, "givens": [6, 10], "seed": 1},
        "evaluations": [
            {"name": "id", "boards": 10, "givens": [6, 10], "seed": 2, "batch_size": 4},
            {"name": "longer", "boards": 6, "givens": [5, 8], "seed": 4, "steps": 6},
        ],
    },
    "training": {"steps": 8, "batch_size": BATCH, "log_every": 3},
    "recording": {"samples": 3, "observables": {"energy": {}, "pseudo_energy": {}, "state": {"every": 2}}},
    "device": "cpu",
    "compile": "off",
}


def small(**changes: Any) -> dict[str, Any]:
    """The small spec with changes, keys with dots in double underscores: `small(training__steps=3)`."""
    spec = deepcopy(SMALL)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = spec
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        place[int(last) if isinstance(place, list) else last] = value
    return spec


def run_small(runs: Path, **changes: Any) -> Run:
    return oscillo.run(small(**changes), runs=runs)


def task_of(spec: Mapping[str, Any]) -> SudokuTask:
    """The task of a spec with its data."""
    loaded = oscillo.load(spec)
    task = loaded.task.build(loaded.network, loaded.seed)
    task.prepare(lambda text: None)
    assert isinstance(task, SudokuTask)
    return task


@contextmanager
def stopping_after(step: int) -> Iterator[None]:
    """Ask a training to stop, as Ctrl-C does, once it has taken that many optimiser steps."""
    take = Trainer._take_step

    def taking(self: Trainer, *args: Any) -> float:
        loss = take(self, *args)
        if self.step == step:
            self.interruption.signal = 2
        return loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_take_step", taking)
        yield


def stopped_and_resumed(runs: Path, after: list[int], **changes: Any) -> Run:
    """The run, stopped after those numbers of optimiser steps and resumed each time."""
    path = None
    for step in after:
        with stopping_after(step), pytest.raises(RunInterrupted) as stop:
            run_small(runs, **changes) if path is None else oscillo.resume(path)
        path = stop.value.path
    assert path is not None
    torch.manual_seed(12345)  # another process has another state of the generator
    return oscillo.resume(path)


def weights(run: Run) -> bytes:
    return (run.path / "weights.safetensors").read_bytes()


def metric_lines(run: Run) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without what a clock says."""
    lines = [json.loads(line) for line in run.directory.metrics.read_text().splitlines()]
    clock = ("wall_s", "train/samples_per_s")
    return [{name: value for name, value in line.items() if name not in clock} for line in lines]


@contextmanager
def changed_loss(
    change: Callable[[int, torch.Tensor, torch.Tensor], torch.Tensor], task: type[Task] = SudokuTask
) -> Iterator[None]:
    """Let `change(step, index, losses)` take the place of each sample's loss."""
    loss = task.loss

    def changed(self: Task, model: Any, batch: Any, draws: Any, **rest: Any) -> Any:
        losses, numbers = loss(self, model, batch, draws, **rest)
        return change(int(draws.step), batch["index"], losses), numbers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "loss", changed)
        yield
