"""Trained weights as a solver of single boards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from oscillo_tasks.sudoku import SudokuTaskSpec
from oscillo_tasks.sudoku.boards import BoardError
from oscillo_tasks.sudoku.model import SudokuModel
from oscillo_tasks.sudoku.solver import Solver
from safetensors.torch import save_file

from oscillo.network import NetworkSpec
from oscillo.recording import RunDirectory, RunDirectoryError

NETWORK = NetworkSpec.model_validate(
    {
        "layers": [
            {
                "manifold": {"kind": "sphere", "dimension": 2},
                "channels": 8,
                "coupling": {"kind": "convolution"},
                "integrator": {"kind": "projected_euler", "steps": 3, "step_size": 0.5},
            }
        ]
    }
)
BOARD = "1.3.3..2.1..4..1"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an untrained network for 4x4 boards."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    facts = {"network": NETWORK.model_dump_json(), "task": SudokuTaskSpec(block=(2, 2)).model_dump_json()}
    save_file(SudokuModel(NETWORK.build((4, 4)), 4).state_dict(), file, facts)
    return file


def test_an_answer_keeps_the_givens_and_says_whether_it_is_right(weights: Path) -> None:
    answer = Solver(weights)(BOARD, steps=5)
    assert all(given in (".", digit) for given, digit in zip(BOARD, answer.digits, strict=True))
    assert answer.solved == (answer.digits == "1234341221434321")
    assert answer.energy.shape == (6,) and 0.25 <= answer.confidence <= 1
    assert str(answer).endswith("solved") and len(str(answer).splitlines()) == 5


def test_a_board_may_be_typed_on_several_lines(weights: Path) -> None:
    solver = Solver(weights)
    plain, typed = solver(BOARD), solver("""
        1. 3.
        3. .2

        .1 ..
        4. .1
    """)  # fmt: skip
    assert plain.digits == typed.digits and np.array_equal(plain.energy, typed.energy)
    full = solver("1234 3412 2143 4321")
    assert full.solved and np.isnan(full.confidence)


def test_a_run_without_weights_says_how_to_go_on(weights: Path, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, "sudoku", spec_yaml="version: 1\n", sources={}, provenance={})
    with pytest.raises(RunDirectoryError, match=f"interrupted.*oscillo resume {run.path}"):
        Solver(run.path)
    (run.path / "weights.safetensors").write_bytes(weights.read_bytes())
    assert Solver(run.path)(BOARD).digits == Solver(weights)(BOARD).digits
    with pytest.raises(RunDirectoryError, match="is not a run"):
        Solver(tmp_path)


def test_calls_that_mean_nothing_are_refused(weights: Path) -> None:
    solver = Solver(weights)
    for steps in (0, -1, 1.5, "8"):
        with pytest.raises(ValueError, match=rf"steps is an integer of at least 1 .*, not {steps!r}$"):
            solver(BOARD, steps=steps)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="a board is text of 16 characters, not int; a board is written with 1 to 4"):
        solver(1034)  # pyright: ignore[reportArgumentType]
    with pytest.raises(BoardError, match=r"illegal character: '\|' \(line 2, character 3\)"):
        solver("1. 3.\n3.|.2\n.1|..\n4.|.1")
    with pytest.raises(BoardError, match="wrong length: 4 characters instead of 16"):
        solver("1.3.")


def test_other_files_are_named(weights: Path, tmp_path: Path) -> None:
    for name in ("boards.csv", "Boards.CSV.gz"):
        with pytest.raises(ValueError, match=rf"{name} is a file of boards.*oscillo evaluate RUN task\.eval"):
            Solver(tmp_path / name)
        with pytest.raises(BoardError, match=rf"{name} is the name of a file.*oscillo evaluate RUN task\.eval"):
            Solver(weights)(name)
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"cut\.safetensors is not a whole \.safetensors file"):
        Solver(tmp_path / "cut.safetensors")
    with pytest.raises(ValueError, match="there are no weights at"):
        Solver(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="does not hold a Sudoku network"):
        Solver(tmp_path / "other.safetensors")


@pytest.mark.parametrize("by", ["confidence", "energy_last", "energy_sum", "pseudo_energy_sum", "majority"])
def test_votes_choose_among_initial_states(weights, by):
    solve = Solver(weights)
    alone, voted = solve(BOARD, steps=4), solve(BOARD, steps=4, votes=6, by=by)
    assert alone.member == 0 and 0 <= voted.member < 6
    puzzle = torch.tensor([[int(digit.replace(".", "0")) for digit in BOARD]]).view(1, 4, 4)
    energy = solve._run(puzzle, 4, 6, 0)[1]["energy"]
    members = [(float(course[-1]), float(course.sum())) for course in energy]
    if by == "energy_last":
        assert voted.member == min(range(6), key=lambda member: members[member][0])
    if by == "energy_sum":
        assert voted.member == min(range(6), key=lambda member: members[member][1])
    assert voted.energy[-1] == pytest.approx(members[voted.member][0], rel=1e-5)
    if by == "confidence":
        assert voted.confidence >= alone.confidence - 1e-6


def test_votes_that_make_no_sense_are_refused(weights):
    solve = Solver(weights)
    with pytest.raises(ValueError, match="votes is an integer of at least 1, not 0"):
        solve(BOARD, votes=0)
    with pytest.raises(ValueError, match=r"by is one of energy_last, .*, not 'lowest'"):
        solve(BOARD, votes=2, by="lowest")
