"""A finished Sudoku run with made-up but lifelike numbers, written through the recording API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from invented_votes import invented_settling, invented_votes

from oscillo.recording import ArrayDeclaration, GroupDeclaration, MetricsLog, Recorder, RunDirectory, TrajectoryStore

SPEC = """version: 2
name: sudoku
network:
  layers:
    - manifold: {kind: sphere, dimension: 4}
      channels: 32
      integrator: {kind: projected_euler, steps: 16}
{more_layers}task:
  kind: sudoku
  block: [3, 3]
  evaluations:
"""

COMPONENTS, OSCILLATORS = 4, 8
TRAIN_LINES, TRAIN_STEPS = 240, 3600


@dataclass(frozen=True)
class Evaluation:
    """An evaluation to invent."""

    name: str
    boards: int
    givens: tuple[int, int]
    steps: int
    strength: float
    seed: int
    recorded: int = 4
    every: int = 4
    votes: int = 1
    early_stop: bool = False


EVALUATIONS = (
    Evaluation("id", 200, (31, 42), 16, 3.2, 1),
    Evaluation("hard", 100, (22, 34), 16, -0.6, 2),
    Evaluation("hard_64", 100, (22, 34), 64, 0.6, 2, every=4),
)


def make_run(
    root: Path, evaluations: Sequence[Evaluation] = EVALUATIONS, *, trained: bool = True, lead_in: int = 0,
    more_layers: str = "",
) -> Path:  # fmt: skip
    """Write the run and return its folder; more layers are declared behind the oscillators, and a step recorded."""
    training = f"training: {{steps: {TRAIN_STEPS * trained}, lead_in: {lead_in}}}\n"
    spec = SPEC.replace("{more_layers}", more_layers + training)
    spec += "".join(f"    - {{name: {each.name}, votes: {each.votes}}}\n" for each in evaluations)
    run = RunDirectory.create(root, "sudoku", spec_yaml=spec, sources={}, provenance={})
    write_training(run.metrics, trained)
    with TrajectoryStore(run.data) as store:
        for evaluation in evaluations:
            invented = Invented(evaluation)
            write_measurements(run.metrics, invented)
            record(store, invented, more_layers.count("kind: block"))
    run.set_state("done")
    return run.path


def write_training(path: Path, trained: bool) -> None:
    rng = np.random.default_rng(0)
    with MetricsLog(path) as log:
        for line in range(1, TRAIN_LINES + 1) if trained else ():
            log._began -= 10.9 + rng.normal(0, 0.4)  # time that did not pass
            done = line / TRAIN_LINES
            loss = 2.2 * np.exp(-2.6 * done) * np.exp(rng.normal(0, 0.06))
            boards = 0.93 / (1 + np.exp(-14 * (done - 0.55)))
            values = {"train/loss": loss, "train/board_accuracy": np.clip(boards + rng.normal(0, 0.025), 0, 1)}
            values |= {"train/cell_accuracy": np.clip(1 - 0.75 * np.exp(-3.4 * done) + rng.normal(0, 0.006), 0, 1)}
            if line % 24 == 0:
                values |= {
                    "validation/board_accuracy": min(1.0, boards * 1.02),
                    "validation/cell_accuracy": 1 - 0.7 * np.exp(-4 * done),
                    "validation/singles_only": 0.9,
                }
            log.write(line * TRAIN_STEPS // TRAIN_LINES, values)


def write_measurements(path: Path, invented: Invented) -> None:
    evaluation, right = invented.evaluation, invented.right
    values = {
        "board_accuracy": right[:, -1].mean(),
        "cell_accuracy": invented.cells[:, -1].mean(),
        "singles_only": 1 - invented.branching.mean(),
        "boards": evaluation.boards,
        "steps": evaluation.steps,
        "singles/board_accuracy": right[~invented.branching, -1].mean(),
        "branching/board_accuracy": right[invented.branching, -1].mean() if invented.branching.any() else None,
    }
    with MetricsLog(path) as log:
        log.write(TRAIN_STEPS, {f"{evaluation.name}/{name}": value for name, value in values.items()})


class Invented:
    """Boards, answers, energies and states of one evaluation."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        rng = np.random.default_rng(evaluation.seed)
        n = evaluation.boards
        self.solution = np.stack([_grid(rng) for _ in range(n)])
        self.givens = rng.integers(evaluation.givens[0], evaluation.givens[1] + 1, n)
        order = rng.permuted(np.tile(np.arange(81), (n, 1)), axis=1).reshape(n, 9, 9)
        self.puzzle = np.where(order < self.givens[:, None, None], self.solution, 0).astype(np.uint8)
        self.branching = rng.random(n) < 1 / (1 + np.exp(0.55 * (self.givens - 28)))
        ease = 0.25 * (self.givens - 30) - 1.8 * self.branching + rng.logistic(0, 0.8, n)
        self.at_step = np.array([step for step in 2 ** np.arange(8) if step <= evaluation.steps])
        progress = 2.0 * np.log2(self.at_step / 16) + evaluation.strength
        self.right = ease[:, None] + progress > 0
        self.right &= self.at_step >= 4
        early_stop = evaluation.early_stop
        self.more: xr.Dataset = invented_settling(self.right, self.at_step, early_stop=early_stop)
        if evaluation.votes > 1:
            self.more = invented_votes(
                samples=n, members=evaluation.votes, steps=evaluation.steps, strength=evaluation.strength,
                early_stop=early_stop,
            )  # fmt: skip
            self.right = self.more["correct_at"].values
        late = np.exp(-self.at_step / 4)
        self.cells = np.where(self.right, 1.0, 1 - 0.15 - 0.5 * late + 0.02 * ease[:, None].clip(-3, 3)).clip(0, 1)
        other = 1 + (self.solution + rng.integers(0, 8, self.solution.shape)) % 9
        slips = (rng.random(self.solution.shape) < 0.2) & (self.puzzle == 0) & ~self.right[:, -1, None, None]
        self.prediction = np.where(slips, other, self.solution).astype(np.uint8)
        self.rng = rng

    def energies(self) -> np.ndarray:
        steps = np.arange(self.evaluation.steps + 1)
        depth = 640 + 4 * self.givens + np.where(self.right[:, -1], 35, 0) + self.rng.normal(0, 14, len(self.givens))
        fall = 1 - np.exp(-steps / 3.0) * (1 + 0.05 * self.rng.standard_normal((len(depth), 1)))
        energies = -depth[:, None] * fall + self.rng.normal(0, 3, (len(depth), len(steps)))
        return np.where(self.gone(steps), np.nan, energies).astype(np.float32)

    def gone(self, steps: np.ndarray) -> np.ndarray:
        """Whether the first initial state has stopped before each step, [board, step]."""
        if "steps_taken" not in self.more:
            return np.zeros((len(self.givens), len(steps)), dtype=bool)
        return steps > self.more["steps_taken"].values[:, :1]

    def states(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps, samples, and unit vectors that go from noise to the digit's own direction."""
        rng, evaluation = self.rng, self.evaluation
        steps = np.arange(0, evaluation.steps + 1, evaluation.every)
        some = [np.flatnonzero(self.right[:, -1] == right)[: evaluation.recorded // 2] for right in (True, False)]
        samples = np.sort(np.concatenate(some))
        targets = np.random.default_rng(0).normal(size=(10, COMPONENTS, OSCILLATORS))
        target = targets[self.prediction[samples]]
        start = np.where((self.puzzle[samples] > 0)[..., None, None], target, rng.normal(size=target.shape))
        pace = rng.uniform(2, 9, (len(samples), 9, 9, 1, 1))
        done = np.stack([1 - np.exp(-step / pace) for step in steps], axis=1)
        moved = (1 - done) * start[:, None] + done * target[:, None]
        moved += 0.3 * rng.normal(size=moved.shape)
        moved /= np.linalg.norm(moved, axis=-2, keepdims=True)
        moved[self.gone(steps)[samples]] = np.nan
        return steps, samples, moved.astype(np.float32)


def record(store: TrajectoryStore, invented: Invented, blocks: int) -> None:
    """Record the evaluation as a run does, with one step of some blocks behind the oscillators."""
    steps, chosen, states = invented.states()
    energies = invented.energies()
    n = invented.evaluation.boards
    result = {
        "puzzle": (invented.puzzle, ("y", "x")),
        "solution": (invented.solution, ("y", "x")),
        "prediction": (invented.prediction, ("y", "x")),
        "correct": (invented.right[:, -1], ()),
        "confidence": (invented.cells[:, -1].astype(np.float32), ()),
        "givens": (invented.givens.astype(np.int64), ()),
        "branching": (invented.branching, ()),
        "correct_at": (invented.right, ("at_step",)),
        "cells_correct_at": (invented.cells.astype(np.float32), ("at_step",)),
    }
    result |= {
        str(name): (array.values, tuple(map(str, array.dims[1:])))
        for name, array in invented.more.items()
        if name not in result
    }
    site = ("step", "y", "x", "component", "oscillator")
    summary = {"energy": (energies, ("step",)), "pseudo_energy": (2 * energies, ("step",))}
    groups = [
        GroupDeclaration("trajectory", _declared({"state": (states, site)}), "layer0", {"step": steps.tolist()}),
        GroupDeclaration("summary", _declared(summary), "layer0", {"step": range(energies.shape[1])}),
        GroupDeclaration(
            "result", _declared(result), None,
            {str(dim): values.values.tolist() for dim, values in invented.more.coords.items()},
        ),
    ]  # fmt: skip
    behind = [f"layer{1 + number}" for number in range(blocks)]
    single = _declared({"state": (states[:, :2], site)})
    groups += [GroupDeclaration("trajectory", single, layer, {"step": [0, 1]}) for layer in behind]
    attributes = {"steps": invented.evaluation.steps, **invented.more.attrs}
    with Recorder(store, invented.evaluation.name, groups, attributes) as recorder:
        recorder.write("trajectory", chosen, {"state": states}, layer="layer0")
        for layer in behind:
            recorder.write("trajectory", chosen, {"state": states[:, :2]}, layer=layer)
        recorder.write("summary", np.arange(n), {name: values for name, (values, _) in summary.items()}, layer="layer0")
        recorder.write("result", np.arange(n), {name: values for name, (values, _) in result.items()})


def _declared(arrays: dict[str, tuple[np.ndarray, tuple[str, ...]]]) -> tuple[ArrayDeclaration, ...]:
    return tuple(
        ArrayDeclaration(name, ("sample", *dims), values.shape, str(values.dtype), "1", name)
        for name, (values, dims) in arrays.items()
    )


def _grid(rng: np.random.Generator) -> np.ndarray:
    """A full grid: the cyclic one with digits, rows in bands and columns in stacks shuffled."""
    rows = np.concatenate([3 * band + rng.permutation(3) for band in rng.permutation(3)])
    columns = np.concatenate([3 * stack + rng.permutation(3) for stack in rng.permutation(3)])
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return (1 + rng.permutation(9)[(3 * (y % 3) + y // 3 + x) % 9]).astype(np.uint8)
