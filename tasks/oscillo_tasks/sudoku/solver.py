"""Trained weights as a solver: a board typed in, digits and the oscillators' energy out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from oscillo.draws import Draws
from oscillo.integrators.loop import Measures
from oscillo.layout import State
from oscillo.network import NetworkSpec
from oscillo.spec import load_plugins
from oscillo_tasks.sudoku.boards import check, contradictions, digit_string
from oscillo_tasks.sudoku.model import SudokuModel
from oscillo_tasks.sudoku.task import SudokuTaskSpec

SHIPPED = Path(__file__).parent / "weights" / "sudoku_9x9.safetensors"
"""Weights that come with the project."""


@dataclass(frozen=True)
class Answer:
    """What the network says to a board."""

    digits: str
    """The filled board, row by row."""
    solved: bool
    """Whether every row, column and block holds each digit once."""
    confidence: float
    """Mean top probability over the blank cells."""
    energy: np.ndarray
    """Energy of the last layer's oscillators at steps 0 .. T, [step]."""

    def __str__(self) -> str:
        side = int(len(self.digits) ** 0.5)
        rows = [" ".join(self.digits[row * side : (row + 1) * side]) for row in range(side)]
        return "\n".join([*rows, "solved" if self.solved else "not solved"])


class Solver:
    """A trained oscillator network that fills boards.

    Args:
        source: `shipped`, a run's folder, or a .safetensors file that a run or an import has written.

    Raises:
        ValueError: when there are no usable weights.
    """

    def __init__(self, source: str | os.PathLike[str] = "shipped") -> None:
        path = SHIPPED if source == "shipped" else Path(source)
        path = path / "weights.safetensors" if path.is_dir() else path
        if not path.is_file():
            raise ValueError(f"there are no weights at {path}; give a run's folder or a .safetensors file")
        load_plugins()
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}
        if "network" not in facts or "head.weight" not in weights:
            raise ValueError(f"{path} does not hold a Sudoku network")
        network = NetworkSpec.model_validate_json(facts["network"])
        digits = len(weights["head.weight"])
        # An imported network says nothing of its task: its boards are those of the published one.
        task = SudokuTaskSpec.model_validate_json(facts["task"]) if "task" in facts else SudokuTaskSpec()
        if task.shape.side != digits:
            raise ValueError(f"{path} holds a network for {digits} digits, and a task with {task.shape.side}")
        self.block = task.shape
        self.model = SudokuModel(network.build((digits, digits)), digits)
        self.model.load_state_dict(weights)
        self.model.eval()

    def __call__(self, board: str, *, steps: int | None = None, seed: int = 0) -> Answer:
        """Fill a board.

        Args:
            board: digits row by row, `0` or `.` for a blank cell; 81 characters for 9x9.
            steps: steps to take; left out, as many as in training. More often helps with hard boards.
            seed: key of the initial state of the blank cells; another seed is another try.

        Raises:
            BoardError: when the board is malformed, contradicts itself, or has no or several solutions.
        """
        boards = check(board, self.block)
        puzzle = torch.from_numpy(boards.puzzles).long().view(1, self.block.side, self.block.side)
        energies: list[Tensor] = []
        last = len(self.model.network.layers) - 1

        def watch(layer: int, step: int, state: State, measures: Measures) -> None:
            if layer == last and "energy" in measures:
                energies.append(measures["energy"][0])

        with torch.no_grad():
            logits = self.model(puzzle, Draws(seed, torch.zeros(1, dtype=torch.long)), steps=steps, observe=watch)
        probability, best = logits.softmax(-1).max(-1)
        filled = torch.where(puzzle > 0, puzzle, best + 1).flatten(1).numpy().astype(np.uint8)
        return Answer(
            digit_string(filled[0]), not contradictions(filled, self.block), float(probability[puzzle == 0].mean()),
            np.array([float(energy) for energy in energies]),
        )  # fmt: skip
