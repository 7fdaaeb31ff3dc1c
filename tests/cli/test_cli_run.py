from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from command import SIGKILLED, Command, Ended, Running, newest_checkpoint, same_results, state_of

import oscillo as library


def test_a_run_leaves_everything_and_ends_with_its_path(trained: tuple[Path, Ended]) -> None:
    run, ended = trained
    assert ended.code == 0, ended.output
    assert Path(ended.last_line).parts[:2] == ("runs", "small")
    assert state_of(run)["state"] == "done"
    for name in ("spec.yaml", "metrics.jsonl", "weights.safetensors", "data.zarr/zarr.json", "figures/training.png"):
        assert (run / name).is_file()
    assert "arning" not in ended.output and "longer" in ended.output
    data = library.open_run(run).data
    assert data["trajectory/id/layer0/state"].sizes["sample"] == 2
    assert data["summary/longer/layer0/energy"].sizes == {"sample": 20, "step": 9}


def test_ctrl_c_saves_and_resume_ends_the_run_as_if_it_had_not_been(
    oscillo: Command, trained: tuple[Path, Ended]
) -> None:
    started = oscillo.start("run", "small.yaml")
    wait_for_step(oscillo, started, 3)
    started.send(signal.SIGINT)
    run = assert_interrupted(started.end(), oscillo, 130)

    again = oscillo.start("resume", str(run))
    wait_for_step(oscillo, again, newest_checkpoint(oscillo.folder / run) + 1)
    again.send(signal.SIGTERM)
    assert_interrupted(again.end(), oscillo, 143)

    ended = oscillo("resume", str(run))
    assert (ended.code, ended.last_line) == (0, str(run))
    assert oscillo.runs() == [run] and state_of(oscillo.folder / run)["state"] == "done"
    assert same_results(oscillo.folder / run, trained[0])


def test_ctrl_c_while_boards_are_made_stops_at_once(oscillo: Command) -> None:
    changes = ("task.block=[3, 3]", "task.train={boards: 200000, seed: 9}", "task.evaluations=[]")
    started = oscillo.start("run", "small.yaml", *changes)
    started.wait_for(lambda: "200000 boards" in started.output.read_text())
    started.send(signal.SIGINT)
    ended = started.end()
    assert (ended.code, ended.last_line) == (130, "interrupted") and not oscillo.runs()  # nothing is lost yet


def test_a_killed_run_resumes_to_the_same_numbers(oscillo: Command, trained: tuple[Path, Ended]) -> None:
    started = oscillo.start("run", "small.yaml")
    step = random.randrange(60)
    print(f"killed after optimiser step {step}")
    wait_for_step(oscillo, started, step)
    started.send(signal.SIGKILL)
    assert started.end().code == SIGKILLED
    (run,) = oscillo.runs()

    # The second time in the middle of the evaluations.
    again = oscillo.start("resume", str(run))
    again.wait_for(lambda: (oscillo.folder / run / "weights.safetensors").exists())
    again.send(signal.SIGKILL)
    assert again.end().code == SIGKILLED

    assert oscillo("resume", str(run)).code == 0
    assert same_results(oscillo.folder / run, trained[0])


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_the_same(oscillo: Command, trained: tuple[Path, Ended]) -> None:
    started = oscillo.start("run", "small.yaml")
    started.wait_for(lambda: oscillo.runs() and (oscillo.folder / oscillo.runs()[0] / ".lock").exists())
    (run,) = oscillo.runs()
    for _ in range(30):
        started.process.join(random.uniform(0.0, 3.0))
        started.send(signal.SIGKILL)
        if started.end().code == 0:
            break
        started = oscillo.start("resume", str(run))
    assert started.end().code in (0, SIGKILLED)
    assert oscillo("resume", str(run)).code == 0
    assert same_results(oscillo.folder / run, trained[0])


def test_a_killed_evaluation_goes_on_behind_its_last_block(oscillo: Command, trained_copy: str) -> None:
    changes = ("task.evaluations.1.votes=30", "task.evaluations.1.batch_size=8")
    whole = oscillo("evaluate", trained_copy, *changes, "--only", "longer")
    started = oscillo.start("evaluate", trained_copy, *changes, "--only", "longer")
    parts = lambda: list(oscillo.folder.glob("runs/small/*/evaluating/longer/*.npz"))  # noqa: E731
    started.wait_for(lambda: len(parts()) >= 2)
    started.send(signal.SIGKILL)
    assert started.end().code == SIGKILLED
    kept = {part: part.stat().st_mtime_ns for part in parts()}
    run = next(iter(kept)).parents[2]
    again = oscillo.start("resume", str(run))
    again.wait_for(lambda: len(parts()) > len(kept) or not again.process.is_alive())
    assert {part: part.stat().st_mtime_ns for part in parts() if part in kept} == kept  # nothing is done twice
    ended = again.end()
    assert ended.code == 0 and f"longer: going on after {2 * len(kept)} of " in ended.output
    assert same_results(run, oscillo.folder / whole.last_line) and not (run / "evaluating" / "longer").exists()
    results = [
        library.open_run(path).data["result/longer"].to_dataset() for path in (run, oscillo.folder / whole.last_line)
    ]
    assert results[0].identical(results[1])


def test_votes_end_with_what_they_are_worth(oscillo: Command, trained_copy: str) -> None:
    ended = oscillo("evaluate", trained_copy, "task.evaluations.1.votes=3", "--only", "longer")
    assert ended.code == 0, ended.output
    run = library.open_run(oscillo.folder / ended.last_line)
    number = lambda name: f"{float(run.metrics[f'longer/{name}'].dropna('record')[-1]):.4f}"  # noqa: E731
    (row,) = (line for line in ended.output.splitlines() if line.startswith("│ 3 "))
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[-1] == number("votes_3/oracle") and number("votes_3/confidence") in cells
    alone = f"{number('one_vote_mean')} ± {number('one_vote_std')}"
    assert f"longer: right with each of the 3 initial states alone: {alone}" in ended.output.replace("\n", " ")
    right = run.data["result/longer"]["member_correct"].isel(at_step=-1).mean("sample")
    assert number("one_vote_mean") == f"{float(right.mean()):.4f}"


def test_a_trained_run_is_evaluated_with_other_steps_and_other_boards(oscillo: Command, trained_copy: str) -> None:
    (oscillo.folder / "mine.csv").write_text(
        "puzzle,solution\n1.........4.....,\n0234341221434321,1234341221434321\n1204341221434321,1234341221434321\n"
    )
    changes = ("task.evaluations.0.source=mine.csv", "task.evaluations.0.steps=3")
    ended = oscillo("evaluate", trained_copy, *changes, "--only", "id")
    assert ended.code == 0, ended.output
    assert "1 row was left out" in ended.output and "row 2" in ended.output
    run = library.open_run(oscillo.folder / ended.last_line)
    assert run.path.parent == oscillo.folder / "runs" / "small"
    assert run.metrics["id/boards"] == 2 and run.metrics["id/steps"] == 3
    assert not any(name.startswith(("longer/", "train/")) for name in run.metrics)
    assert (run.path / "weights.safetensors").read_bytes() == (
        oscillo.folder / trained_copy / "weights.safetensors"
    ).read_bytes()


def test_a_full_disk_stops_the_run_and_leaves_what_was_committed(oscillo: Command) -> None:
    ended = oscillo("run", "small.yaml", "network.layers.0.channels=64", largest_file=100_000)
    assert ended.code == 1 and "Traceback" not in ended.output, ended.output
    run = oscillo.folder / ended.last_line
    assert "cannot be written" in ended.output and state_of(run)["state"] == "failed"


def test_a_loss_that_is_not_finite_is_told_with_step_and_samples(oscillo: Command) -> None:
    changes = ("training.optimizer.lr=1e30", "~training.ema")
    ended = oscillo("run", "small.yaml", *changes)
    assert ended.code == 1 and "Traceback" not in ended.output
    assert "not finite at optimiser step 2, for the training samples" in ended.output
    run = oscillo.folder / ended.last_line
    assert state_of(run)["state"] == "failed" and "not finite" in state_of(run)["reason"]
    assert newest_checkpoint(run) == 0 or newest_checkpoint(run) == 1


def test_a_programming_error_shows_its_traceback_and_then_the_path(oscillo: Command) -> None:
    plugin = """
from typing import Literal
from oscillo.spec import register
from oscillo_tasks.sudoku.task import SudokuTask, SudokuTaskSpec

@register
class BrokenTaskSpec(SudokuTaskSpec):
    kind: Literal["broken"] = "broken"

    def build(self, network, seed):
        return BrokenTask(self, network, seed)

class BrokenTask(SudokuTask):
    def loss(self, *arguments, **options):
        raise TypeError("a mistake in the plugin")
"""
    (oscillo.folder / "broken.py").write_text(plugin)
    ended = oscillo("run", "small.yaml", "plugins=[broken.py]", "task.kind=broken")
    assert ended.code == 1 and "TypeError: a mistake in the plugin" in ended.output
    assert state_of(oscillo.folder / ended.last_line)["reason"] == "TypeError: a mistake in the plugin"


def wait_for_step(oscillo: Command, started: Running, step: int) -> None:
    started.wait_for(lambda: any(newest_checkpoint(oscillo.folder / run) >= step for run in oscillo.runs()))


def assert_interrupted(ended: Ended, oscillo: Command, code: int) -> Path:
    """The run that was interrupted, which its last lines name."""
    (run,) = oscillo.runs()
    assert ended.code == code, ended.output
    assert ended.output.splitlines()[-2:] == [f"interrupted; to go on: oscillo resume {run}", str(run)]
    assert state_of(oscillo.folder / run)["state"] == "interrupted"
    return run
