"""Trained weights as a solver: a board typed in, digits and the oscillators' energy out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from oscillo.evaluation import EvaluationRecording
from oscillo.evaluation.block import Block, Passage
from oscillo.evaluation.collect import collect
from oscillo.evaluation.kept import Kept
from oscillo.evaluation.memory import too_much
from oscillo.network import Network, NetworkSpec
from oscillo.observables import RecordingSpec
from oscillo.preparation import weights_of
from oscillo.recording import RunDirectory
from oscillo.spec import Document, load_plugins, validate
from oscillo.training.evaluation_spec import EarlyStopSpec, EvaluationSpec, Selector
from oscillo.training.hardware import free_memory
from oscillo_tasks.sudoku.boards import BoardError, check, contradictions, digit_string
from oscillo_tasks.sudoku.task import BoardData, SudokuTaskSpec

SHIPPED = Path(__file__).parent / "weights" / "sudoku_9x9.safetensors"
"""Weights that come with the project."""

BATCH = 128
"""Initial states that go through the network together."""

_KEPT = RecordingSpec(observables={}, answers=False)
"""Nothing on the way: energies are compared, and told from what is compared."""

_BOARD_FILES = (".csv", ".csv.gz")


@dataclass(frozen=True)
class Answer:
    """What the network says to a board: digits, how sure it is of them, and which trajectory they come from."""

    digits: str
    """The filled board, row by row."""
    solved: bool
    """Whether every row, column and block holds each digit once."""
    confidence: float
    """Mean top probability over the blank cells; NaN for a board without any."""
    energy: np.ndarray
    """Energy of the oscillators at steps 0 .. T, [step], in the layer whose steps are counted; empty for a block."""
    member: int
    """Number of the initial state that led to it, among those that voted."""
    steps: int
    """Steps taken from there; fewer than asked for when it stopped early."""

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
        RunDirectoryError: when a folder is not a run, or its training has not ended; the message says how to go on.
    """

    def __init__(self, source: str | os.PathLike[str] = "shipped") -> None:
        load_plugins()
        path = _weights_file(source)
        facts, weights = _read(path)
        if "network" not in facts or "head.weight" not in weights:
            raise ValueError(f"{path} does not hold a Sudoku network")
        network = NetworkSpec.model_validate_json(facts["network"])
        digits = len(weights["head.weight"])
        # An imported network says nothing of its task: its boards are those of the published one.
        task = SudokuTaskSpec.model_validate_json(facts["task"]) if "task" in facts else SudokuTaskSpec()
        if task.shape.side != digits:
            raise ValueError(f"{path} holds a network for {digits} digits, and a task with {task.shape.side}")
        self.block = task.shape
        self.task = task.build(network, seed=0)
        self.model = self.task.model()
        self.model.load_state_dict(weights)
        self.model.eval()

    def __call__(
        self, board: str, *, steps: int | None = None, votes: int = 1, by: Selector = "confidence",
        early_stop: EarlyStopSpec | Mapping[str, Any] | None = None, seed: int = 0,
    ) -> Answer:  # fmt: skip
        """Fill a board.

        Args:
            board: digits row by row, `0` or `.` for a blank cell; 81 of them for 9x9. Spaces and line breaks between
                them do not count.
            steps: steps to take, at least 1; left out, as many as in training. More steps than in training often help
                with hard boards.
            votes: initial states to start from; one of their answers is chosen.
            by: which one: see `by` of an evaluation (`oscillo explain task.sudoku`).
            early_stop: when an initial state stops before the last step: fields as in a spec, `{}` for what they are
                by default; left out, all take all steps.
            seed: key of the initial state of the blank cells; another seed is another try.

        Raises:
            TypeError: when the board is no text.
            ValueError: when `steps` or `votes` is no positive integer, `by` no way to choose, or the network or the
                memory not made for what is asked.
            BoardError: when the board is malformed, contradicts itself, or has no or several solutions.
        """
        evaluation, record = self._checked(steps, votes, by, early_stop)
        _check_text(board, self.block.side)
        boards = check(board, self.block)
        schedule, network = record.schedule, self.model.network
        every = frozenset(range(schedule.last + 1)) if network.layers[network.iterated].measures_energy else frozenset()
        passage = Passage(
            self.task, self.model, schedule, votes, evaluation.batch_size, seed, "float32", (), every
        )  # fmt: skip
        board_batch = BoardData(boards).batch(torch.zeros(1, dtype=torch.int64))
        block = Block(passage, board_batch, first=0, compared=0, keep=Kept((), range(1)))
        block.run()
        found = collect(block, record, by)
        member = int(found[f"result/chosen_{by}"][0, -1, -1]) if votes > 1 else 0
        digits = found["result/prediction"][0].reshape(-1)
        taken, measured = int(block.taken[member]), block.course.measured
        return Answer(
            digit_string(digits), not contradictions(digits[None], self.block), float(found["result/confidence"][0]),
            measured["energy"][member, : taken + 1].numpy() if measured else np.empty(0), member, taken,
        )  # fmt: skip

    def _checked(
        self, steps: int | None, votes: int, by: Selector, early_stop: EarlyStopSpec | Mapping[str, Any] | None
    ) -> tuple[EvaluationSpec, EvaluationRecording]:
        """What is asked for, as the evaluation of one board of which the energies and the end are kept.

        Raises:
            ValueError: when it makes no sense, here or at all.
        """
        for name, number in (("steps", steps), ("votes", votes)):
            if (number is not None or name == "votes") and (type(number) is not int or number < 1):
                whole = " (or None: as many as in training)" if name == "steps" else ""
                raise ValueError(f"{name} is an integer of at least 1{whole}, not {number!r}")
        if by not in get_args(Selector):
            raise ValueError(f"by is one of {', '.join(get_args(Selector))}, not {by!r}")
        asked = {"steps": steps, "votes": votes, "by": by, "early_stop": early_stop}
        asked |= {"name": "board", "batch_size": min(votes, BATCH)}
        evaluation = validate(EvaluationSpec, Document.from_mapping(asked))
        network: Network = self.model.network  # pyright: ignore[reportAssignmentType]
        record = EvaluationRecording(self.task, network, evaluation, _KEPT, 1)
        found = [f"{field}: {text}" for field, text in evaluation.problems(network, self.task.arrays())]
        if found or (crowd := too_much(evaluation, record, free_memory(torch.device("cpu")))):
            raise ValueError("; ".join(found or [f"{crowd[0]}: {crowd[1]}"]))
        return evaluation, record


def _check_text(board: str, side: int) -> None:
    """Refuse what is no board of digits at all.

    Raises:
        TypeError, BoardError: the message says what is wanted.
    """
    wanted = f"a board is written with 1 to {side}, and 0 or . for blank"
    if not isinstance(board, str):
        raise TypeError(f"a board is text of {side * side} characters, not {type(board).__name__}; {wanted}")
    if board.strip().lower().endswith(_BOARD_FILES):
        raise BoardError(
            f"{board} is the name of a file, and a solver is called with one board as text; to try all boards of "
            f"a file: oscillo evaluate RUN task.evaluations.0.source={board}"
        )
    # Before the length: lines drawn between the blocks make a board too long as well.
    for number, line in enumerate(board.splitlines(), 1):
        if strange := re.search(rf"[^0-{side}.\s]", line):
            where = f"line {number}, character {strange.start() + 1}"
            raise BoardError(f"illegal character: {strange[0]!r} ({where}); {wanted}; leave out all but spaces")


def _weights_file(source: str | os.PathLike[str]) -> Path:
    """The file of weights that is meant.

    Raises:
        ValueError, RunDirectoryError: when there is none.
    """
    path = SHIPPED if source == "shipped" else Path(source)
    if path.is_dir():
        return weights_of(RunDirectory.open(path))
    if path.name.lower().endswith(_BOARD_FILES):
        raise ValueError(
            f"{path} is a file of boards, and a solver is made of weights: `shipped`, a run's folder or a "
            f".safetensors file; to try all boards of a file: oscillo evaluate RUN task.evaluations.0.source={path}"
        )
    if not path.is_file():
        raise ValueError(f"there are no weights at {path}; give a run's folder or a .safetensors file")
    return path


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a .safetensors file.

    Raises:
        ValueError: when it is another kind of file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole .safetensors file: {error}") from error
