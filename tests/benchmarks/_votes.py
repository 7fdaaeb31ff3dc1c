"""The shipped Sudoku network on boards of 31-42 givens, 64 steps, for benchmarks of votes and early stop.

It runs on the GPU where there is one, as `device: auto` says.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from oscillo.evaluation import procedure
from oscillo.preparation import compile_steps, start_weights
from oscillo.runspec import RunSpec, read_spec
from oscillo.training import Task
from oscillo.training.hardware import choose_device
from oscillo.training.weights import load_weights

SPEC = Path(__file__).parents[2] / "specs" / "sudoku.yaml"
STEPS = 64


@cache
def shipped(boards: int) -> tuple[RunSpec, Task, nn.Module]:
    """Spec, task and compiled model with the shipped weights; the evaluation has so many boards."""
    spec = read_spec(SPEC, [f"task.evaluations.0.boards={boards}", f"task.evaluations.0.steps={STEPS}"]).spec
    task = spec.task.build(spec.network, spec.seed)
    task.prepare_evaluations(lambda line: None)
    model = task.model().to(choose_device(spec.device))
    path = start_weights(spec)
    assert path is not None
    load_weights(model, path)
    compile_steps(model, spec)
    return spec, task, model


def evaluated(boards: int, limit: int, **changes: Any) -> tuple[float, dict[str, np.ndarray], dict[str, float]]:
    """Seconds, answers and metrics of an evaluation of the first boards, with changes to its declaration."""
    spec, task, model = shipped(boards)
    evaluation = spec.task.evaluation_specs[0]
    evaluation = type(evaluation).model_validate(evaluation.model_dump() | changes)
    found: dict[str, np.ndarray] = {}
    metrics_of = task.metrics

    def keep(results: Any) -> dict[str, float]:
        found.update(results)
        return metrics_of(results)

    task.metrics = keep  # pyright: ignore[reportAttributeAccessIssue]
    began = time.perf_counter()
    metrics = procedure.evaluate(
        task, model, evaluation, task.evaluation_data(spec.task.evaluation_specs[0]), seed=spec.seed,
        precision=spec.precision, limit=limit,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    task.metrics = metrics_of  # pyright: ignore[reportAttributeAccessIssue]
    return seconds, found, metrics
