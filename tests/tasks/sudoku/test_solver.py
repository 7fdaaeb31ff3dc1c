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

from oscillo.draws import Draws
from oscillo.network import NetworkSpec
from oscillo.recording import RunDirectory, RunDirectoryError
from oscillo.training.evaluation_spec import Selector

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
    run = RunDirectory.create(tmp_path, "sudoku", spec_yaml="version: 2\n", sources={}, provenance={})
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


def by_hand(weights: Path, members: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Digits, confidences and energies [member, step], of the network alone."""
    model = Solver(weights).model
    puzzle = torch.tensor([int(digit.replace(".", "0")) for digit in BOARD]).view(1, 4, 4)
    energies = []
    with torch.no_grad():
        draws = Draws(0, torch.zeros(members, dtype=torch.int64), member=torch.arange(members))
        logits = model(
            puzzle.expand(members, -1, -1), draws, steps=steps,
            observe=lambda layer, step, state, measures: energies.append(measures["energy"]),
        )  # fmt: skip
    top, best = logits.softmax(-1).max(-1)
    blank = (puzzle == 0)[0]
    return torch.where(blank, best + 1, puzzle).numpy(), top[:, blank].mean(1).numpy(), torch.stack(energies, 1).numpy()


@pytest.mark.parametrize("by", ["confidence", "energy_last", "energy_sum", "pseudo_energy_sum", "majority"])
def test_votes_choose_among_initial_states(weights: Path, by: Selector) -> None:
    voted = Solver(weights)(BOARD, steps=4, votes=6, by=by)
    digits, confidences, energies = by_hand(weights, 6, 4)
    assert voted.digits == "".join(map(str, digits[voted.member].flatten())) and voted.steps == 4
    assert voted.confidence == pytest.approx(confidences[voted.member], rel=1e-5)
    np.testing.assert_allclose(voted.energy, energies[voted.member], rtol=1e-4)
    expected = {
        "confidence": confidences.argmax(), "energy_last": energies[:, -1].argmin(),
        "energy_sum": energies.sum(axis=1).argmin(),
    }  # fmt: skip
    assert voted.member == expected.get(by, voted.member)


def test_a_board_that_has_settled_stops(weights: Path) -> None:
    stop = {"every": 2, "patience": 4, "threshold": 100.0}
    answer = Solver(weights)(BOARD, steps=40, votes=3, early_stop=stop)
    assert answer.steps < 40 and answer.energy.shape == (answer.steps + 1,) and np.isfinite(answer.energy).all()
    assert answer.digits == Solver(weights)(BOARD, steps=answer.steps, votes=3).digits


def test_votes_that_make_no_sense_are_refused(weights):
    solve = Solver(weights)
    with pytest.raises(ValueError, match="votes is an integer of at least 1, not 0"):
        solve(BOARD, votes=0)
    with pytest.raises(ValueError, match=r"by is one of energy_last, .*, not 'lowest'"):
        solve(BOARD, votes=2, by="lowest")
    with pytest.raises(ValueError, match="`energy_sum` adds up over the steps"):
        solve(BOARD, votes=2, by="energy_sum", early_stop={})
    with pytest.raises(ValueError, match=r"after 16 steps at the earliest .*, and there are only 3"):
        solve(BOARD, votes=2, early_stop={})
    with pytest.raises(ValueError, match=r"early_stop: takes a mapping.*, not true; write `\{\}`"):
        solve(BOARD, early_stop=True)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"early_stop\.evry: unknown key; did you mean `every`\?"):
        solve(BOARD, early_stop={"evry": 4})
    with pytest.raises(ValueError, match="votes is an integer of at least 1, not True"):
        solve(BOARD, votes=True)
    with pytest.raises(ValueError, match=r"1000000000 initial states of a sample take .* at most \d+ fit"):
        solve(BOARD, votes=10**9)
