"""The Sudoku task: boards in, digits out (Miyato et al. 2025, AKOrN, section 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.network import PLAIN, NetworkSpec, Unrolling
from oscillo.network.layer import Problem
from oscillo.spec import LocatedError, Spec, register
from oscillo.training import Batch, Data, EvaluationSpec, ResultArray, Results, Task, TaskSpec
from oscillo.training.progress import progress, report
from oscillo.training.references import Reference
from oscillo.training.task import Report
from oscillo_tasks.sudoku.boards import (
    BlockShape,
    Boards,
    Split,
    cached_boards,
    check_request,
    count_rows,
    read_boards,
)
from oscillo_tasks.sudoku.boards.symmetry import random_symmetry, symmetry_draws
from oscillo_tasks.sudoku.metrics import board_metrics
from oscillo_tasks.sudoku.model import SudokuModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AUGMENTATION = 1_000_000
"""Purpose of the draws that move boards about; small numbers are those of the network's layers."""

_OF_BLANKS = "over the board's blank cells; not a number for a board without blanks"


class BoardsSpec(Spec):
    """Where boards come from."""

    source: str = Field(
        default="generated",
        description="`generated`, or the path of a CSV file (`puzzle,solution`, plain or gzip) or of a folder with "
        "SATNet's features.pt and labels.pt, relative to the working directory.",
    )
    boards: int = Field(default=1000, ge=1, description="How many boards to generate.")
    givens: tuple[int, int] = Field(default=(31, 42), description="Fewest and most clues of a generated board.")
    seed: int = Field(default=0, ge=0, description="Seed of generated boards.")
    split: Split = Field(
        default="train", description="Which grids generated boards are made from; the splits share none."
    )
    limit: int | None = Field(
        default=None, ge=1, description="Rows of a file to read, from its beginning; left out, all."
    )

    @model_validator(mode="after")
    def _limit_is_for_files(self) -> BoardsSpec:
        if self.limit is not None and self.source == "generated":
            raise LocatedError(
                f"`limit` is for files, and these boards are generated; write `boards: {self.limit}`", "limit"
            )
        return self

    def count(self, block: BlockShape) -> int | None:
        """How many boards there will be, about; None for a file that is not there."""
        if self.source == "generated":
            return self.boards
        rows = count_rows(self.source, block)
        return rows if rows is None or self.limit is None else min(self.limit, rows)

    def missing(self) -> str | None:
        """Which file or folder is not there, in words; None when nothing is missing."""
        path = Path(self.source)
        if self.source == "generated" or path.is_file() or (path / "features.pt").is_file():
            return None
        lacking = f"features.pt in the folder {path}" if path.is_dir() else f"file or folder {self.source}"
        return f"there is no {lacking} (from {Path.cwd()})"

    def load(self, block: BlockShape, report: Report) -> Boards:
        """The boards.

        Raises:
            ValueError: when they cannot be generated or read.
        """
        if self.source == "generated":
            report(
                f"  {self.boards} boards with {self.givens[0]}-{self.givens[1]} givens (seed {self.seed}, {self.split})"
            )
            return cached_boards(
                self.boards, self.givens, self.seed, block=block, split=self.split,
                generating=partial(_generating, self.boards), found=lambda path: report(f"    from the cache: {path}"),
            )  # fmt: skip
        file = read_boards(self.source, block, limit=self.limit)
        low, high = int(file.boards.givens.min()), int(file.boards.givens.max())
        rows = (
            f"the first {self.limit} rows" if self.limit else "all rows; `limit` takes fewer, `boards` is not for files"
        )
        report(f"  {len(file.boards)} boards with {low}-{high} givens from {self.source} ({rows})")
        for line in file.left_out:
            report(f"  {line}")
        return file.boards


@contextmanager
def _generating(boards: int) -> Iterator[Callable[[int, int], None]]:
    """Show how many boards are made, while they are."""
    with progress("  generating", boards) as show:
        yield lambda done, total: show(done, {})


class TrainingBoardsSpec(BoardsSpec):
    """Boards to train on."""

    boards: int = Field(default=9000, ge=1, description="How many boards to generate.")
    seed: int = Field(default=1, ge=0, description="Seed of generated boards.")


class SudokuEvaluationSpec(EvaluationSpec, BoardsSpec):
    """Boards to be evaluated on, and how."""

    split: Split = Field(
        default="test", description="Which grids generated boards are made from; the splits share none."
    )


@register
class SudokuTaskSpec(TaskSpec):
    """Solve Sudoku: cross-entropy on all cells, scored on the blank ones."""

    kind: Literal["sudoku"] = "sudoku"
    block: tuple[int, int] = Field(
        default=(3, 3), description="Rows and columns of a block: 3x3 blocks make a 9x9 board."
    )
    train: TrainingBoardsSpec = Field(default=TrainingBoardsSpec(), description="Boards to train on.")
    augment: bool = Field(
        default=True,
        description="Whether each training board is moved about at random: digits, bands, rows, stacks, columns.",
    )
    rectify: bool = Field(
        default=True,
        description="Whether a ReLU stands between the last readout and the linear map to digits, as in AKOrN; a "
        "Transformer, which ends in a layer normalisation, does without.",
    )
    evaluations: list[SudokuEvaluationSpec] = Field(
        default_factory=list, description="What the trained network is evaluated on."
    )

    @field_validator("block")
    @classmethod
    def _a_board(cls, block: tuple[int, int]) -> tuple[int, int]:
        BlockShape(*block)
        return block

    @model_validator(mode="after")
    def _names_differ(self) -> SudokuTaskSpec:
        names = [evaluation.name for evaluation in self.evaluations]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise LocatedError(f"two evaluations are called {name}", "evaluations", number, "name")
        return self

    @property
    def shape(self) -> BlockShape:
        """The block shape."""
        return BlockShape(*self.block)

    @property
    def sites(self) -> tuple[int, ...]:
        """The board is the grid."""
        return (self.shape.side, self.shape.side)

    @property
    def evaluation_specs(self) -> Sequence[EvaluationSpec]:
        """All evaluations, in order."""
        return self.evaluations

    @property
    def training_samples(self) -> int | None:
        """Boards to train on."""
        return self.train.count(self.shape)

    def evaluation_samples(self, evaluation: EvaluationSpec) -> int | None:
        """Boards of an evaluation."""
        assert isinstance(evaluation, SudokuEvaluationSpec)
        return evaluation.count(self.shape)

    def missing(self, *, training: bool = True) -> list[Problem]:
        """Files of boards that are not there."""
        places: list[tuple[tuple[str | int, ...], BoardsSpec]] = [(("train", "source"), self.train)] if training else []
        places += [(("evaluations", n, "source"), boards) for n, boards in enumerate(self.evaluations)]
        return [(place, text) for place, boards in places if (text := boards.missing()) is not None]

    def problems(self, network: NetworkSpec, sites: tuple[int, ...]) -> list[Problem]:
        """Boards that cannot be generated."""
        found: list[Problem] = []
        wanted: list[tuple[tuple[str | int, ...], BoardsSpec]] = [(("train",), self.train)]
        wanted += [(("evaluations", number), boards) for number, boards in enumerate(self.evaluations)]
        for place, boards in wanted:
            if boards.source != "generated":
                continue
            try:
                check_request(boards.boards, boards.givens, boards.seed, self.shape, boards.split)
            except ValueError as error:
                key, _, text = str(error).partition(": ")
                found.append(((*place, key), text) if key in BoardsSpec.model_fields else (place, str(error)))
        return found

    def references(self, run: Any) -> list[Reference]:
        """Rules without search on the same boards, and what was published for such boards."""
        from oscillo_tasks.sudoku.references import references

        return references(self, run)

    def build(self, network: NetworkSpec, seed: int) -> SudokuTask:
        """The task."""
        return SudokuTask(self, network, seed)


class BoardData:
    """Boards as batches: `puzzle` and `solution` [sample, row, column], `branching` and `index` [sample]."""

    def __init__(self, boards: Boards) -> None:
        side = boards.block.side
        self.puzzles = torch.from_numpy(boards.puzzles).view(-1, side, side)
        self.solutions = torch.from_numpy(boards.solutions).view(-1, side, side)
        self.branching = torch.from_numpy(boards.branching)

    def __len__(self) -> int:
        return len(self.puzzles)

    def batch(self, index: Tensor) -> Batch:
        """The boards at those positions."""
        return {
            "index": index, "puzzle": self.puzzles[index].long(), "solution": self.solutions[index].long(),
            "branching": self.branching[index],
        }  # fmt: skip


class SudokuTask(Task):
    """Trains and scores a network on Sudoku boards."""

    def __init__(self, spec: SudokuTaskSpec, network: NetworkSpec, seed: int) -> None:
        super().__init__(spec, network, seed)
        self._train: BoardData | None = None
        self._evaluations: dict[str, BoardData] = {}

    def model(self) -> SudokuModel:
        """Embedding, network and head, with new weights."""
        network = self.network.build(self.network.resolve_sites(self.spec.sites))
        return SudokuModel(network, self.spec.shape.side, rectify=self.spec.rectify)

    def example(self, samples: int) -> Batch:
        """Boards of made-up digits, half of them blank."""
        side = self.spec.shape.side
        digits = torch.arange(samples * side * side).view(samples, side, side)
        return {
            "index": torch.arange(samples), "puzzle": digits % 2 * (digits % side + 1), "solution": digits % side + 1,
            "branching": torch.zeros(samples, dtype=torch.bool),
        }  # fmt: skip

    def prepare(self, report: Report) -> None:
        """Generate or read every set of boards that is not there yet."""
        if self._train is None:
            report("boards to train on:")
            self._train = BoardData(self.spec.train.load(self.spec.shape, report))
        self.prepare_evaluations(report)

    def prepare_evaluations(self, report: Report) -> None:
        """Generate or read the boards of the evaluations alone."""
        report("boards to evaluate on:")
        for evaluation in self.spec.evaluations:
            if evaluation.name not in self._evaluations:
                self._evaluations[evaluation.name] = BoardData(evaluation.load(self.spec.shape, report))

    def training_data(self) -> Data:
        """Boards to train on."""
        assert self._train is not None
        return self._train

    def evaluation_data(self, evaluation: EvaluationSpec) -> Data:
        """Boards of an evaluation."""
        return self._evaluations[evaluation.name]

    def loss(
        self, model: nn.Module, batch: Batch, draws: Draws, *, unrolling: Unrolling = PLAIN
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy averaged over all cells, [sample]; accuracies on the batch as it was shown."""
        puzzle, solution = batch["puzzle"], batch["solution"]
        if self.spec.augment:
            uniforms = draws.uniform((symmetry_draws(self.spec.shape),), purpose=AUGMENTATION)
            moved = random_symmetry(puzzle.flatten(1), solution.flatten(1), uniforms, self.spec.shape)
            puzzle, solution = (board.view(puzzle.shape) for board in moved)
        logits = model(puzzle, draws, unrolling=unrolling)
        losses = F.cross_entropy(logits.float().movedim(-1, 1), solution - 1, reduction="none").flatten(1).mean(1)
        with torch.no_grad():
            right = ((logits.argmax(-1) + 1 == solution) | (puzzle > 0)).flatten(1)
            blank = (puzzle == 0).flatten(1)
            cells = (right & blank).sum() / blank.sum()  # not a number where there is nothing to fill
            return losses, {"board_accuracy": right.all(1).float().mean(), "cell_accuracy": cells}

    def inputs(self, model: nn.Module, batch: Batch, draws: Draws) -> tuple[Tensor, Tensor | None]:
        """Embedded digits, and random states of the blank cells."""
        assert isinstance(model, SudokuModel)
        return model.inputs(batch["puzzle"], draws)

    def outputs(self, model: nn.Module, features: Tensor) -> Tensor:
        """Logits [sample, row, column, digit]."""
        assert isinstance(model, SudokuModel)
        return model.answer(features)

    def results(self, batch: Batch, outputs: Tensor) -> Results:
        """Digits and what is known of them; see `arrays`. Shares of no blank cells are not a number."""
        puzzle, solution = batch["puzzle"], batch["solution"]
        blank = puzzle == 0
        probability, best = outputs.float().softmax(-1).max(-1)
        answer = torch.where(blank, best + 1, puzzle)
        blanks = blank.flatten(1).sum(1)
        return {
            "puzzle": puzzle, "solution": solution, "prediction": answer,
            "correct": (answer == solution).flatten(1).all(1),
            "cells_correct": ((answer == solution) & blank).flatten(1).sum(1) / blanks,
            "confidence": (probability * blank).flatten(1).sum(1) / blanks,
            "givens": (puzzle > 0).flatten(1).sum(1), "branching": batch["branching"],
        }  # fmt: skip

    def metrics(self, results: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Accuracies by kind of board; see `oscillo_tasks.sudoku.metrics`."""
        return board_metrics(results)

    def arrays(self) -> dict[str, ResultArray]:
        """Everything that is known of each board at the end."""
        grid = ("y", "x"), self.spec.sites
        return {
            "puzzle": ResultArray(*grid, "uint8", "given digit", "0 for a blank cell"),
            "solution": ResultArray(*grid, "uint8", "digit of the solution"),
            "prediction": ResultArray(*grid, "uint8", "digit answered", "blank cells; givens as they are", True),
            "correct": ResultArray((), (), "bool", "board solved", "all blank cells right", True),
            "cells_correct": ResultArray((), (), "float32", "share of blank cells right", _OF_BLANKS, True),
            "confidence": ResultArray((), (), "float32", "confidence", f"mean top probability, {_OF_BLANKS}", True),
            "givens": ResultArray((), (), "int16", "given digits"),
            "branching": ResultArray((), (), "bool", "needs branching", "naked and hidden singles do not finish it"),
        }

    def output_array(self) -> ResultArray:
        """Logits of every cell."""
        sizes = (*self.spec.sites, self.spec.shape.side)
        return ResultArray(("y", "x", "digit"), sizes, "float32", "logit", "of the digits 1, 2, ... in this order")

    def shipped_weights(self) -> Path | None:
        """Weights for 9x9 boards."""
        path = Path(__file__).parent / "weights" / f"sudoku_{self.spec.shape.side}x{self.spec.shape.side}.safetensors"
        return path if path.is_file() else None

    def figures(self, run: Any) -> dict[str, Figure]:
        """Training curves, energies, accuracy against steps and by givens, and boards over time."""
        from oscillo_tasks.sudoku.figures import figures

        return figures(run, report)
