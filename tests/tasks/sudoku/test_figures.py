"""The figures of a Sudoku run hold the recorded numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from oscillo_tasks.sudoku.accuracy_figures import bin_edges
from oscillo_tasks.sudoku.board_figure import frame_positions
from oscillo_tasks.sudoku.figures import (
    BoardStory,
    _recorded_boards,
    accuracy_by_givens,
    accuracy_over_steps,
    board_figure,
    figures,
)
from sudoku_run import EVALUATIONS, Evaluation, make_run

from oscillo.plotting import save_figure
from oscillo.recording import Run, open_run

NAMES = ["training", "energy", "accuracy_over_steps", "settling", "oscillators", "accuracy_by_givens"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return open_run(make_run(tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="module")
def drawn(run: Run) -> dict[str, Figure]:
    notes: list[str] = []
    made = figures(run, notes.append)
    assert notes == []
    return made


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_all_are_there_and_can_be_written(drawn: dict[str, Figure], tmp_path: Path) -> None:
    assert list(drawn) == NAMES
    for name, figure in drawn.items():
        assert save_figure(figure, tmp_path / f"{name}.png").stat().st_size > 10_000


def test_courses_are_the_recorded_shares(run: Run, drawn: dict[str, Figure]) -> None:
    axes = drawn["accuracy_over_steps"].axes[0]
    courses = [container.lines[0] for container in axes.containers]
    by_length = sorted(EVALUATIONS, key=lambda evaluation: -evaluation.steps)
    assert len(courses) == len(by_length)
    for line, evaluation in zip(courses, by_length, strict=True):
        result = run.data[f"result/{evaluation.name}"]
        np.testing.assert_array_equal(line.get_xdata(), result["at_step"])
        np.testing.assert_allclose(line.get_ydata(), result["correct_at"].mean("sample"))
    singles = {
        float(line.get_ydata()[0])
        for line in axes.lines
        if len(set(line.get_ydata())) == 1 == len(line.get_xdata()) - 1
    }
    for evaluation in EVALUATIONS:
        measured = run.metrics[f"{evaluation.name}/singles_only"].dropna("record").item()
        assert any(abs(share - measured) < 1e-9 for share in singles)
    assert "trained with 16 steps" in texts(drawn["accuracy_over_steps"])


def test_cells_are_counted_over_all_boards() -> None:
    """A board with one blank, right, one with nine, wrong, and one without any."""
    puzzle = np.ones((3, 4, 4), dtype=np.uint8)
    puzzle[0, 0, 0], puzzle[1, :3, :3] = 0, 0
    result = xr.Dataset(
        {
            "correct_at": (("sample", "at_step"), [[True, True], [False, False], [True, True]]),
            "cells_correct_at": (("sample", "at_step"), [[1.0, 1.0], [0.0, 0.0], [np.nan, np.nan]]),
            "puzzle": (("sample", "y", "x"), puzzle),
            "branching": ("sample", [False, False, False]),
        },
        coords={"at_step": [1, 2]},
    )
    axes = accuracy_over_steps({"id": result}).axes[0]
    (dotted,) = (line for line in axes.lines if line.get_linestyle() == ":")
    np.testing.assert_allclose(dotted.get_ydata(), 0.1)


def test_energies_are_compared_at_equal_givens(run: Run, drawn: dict[str, Figure]) -> None:
    figure = drawn["energy"]
    finding = figure.get_suptitle().replace("\n", " ")
    assert finding.startswith("Solved boards end with less energy than unsolved boards in ")
    assert finding.endswith(" of the pairs with equal givens (first and last of 3)")
    for row, name in enumerate(("id", "hard", "hard_64")):
        result = run.data[f"result/{name}"]
        right, givens = result["correct"].values, result["givens"].values
        both = np.isin(givens, np.intersect1d(givens[right], givens[~right]))
        assert not both.all()
        told = {line.get_label() for line in figure.axes[2 * row].lines}
        assert told == {f"solved boards, n = {(right & both).sum()}", f"unsolved boards, n = {(~right & both).sum()}"}
        assert figure.axes[2 * row].get_title(loc="left").startswith(f"{name} ({(~both).sum()} of {len(both)} left")


def test_training_steps_are_marked_where_they_are(run: Run) -> None:
    results = {"hard_64": run.data["result/hard_64"].to_dataset()}
    title = accuracy_over_steps(results, 16).get_suptitle()
    assert "after 16 steps" in title and "after 64" in title
    assert "after 1 step," in accuracy_over_steps(results).get_suptitle()


def test_headline_names_the_best_number_of_steps(run: Run) -> None:
    result = run.data["result/hard_64"].to_dataset().compute()
    best = int(result["at_step"][-2])
    result["correct_at"].loc[{"at_step": best}] = True
    assert f", 100 % after {best}, " in accuracy_over_steps({"hard_64": result}, 16).get_suptitle().replace("\n", " ")


def test_only_what_the_run_trained_is_called_trained(tmp_path: Path) -> None:
    said = {
        "a": ("declared with 16 steps", {"trained": False}),
        "b": ("trained with 16 steps behind up to 36", {"lead_in": 36}),
    }
    for folder, (expected, given_to_it) in said.items():
        run = open_run(make_run(tmp_path / folder, EVALUATIONS[:1], **given_to_it))
        drawn = texts(figures(run, lambda note: None)["accuracy_over_steps"])
        assert expected in drawn and "cells" in drawn


def test_cells_of_the_same_boards_are_drawn_once(run: Run) -> None:
    long = run.data["result/hard_64"].to_dataset()
    axes = accuracy_over_steps({"hard": long.isel(at_step=slice(4)), "hard_64": long}).axes[0]
    (dotted,) = (line for line in axes.lines if line.get_linestyle() == ":")
    assert len(dotted.get_xdata()) == long.sizes["at_step"]
    assert dotted.get_color() == axes.containers[0].lines[0].get_color()


def test_counts_by_givens_add_up(run: Run, drawn: dict[str, Figure]) -> None:
    figure = drawn["accuracy_by_givens"]
    for evaluation, counts in zip(EVALUATIONS, figure.axes[3:], strict=True):
        assert sum(bar.get_height() for bar in counts.patches) == evaluation.boards
    hard = run.data["result/hard"].to_dataset()
    hard["branching"] = xr.zeros_like(hard["branching"])
    assert "hatched" in figure.get_supxlabel()
    single = accuracy_by_givens({"hard": hard})
    assert single.get_suptitle().split() == "Boards solved: 20 % of 100 (hard); none needs branching".split()
    assert "hatched" not in single.get_supxlabel()
    shares, counts = single.axes
    bars = [bar.get_x() + bar.get_width() / 2 for bar in counts.patches]
    np.testing.assert_allclose(shares.lines[0].get_xdata(), bars)


def test_boards_shown_are_a_solved_and_an_unsolved_one(run: Run, drawn: dict[str, Figure]) -> None:
    solved, unsolved = drawn["oscillators"].get_suptitle().splitlines()
    assert solved.endswith("solved in 16 steps") and "blanks wrong after" in unsolved
    assert solved.split(",")[0] == unsolved.split(",")[0]
    assert drawn["oscillators"].axes[0].get_ylabel().endswith("16 steps)")
    name, sample = unsolved.split(",")[0], int(unsolved.split("sample ")[1].split(",")[0])
    result = run.data[f"result/{name}"].sel(sample=sample)
    digits = [int(text.get_text()) for text in drawn["oscillators"].axes[-1].texts]
    np.testing.assert_array_equal(digits, result["prediction"].values.reshape(-1))


def test_both_boards_shown_are_of_one_evaluation_if_one_has_both_kinds(tmp_path: Path) -> None:
    solves_all = Evaluation("all", 100, (22, 34), 64, 50.0, 2)  # and has the hardest boards that are solved
    path = make_run(tmp_path, [solves_all, EVALUATIONS[0]])
    rows = figures(open_run(path))["oscillators"].get_suptitle().splitlines()
    assert [row.split(",")[0] for row in rows] == ["id", "id"]


BLOCK = "    - {kind: block, channels: 32, block: {kind: feed_forward}, steps: 1}\n"


def test_boards_show_the_layer_whose_steps_are_counted(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path, EVALUATIONS[:1], more_layers=BLOCK))
    assert run.data["trajectory/id/layer1"].sizes["step"] == 2
    figure = figures(run)["oscillators"]
    assert "solved in 16 steps" in figure.get_suptitle()
    assert [axes.get_title() for axes in figure.axes[:5]] == [f"step {step}" for step in (0, 4, 8, 12, 16)]


def test_blocks_have_no_oscillators_to_show(tmp_path: Path) -> None:
    notes: list[str] = []
    iterated = BLOCK.replace("steps: 1", "steps: 6") + BLOCK
    drawn = figures(open_run(make_run(tmp_path, EVALUATIONS[:1], more_layers=iterated)), notes.append)
    assert "oscillators" not in drawn and "trained with 6 steps" in texts(drawn["accuracy_over_steps"])
    (note,) = notes
    assert note.startswith("figure oscillators: left out, since the layer whose steps are counted is a block")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    notes: list[str] = []
    trained_only = open_run(make_run(tmp_path / "a", []))
    assert list(figures(trained_only, notes.append)) == ["training"]
    assert len(notes) == 5 and all("no evaluation was recorded" in note for note in notes)
    notes.clear()
    evaluated_only = open_run(make_run(tmp_path / "b", EVALUATIONS[1:2], trained=False))
    assert list(figures(evaluated_only, notes.append)) == NAMES[1:]
    assert notes == ["figure training: left out, since the run has no training records"]


def test_votes_and_early_stops(tmp_path: Path) -> None:
    voted = Evaluation("voted", 60, (22, 34), 32, 0.0, 4, votes=4, early_stop=True)
    stopped = Evaluation("stopped", 60, (31, 42), 32, 1.0, 5, early_stop=True)
    run = open_run(make_run(tmp_path, [voted, stopped], trained=False))
    notes: list[str] = []
    made = figures(run, notes.append)
    assert list(made) == [*NAMES[1:], "votes", "error_against_compute", "selection"]
    assert notes == ["figure training: left out, since the run has no training records"]
    for name, figure in made.items():
        assert save_figure(figure, tmp_path / f"{name}.png").stat().st_size > 10_000
    assert "keeps its last energy" in made["energy"].get_supxlabel()
    mean = float(run.data["result/voted"]["steps_taken"].mean())
    assert [axes.get_title(loc="left") for axes in made["votes"].axes] == [
        f"voted: 1 and 4 votes, 60 samples,\nearly stop ({mean:.1f} steps taken on average)",
        "voted: after up to 32 steps",
    ]
    # Energies along the steps are of the first initial state, and so are the groups they are compared in.
    right = run.data["result/voted"]["member_correct"].values[:, -1, 0]
    assert run.data["result/voted"]["correct"].values.sum() > right.sum()
    assert made["energy"].axes[0].get_title(loc="left").startswith("voted, first of 4 initial states")
    # What votes have chosen is marked where it stands beside what has one initial state.
    named = [text.get_text().split(":")[0] for text in made["accuracy_over_steps"].axes[0].texts[-2:]]
    assert named == ["voted, 4 votes", "stopped"]
    assert f"(early stop, mean {mean:.1f})" in made["accuracy_over_steps"].axes[0].texts[-2].get_text()
    assert made["accuracy_over_steps"].get_supxlabel().count("voted, 4 votes by majority") == 1
    titles = [axes.get_title(loc="left") for axes in made["accuracy_by_givens"].axes[:2]]
    assert titles == ["voted, 4 votes by majority\n60 boards", "stopped\n60 boards"]
    # One board that ends well and one that does not are worth more than answers that are all known.
    rows = made["oscillators"].get_suptitle().splitlines()
    assert [("solved in" in row, row.split(",")[0]) for row in rows] == [(True, "voted"), (False, "voted")]
    # Boards are shown up to the step at which they stopped.
    stopped = [board for board in _recorded_boards(run) if board.evaluation == "stopped"]
    for board in stopped:
        story, taken = board.story(), int(run.data["result/stopped"]["steps_taken"].sel(sample=board.sample)[0])
        assert story.states["step"].max() <= taken and story.title.endswith(
            (f"in {taken} steps", f"after {taken} steps")
        )
    assert stopped


def test_boards_of_votes_end_as_their_first_initial_state_does(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path, [Evaluation("voted", 60, (22, 34), 16, 0.0, 4, votes=4)], trained=False))
    result = run.data["result/voted"].to_dataset().compute()
    own = result["member_correct"].values[:, -1, 0]
    assert (own != result["correct"]).any()
    boards = list(_recorded_boards(run))
    chosen = result["chosen_majority"].values[:, -1, -1]
    same = [row[member] == row[0] for row, member in zip(result["member_answer"].values[:, -1], chosen, strict=True)]
    recorded = run.data["trajectory/voted/layer0"]["sample"].values
    assert [board.sample for board in boards] == [sample for sample in recorded if same[sample]]
    for board in boards:
        assert board.solved == own[board.sample]
        assert board.story().title.startswith("voted, first of 4 initial states, sample ")


def test_boards_of_outvoted_initial_states_are_left_out(tmp_path: Path) -> None:
    """Their digits are not recorded, so they cannot be shown."""
    path = make_run(tmp_path, [Evaluation("voted", 30, (22, 34), 16, 0.0, 4, votes=2)], trained=False)
    store = zarr.open_group(path / "data.zarr", mode="r+")
    for name in ("member_answer", "chosen_majority"):  # the second of two, who answered otherwise
        array = store[f"result/voted/{name}"]
        assert isinstance(array, zarr.Array)
        array[:] = np.broadcast_to([0, 1], array.shape)
    notes: list[str] = []
    assert "oscillators" not in figures(open_run(path), notes.append)
    assert "figure oscillators: left out, since no trajectory with a known answer was recorded" in notes


def test_a_run_that_solves_everything_or_nothing(tmp_path: Path) -> None:
    for name, strength in (("all", 50.0), ("none", -50.0)):
        path = make_run(tmp_path, [Evaluation(name, 30, (31, 42), 16, strength, 3)])
        made = figures(open_run(path), pytest.fail)
        assert len(made["oscillators"].axes) == 5
        save_figure(made["accuracy_by_givens"], tmp_path / f"{name}.png")


def story(steps: int = 5, **given: object) -> BoardStory:
    """A board whose solution is 1 everywhere, with two givens, one digit wrong at the end."""
    puzzle = np.zeros((9, 9), int)
    puzzle[0, :2] = 1
    prediction = np.ones((9, 9), int)
    prediction[4, 7] = 6
    states = np.random.default_rng(0).normal(size=(steps, 9, 9, 2, 3))
    array = xr.DataArray(states, dims=("step", "y", "x", "component", "oscillator"), coords={"step": np.arange(steps)})
    return BoardStory(puzzle, array, prediction, solution=np.ones((9, 9), int), **given)  # pyright: ignore


def test_digits_of_a_board_and_its_mistake() -> None:
    figure = board_figure([story()])
    first, last = figure.axes[0], figure.axes[-1]
    assert [text.get_fontweight() for text in first.texts] == ["bold", "bold"]
    assert len(last.texts) == 81 and sum(text.get_fontweight() == "bold" for text in last.texts) == 2
    strokes = [path.get_extents() for path in last.collections[0].get_paths()]
    assert all(7 < box.x0 and box.x1 < 8 and 4 < box.y0 and box.y1 < 5 for box in strokes)
    assert len(last.collections) == 1 + len(first.collections)


def test_rows_of_different_steps_say_so() -> None:
    said = "Rows differ in their steps"
    assert said in board_figure([story(5), story(9)]).get_supxlabel()
    assert said not in board_figure([story(5), story(5)]).get_supxlabel()


def test_answers_on_the_way_are_shown_at_their_steps() -> None:
    early = np.full((9, 9), 2)
    told = story(steps=9, answers={3: early, 6: early, 8: np.ones((9, 9), int)})
    np.testing.assert_array_equal(told.moments(5), [0, 3, 6, 8])
    late = story(steps=65, answers={2**k: early for k in range(7)})
    np.testing.assert_array_equal(late.moments(5), [0, 8, 16, 32, 64])
    assert (told.digits(0) > 0).sum() == 2
    assert told.digits(3)[0, 0] == 1 and told.digits(3)[5, 5] == 2
    assert told.wrong(3).sum() == 79


def test_boards_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        BoardStory(np.zeros((9, 9)), story().states.isel(y=slice(4)), np.zeros((9, 9)))
    with pytest.raises(ValueError, match="no board"):
        board_figure([])


@given(st.sets(st.integers(0, 200), min_size=1, max_size=80), st.integers(1, 9))
def test_frames_begin_at_the_start_and_end_at_the_end(steps: set[int], frames: int) -> None:
    chosen = frame_positions(np.array(sorted(steps)), frames)
    assert len(chosen) == min(len(steps), frames)
    assert np.all(np.diff(chosen) > 0) and chosen[-1] == len(steps) - 1
    assert chosen[0] == 0 or frames == 1


def test_missing_digits_are_explained() -> None:
    said = "is another initial state's"
    known = np.ones((9, 9), int)
    assert said in board_figure([story(answers={2: 0 * known, 4: known})]).get_supxlabel()
    assert said not in board_figure([story(answers={2: known, 4: known})]).get_supxlabel()


@settings(deadline=None)
@given(st.lists(st.integers(17, 60), min_size=1, max_size=60))
def test_bins_hold_every_board_once(numbers: list[int]) -> None:
    givens = np.array(numbers)
    edges = bin_edges(givens)
    assert np.histogram(givens, edges)[0].sum() == len(givens)
    assert edges[0] == givens.min() and edges[-1] > givens.max() and len(set(np.diff(edges))) == 1
