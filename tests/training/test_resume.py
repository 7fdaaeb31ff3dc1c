from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from small_runs import metric_lines, run_small, small, stopped_and_resumed, stopping_after, weights

import oscillo
from oscillo import learning
from oscillo.recording import RunDirectory, RunDirectoryError, read_metrics, text_hash
from oscillo.running import RunFailed, RunInterrupted
from oscillo.spec import spec_hash
from oscillo.training import Trainer

VARIANTS = {
    "plain": {"task__augment": False},
    "averaged": {
        "training__ema": {"decay": 0.9, "start": 2, "every": 2},
        "training__clip_norm": 0.5,
        "training__validate_every": 2,
        "training__validation_samples": 5,
    },
    "adamw_cosine": {
        "training__optimizer": {"kind": "adamw", "lr": 3e-3, "weight_decay": 0.1},
        "training__schedule": {"kind": "cosine", "warmup_steps": 3, "hold": 0.2},
        "training__recompute_every": 2,
        "training__lead_in": 3,
        "training__path_noise": 0.1,
        "training__steps": None,
        "training__epochs": 2,
    },
    "drawn_second_layer": {
        "network__layers": [*small()["network"]["layers"], {**small()["network"]["layers"][0], "initial": "drawn"}]
    },
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_resumed_run_ends_like_one_that_was_not_stopped(name, tmp_path):
    whole = run_small(tmp_path / "whole", **VARIANTS[name])
    parts = stopped_and_resumed(tmp_path / "parts", [1, 4, 5], **VARIANTS[name])
    assert weights(parts) == weights(whole)
    assert metric_lines(parts) == metric_lines(whole)
    assert parts.state == whole.state == "done"
    for group in ("trajectory/id/layer0", "summary/longer/layer0", "result/id"):
        assert parts.data[group].to_dataset().identical(whole.data[group].to_dataset())


def test_the_spec_counts_and_nothing_else(tmp_path, finished):
    torch.manual_seed(99)
    torch.rand(7)
    assert weights(run_small(tmp_path)) == weights(finished)
    assert weights(run_small(tmp_path, seed=4)) != weights(finished)


def test_metrics_beyond_the_last_checkpoint_are_written_again(tmp_path, finished):
    """A killed process leaves lines behind that its checkpoint knows nothing of."""
    with stopping_after(4), pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path)
    path = stop.value.path
    checkpoints = sorted((path / "checkpoints").glob("*.pt"))
    assert [file.name for file in checkpoints] == ["step_00000000.pt", "step_00000004.pt"]
    checkpoints[-1].unlink()
    (path / "checkpoints" / "step_00000004.new").write_bytes(b"half of a checkpoint")
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "wall_s": 1.0, "train/loss": 77.0}\n{"step": 6, "wa')
    resumed = oscillo.resume(path)
    assert weights(resumed) == weights(finished)
    assert metric_lines(resumed) == metric_lines(finished)


def test_the_newest_checkpoints_are_kept(tmp_path):
    run = run_small(tmp_path, training__keep_checkpoints=1)
    assert [file.name for file in (run.path / "checkpoints").iterdir()] == ["step_00000008.pt"]


def test_checkpoints_come_every_few_minutes(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr("oscillo.training.checkpoints.Checkpoints.save", lambda self, step, content: saved.append(step))
    run_small(tmp_path, training__checkpoint_minutes=1e-9)
    assert saved == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]


def test_a_run_stopped_between_training_and_evaluation(tmp_path, finished, monkeypatch):
    """The training has ended and its checkpoint is there, but not its weights."""
    with monkeypatch.context() as patch:
        patch.setattr(learning, "save_weights", _interrupted)
        with pytest.raises(RunInterrupted):
            run_small(tmp_path)
    [path] = (tmp_path / "small").iterdir()
    assert oscillo.open_run(path).state == "interrupted" and not (path / "weights.safetensors").exists()
    monkeypatch.setattr(Trainer, "_take_step", _interrupted)  # nothing is trained any more
    resumed = oscillo.resume(path)
    assert weights(resumed) == weights(finished)
    assert metric_lines(resumed) == metric_lines(finished)


def _interrupted(*args):
    raise KeyboardInterrupt


def test_only_evaluations_that_are_not_complete_are_done_again(tmp_path, finished, monkeypatch):
    real, begun = learning.evaluate, []

    def evaluate(task, model, evaluation, data, **rest):
        begun.append(evaluation.name)
        if evaluation.name == "longer" and begun.count("longer") == 1:
            return real(task, model, evaluation, data, **rest | {"check": _stop_at_second_call(rest["check"].__self__)})
        return real(task, model, evaluation, data, **rest)

    monkeypatch.setattr(learning, "evaluate", evaluate)
    changes = {"task__evaluations__1__batch_size": 2}
    with pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path, **changes)
    path = stop.value.path
    before = oscillo.open_run(path)
    assert before.state == "interrupted" and "resume" in str(stop.value) and stop.value.exit_code == 130
    assert "/result/id" in before.data.groups and "/result/longer" not in before.data.groups
    assert not any(name.startswith("longer/") for line in read_metrics(path / "metrics.jsonl") for name in line)
    resumed = oscillo.resume(path)
    assert begun == ["id", "longer", "longer"]
    assert metric_lines(resumed) == metric_lines(finished)
    assert sorted(resumed.data["result/longer"]["sample"].values) == [0, 1, 2, 3, 4, 5]


def _stop_at_second_call(interruption):
    calls = []

    def check():
        calls.append(None)
        if len(calls) == 2:
            interruption.signal = 2
        interruption.check()

    return check


def test_an_evaluation_recorded_but_not_logged_is_done_again_as_a_whole(tmp_path, finished, monkeypatch):
    """Killed after the recording was committed and before its line of metrics."""
    with monkeypatch.context() as patch:
        patch.setattr(learning, "metric_names", _interrupted)
        with pytest.raises(RunInterrupted):
            run_small(tmp_path)
    [path] = (tmp_path / "small").iterdir()
    assert "/result/id" in oscillo.open_run(path).data.groups
    resumed = oscillo.resume(path)
    assert metric_lines(resumed) == metric_lines(finished)
    assert resumed.data["result/id"].to_dataset().equals(finished.data["result/id"].to_dataset())
    stored = [folder.name for folder in (path / "data.zarr" / "result").iterdir() if folder.is_dir()]
    assert sorted(stored) == ["id@2", "longer"]  # what was replaced is gone from the disk


def test_a_finished_run_stays_as_it_is(tmp_path, capsys, monkeypatch):
    run = run_small(tmp_path)
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    capsys.readouterr()
    monkeypatch.setattr(learning, "Preparation", None)  # nothing is built or read
    assert oscillo.resume(run.path).path == run.path
    assert capsys.readouterr().out == (
        f"{run.path} is done already: metrics.jsonl, data.zarr and figures in it hold its results\n"
    )
    assert {file: file.read_bytes() for file in before} == before


def test_a_damaged_checkpoint_is_named(tmp_path):
    with stopping_after(2), pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path)
    newest = stop.value.path / "checkpoints" / "step_00000002.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.raises(RunFailed, match=r"step_00000002\.pt cannot be read.*remove it"):
        oscillo.resume(stop.value.path)
    assert oscillo.open_run(stop.value.path).state == "interrupted"  # nothing has happened to it
    newest.unlink()
    assert oscillo.resume(stop.value.path).state == "done"


def test_evaluating_without_weights_tells_why_there_are_none(tmp_path):
    with stopping_after(2), pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path)
    run = RunDirectory.open(stop.value.path)
    with pytest.raises(RunDirectoryError, match=f"was interrupted .*; to go on: oscillo resume {run.path}$"):
        oscillo.reevaluate(run.path)
    run.set_state("running")
    with run.locked(), pytest.raises(RunDirectoryError, match=r"is still being trained; wait until that has ended$"):
        oscillo.reevaluate(run.path)
    run.set_state("failed", "the disk is full")
    with pytest.raises(RunDirectoryError, match=r"has no weights\.safetensors: it failed: the disk is full$"):
        oscillo.reevaluate(run.path)


def test_a_run_has_one_hash_of_its_spec_also_when_it_is_resumed(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    run = stopped_and_resumed(tmp_path / "runs", [2], plugins=[str(tmp_path / "mine.py")])
    with safe_open(run.path / "weights.safetensors", framework="pt") as file:
        of_the_weights = file.metadata()["spec_sha256"]
    declared = spec_hash(oscillo.load(run.directory.spec))
    assert run.provenance["spec_sha256"] == run.data.attrs["spec_sha256"] == of_the_weights == declared
    assert run.provenance["spec_text_sha256"] == text_hash(run.spec_text)


def test_the_record_of_a_run_says_where_it_stands(tmp_path):
    with stopping_after(2), pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path)
    record = json.loads((stop.value.path / "run.json").read_text())
    assert record["state"] == "interrupted" and "SIGINT" in record["reason"]
    assert json.loads((oscillo.resume(stop.value.path).path / "run.json").read_text())["state"] == "done"
