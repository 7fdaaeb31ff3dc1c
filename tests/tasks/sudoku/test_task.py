from __future__ import annotations

import gzip
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oscillo_tasks.sudoku import SudokuTask, SudokuTaskSpec
from oscillo_tasks.sudoku import task as task_module
from oscillo_tasks.sudoku.boards import BlockShape, generate

import oscillo
from oscillo.draws import Draws
from oscillo.recording import RunDirectoryError
from oscillo.running import RunFailed

LAYER = {
    "manifold": {"kind": "sphere", "dimension": 2},
    "channels": 8,
    "coupling": {"kind": "convolution"},
    "integrator": {"kind": "projected_euler", "steps": 3, "step_size": 0.5},
}


@pytest.fixture(scope="module", autouse=True)
def board_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSCILLO_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(SudokuTask, "figures", lambda self, run: {})
        yield


def spec_of(**task):
    evaluations = [{"name": "id", "boards": 6, "givens": [6, 10], "seed": 2}]
    train = {"boards": 12, "givens": [6, 10], "seed": 1}
    return {
        "name": "sudoku_4x4",
        "network": {"layers": [LAYER]},
        "task": {"kind": "sudoku", "block": [2, 2], "train": train, "evaluations": evaluations, **task},
        "training": {"steps": 2, "batch_size": 4},
        "device": "cpu",
        "compile": "off",
    }


def build_task(**task):
    spec = oscillo.load(spec_of(**task))
    return spec.task.build(spec.network, spec.seed)


@pytest.fixture(scope="module")
def prepared():
    task = build_task(augment=False)
    task.prepare(lambda text: None)
    return task, task.model(), task.training_data().batch(torch.arange(12))


def refused(**task):
    with pytest.raises(oscillo.SpecError) as error:
        oscillo.load(spec_of(**task))
    return str(error.value)


def answered(task, model, batch):
    """What the task finds out about the network's answers."""
    with torch.no_grad():
        return task.results(batch, model(batch["puzzle"], Draws(0, batch["index"])))


def test_givens_stay_whatever_the_network_answers(prepared):
    task, model, batch = prepared
    results = answered(task, model, batch)
    given = batch["puzzle"] > 0
    assert (results["prediction"][given] == batch["puzzle"][given]).all()
    assert (results["prediction"] >= 1).all() and (results["prediction"] <= 4).all()
    with torch.no_grad():
        said = model(batch["puzzle"], Draws(0, batch["index"])).argmax(-1) + 1
    assert (said[given] != batch["puzzle"][given]).any()  # an untrained network would have changed some
    assert (results["prediction"][~given] == said[~given]).all()


def test_a_perfect_answer_is_right_and_one_wrong_cell_is_not(prepared, monkeypatch):
    task, model, batch = prepared
    wrong = (batch["puzzle"][0] == 0).nonzero()[0]
    logits = 20.0 * F.one_hot(batch["solution"] - 1, 4).float()
    logits[0, wrong[0], wrong[1]] = logits[0, wrong[0], wrong[1]].roll(1)
    monkeypatch.setattr(model, "forward", lambda *args, **rest: logits)
    results = task.results(batch, logits)
    assert results["correct"].tolist() == [False] + [True] * 11
    blanks = 16 - results["givens"][0]
    torch.testing.assert_close(results["cells_correct"], torch.tensor([(blanks - 1) / blanks] + [1.0] * 11))
    assert (results["confidence"] > 0.99).all()
    losses, numbers = task.loss(model, batch, Draws(0, batch["index"]))
    assert losses[0] == pytest.approx(20 / 16, rel=1e-3) and (losses[1:] < 1e-3).all()
    assert numbers["board_accuracy"] == pytest.approx(11 / 12)


def test_the_loss_covers_all_cells(prepared):
    task, model, batch = prepared
    losses, _ = task.loss(model, batch, Draws(5, batch["index"], step=2))
    logits = model(batch["puzzle"], Draws(5, batch["index"], step=2))
    truth = batch["solution"] - 1
    expected = -logits.log_softmax(-1).gather(-1, truth[..., None]).mean((1, 2, 3))
    torch.testing.assert_close(losses, expected)
    assert losses.shape == (12,)


def seen_by_the_network(task, model, batch, draws):
    """The puzzles that reach the network when the loss is computed."""
    seen = []
    handle = model.register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()))
    with torch.no_grad():
        task.loss(model, batch, draws)
    handle.remove()
    return seen[0]


def test_augmentation_depends_on_seed_sample_and_step_alone(prepared):
    _, model, batch = prepared
    task = build_task()
    draws = Draws(7, batch["index"], step=3)
    seen = seen_by_the_network(task, model, batch, draws)
    assert not torch.equal(seen, batch["puzzle"])
    assert torch.equal((seen > 0).flatten(1).sum(1), (batch["puzzle"] > 0).flatten(1).sum(1))
    # The same sample at another place of another batch is moved about alike.
    some = {name: value[[8, 2]] for name, value in batch.items()}
    assert torch.equal(seen_by_the_network(task, model, some, Draws(7, some["index"], step=3)), seen[[8, 2]])
    for other in (Draws(7, batch["index"], step=4), Draws(8, batch["index"], step=3)):
        assert not torch.equal(seen_by_the_network(task, model, batch, other), seen)
    twins = {name: value[[0, 0]] for name, value in batch.items()} | {"index": torch.tensor([0, 1])}
    first, second = seen_by_the_network(task, model, twins, Draws(7, twins["index"], step=3))
    assert not torch.equal(first, second)


def test_evaluations_are_not_augmented(prepared):
    _, model, _ = prepared
    task = build_task()
    task.prepare_evaluations(lambda text: None)
    spec = task.spec.evaluations[0]
    batch = task.evaluation_data(spec).batch(torch.arange(6))
    features, _ = task.inputs(model, batch, Draws(0, batch["index"]))
    assert torch.equal(features, model.embedding(batch["puzzle"]))


def test_blank_cells_start_at_a_draw_of_their_own_and_givens_at_their_digit(prepared):
    _, model, batch = prepared
    starts = []

    def first(layer, step, state, measures):
        if step == 0:
            starts.append(state["x"])

    with torch.no_grad():
        for seed in (0, 1):
            model(batch["puzzle"], Draws(seed, batch["index"]), observe=first)
    given = batch["puzzle"] > 0
    assert torch.equal(starts[0][given], starts[1][given])
    assert not (starts[0][~given] == starts[1][~given]).any()
    digits = model.network.layers[0].oscillators.manifold.retract(model.embedding.weight.view(5, 2, 4))
    torch.testing.assert_close(starts[0][given], digits[batch["puzzle"][given]])
    with pytest.raises(ValueError, match="give `draws` or `noise`"):
        model(batch["puzzle"])


def test_a_part_of_the_training_boards_leaves_the_rest_as_it_was():
    whole = SudokuTaskSpec().train
    part = oscillo.load(spec_of(block=[3, 3], train={"seed": 5}, evaluations=[])).task.train
    assert part.boards == whole.boards == 9000 and (whole.seed, part.seed) == (1, 5)
    assert oscillo.load(spec_of(block=[3, 3], train={}, evaluations=[])).task.train == whole


def test_a_board_without_blanks_has_nothing_to_fill(prepared):
    task, model, batch = prepared
    full = {name: value[:5].clone() for name, value in batch.items()}
    full["puzzle"][2] = full["solution"][2]
    results = answered(task, model, full)
    assert results["correct"][2]
    for name in ("cells_correct", "confidence"):
        assert results[name][2].isnan().all() and not results[name][[0, 1, 3, 4]].isnan().any()
    arrays = {name: value.detach().numpy() for name, value in results.items()}
    others = {name: np.delete(value, 2, axis=0) for name, value in arrays.items()}
    with_it, without_it = task.metrics(arrays), task.metrics(others)
    assert with_it["boards"] == 5 and without_it["boards"] == 4
    assert with_it["cell_accuracy"] == without_it["cell_accuracy"] and with_it["confidence"] == without_it["confidence"]
    _, one = task.loss(model, full, Draws(0, full["index"]))
    alone = {name: value[[0, 1, 3, 4]] for name, value in full.items()}
    _, other = task.loss(model, alone, Draws(0, alone["index"]))
    assert one["cell_accuracy"] == other["cell_accuracy"] and one["board_accuracy"] > other["board_accuracy"]


def test_boards_from_the_cache_show_no_bar(monkeypatch, tmp_path):
    monkeypatch.setenv("OSCILLO_CACHE", str(tmp_path))
    shown = []

    @contextmanager
    def bar(what, total):
        shown.append(total)
        yield lambda done, numbers: shown.append(done)

    monkeypatch.setattr(task_module, "progress", bar)
    lines = []
    build_task().prepare_evaluations(lines.append)
    assert shown == [6, 6] and not any("cache" in line for line in lines)
    build_task().prepare_evaluations(lines.append)
    (file,) = (tmp_path / "sudoku").iterdir()
    assert shown == [6, 6] and lines[-1] == f"    from the cache: {file}"


def test_two_evaluations_of_one_name_are_refused():
    twice = [{"name": "id", "boards": 2, "givens": [6, 10]}] * 2
    assert "two evaluations are called id" in refused(evaluations=twice)


@pytest.mark.parametrize(
    ("task", "place", "reason"),
    [
        ({"train": {"givens": [3, 8]}}, "task.train.givens", "reaches 4 clues on 4x4 boards, not 3"),
        ({"train": {"givens": [9, 8]}}, "task.train.givens", "lower bound 9 is above the upper bound 8"),
        ({"train": {"givens": [4, 17]}}, "task.train.givens", "17 clues do not fit on 16 cells"),
        ({"block": [3, 3], "train": {"givens": [20, 30]}}, "task.train.givens", "reaches 21 clues"),
        (
            {"evaluations": [{"name": "id", "givens": [6, 8]}, {"name": "few", "givens": [2, 8]}]},
            "task.evaluations.1.givens", "reaches 4 clues",
        ),
        ({"block": [4, 4]}, "task.block", "do not make a board"),
        ({"evaluations": [{"name": "id", "split": "exam"}]}, "task.evaluations.0.split", "not 'exam'"),
        ({"train": {"boards": 0}}, "task.train.boards", "1"),
    ],
)  # fmt: skip
def test_boards_out_of_reach_are_located(task, place, reason):
    text = refused(**task)
    assert place in text and reason in text


def test_all_problems_of_a_task_are_told_at_once():
    few = [{"name": "a", "givens": [1, 8]}, {"name": "b", "givens": [6, 80]}]
    text = refused(train={"givens": [3, 8]}, evaluations=few)
    assert all(
        place in text for place in ("task.train.givens", "task.evaluations.0.givens", "task.evaluations.1.givens")
    )


@pytest.fixture(scope="module")
def boards():
    return generate(12, (6, 9), seed=11, block=BlockShape(2, 2), split="test")


def digits(board):
    return "".join(map(str, board))


def write_csv(path, boards, extra=()):
    rows = [
        f"{digits(puzzle)},{digits(solution)}"
        for puzzle, solution in zip(boards.puzzles, boards.solutions, strict=True)
    ]
    rows[3:3] = extra
    text = "\n".join(["puzzle,solution", *rows]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


@pytest.mark.parametrize("name", ["boards.csv", "boards.csv.gz"])
def test_boards_from_a_file(name, tmp_path, boards):
    source = write_csv(tmp_path / name, boards)
    task = build_task(train={"source": source, "limit": 8}, evaluations=[{"name": "file", "source": source}])
    lines = []
    task.prepare(lines.append)
    assert len(task.training_data()) == 8
    data = task.evaluation_data(task.spec.evaluations[0])
    batch = data.batch(torch.tensor([2, 0]))
    np.testing.assert_array_equal(batch["puzzle"].flatten(1), boards.puzzles[[2, 0]])
    np.testing.assert_array_equal(batch["solution"].flatten(1), boards.solutions[[2, 0]])
    assert batch["index"].tolist() == [2, 0] and len(data) == 12
    told = f"boards with {boards.givens.min()}-{boards.givens.max()} givens from {source}"
    assert f"  12 {told} (all rows; `limit` takes fewer, `boards` is not for files)" in lines
    assert any(line.startswith("  8 ") and line.endswith(" (the first 8 rows)") for line in lines)
    assert task.spec.training_samples == 8 and task.spec.evaluation_samples(task.spec.evaluations[0]) == 12


def test_a_limit_of_generated_boards_is_refused():
    with pytest.raises(oscillo.SpecError, match=r"task\.train\.limit: `limit` is for files, .* write `boards: 5`"):
        build_task(train={"limit": 5})


def test_bad_rows_are_told_and_left_out(tmp_path, boards):
    two_solutions = "0" * 16
    contradiction = "11" + "0" * 14
    bad = ["1234,1234", f"{contradiction},", f"{two_solutions},", "x" * 16 + ",", "5" + "0" * 15 + ",", "123,"]
    source = write_csv(tmp_path / "boards.csv", boards, bad)
    task = build_task(evaluations=[{"name": "file", "source": source}])
    lines = []
    task.prepare_evaluations(lines.append)
    assert len(task.evaluation_data(task.spec.evaluations[0])) == 12
    assert "  6 rows were left out:" in lines
    told = [line for line in lines if line.strip().startswith("row ")]
    assert [line.split(":")[0].strip() for line in told] == [f"row {row}" for row in range(5, 11)]
    run = oscillo.run(spec_of(evaluations=[{"name": "file", "source": source}]), runs=tmp_path / "runs")
    assert run.data["result/file"].sizes["sample"] == 12


@pytest.mark.parametrize("part", ["train", "evaluation"])
def test_a_file_that_is_not_there(tmp_path, part):
    task = (
        {"train": {"source": "nowhere.csv"}}
        if part == "train"
        else {"evaluations": [{"name": "x", "source": "nowhere.csv"}]}
    )
    loaded = oscillo.load(spec_of(**task))  # checking a spec needs no data
    where = "task.train.source" if part == "train" else "task.evaluations.0.source"
    assert loaded.task.missing() and bool(loaded.task.missing(training=False)) == (part == "evaluation")
    with pytest.raises(oscillo.SpecError, match=rf"{where}.*no file or folder nowhere\.csv"):
        oscillo.run(spec_of(**task), runs=tmp_path)
    assert not any(tmp_path.iterdir())
    folder = build_task(train={"source": str(tmp_path)}).spec
    assert folder.missing()[0][1].startswith(f"there is no features.pt in the folder {tmp_path} (from ")


@pytest.mark.parametrize(
    "content", [b"", b"puzzle,solution\n", b"\x1f\x8b\x08\x00broken", b"\x00\xff\xfe\x80", b"a,b\n1,2\n"]
)
def test_a_file_of_something_else(tmp_path, content):
    file = tmp_path / "boards.csv"
    file.write_bytes(content)
    with pytest.raises((RunFailed, RunDirectoryError), match=r"boards\.csv"):
        oscillo.run(spec_of(evaluations=[{"name": "file", "source": str(file)}]), runs=tmp_path / "runs")


def test_a_trained_run_is_evaluated_again_without_its_training_data(tmp_path, boards):
    source = tmp_path / "boards.csv"
    write_csv(source, boards)
    run = oscillo.run(spec_of(train={"source": str(source)}), runs=tmp_path / "runs")
    source.unlink()
    again = oscillo.reevaluate(run.path, ["task.evaluations.0.steps=6", "task.evaluations.0.boards=9"])
    assert again.path.parent == run.path.parent and again.path != run.path and again.state == "done"
    assert again.data["result/id"].sizes["sample"] == 9 and "train/loss" not in again.metrics
    assert (again.path / "weights.safetensors").read_bytes() == (run.path / "weights.safetensors").read_bytes()
    only = oscillo.reevaluate(again.path, only=["id"])
    assert only.data["result/id"].to_dataset().identical(again.data["result/id"].to_dataset())
    with pytest.raises(RunDirectoryError, match="no evaluation hard; it has id"):
        oscillo.reevaluate(run.path, only=["hard"])


def test_planning_boards_have_the_shape_of_real_ones(prepared):
    task, model, batch = prepared
    example = task.example(3)
    assert {name: (value.dtype, value.shape[1:]) for name, value in example.items()} == {
        name: (value.dtype, value.shape[1:]) for name, value in batch.items()
    }
    assert ((example["puzzle"] >= 0) & (example["puzzle"] <= 4)).all()
    assert ((example["solution"] >= 1) & (example["solution"] <= 4)).all()
    losses, _ = task.loss(model, example, Draws(0, example["index"]))
    assert losses.isfinite().all()


def test_what_is_declared_is_what_is_predicted(prepared):
    task, model, batch = prepared
    results = answered(task, model, batch)
    declared = task.arrays()
    assert set(declared) == set(results)
    for name, array in declared.items():
        assert tuple(results[name].shape[1:]) == array.shape and len(array.dims) == len(array.shape), name


def test_axes_of_plots_are_labelled_in_a_few_words(tmp_path):
    data = oscillo.run(spec_of(), runs=tmp_path).data
    labels = {
        f"{node.path}/{name}": variable.attrs["long_name"]
        for node in data.subtree
        for name, variable in node.variables.items()
    }
    assert {"/result/id/at_step", "/trajectory/id/layer0/step", "/result/id/cells_correct"} <= set(labels)
    assert not {place: label for place, label in labels.items() if len(label) > 30}  # xarray breaks the line there
