from __future__ import annotations

import itertools
import json
from types import SimpleNamespace

import pytest
import torch
from small_runs import changed_loss, run_small, small, stopped_and_resumed

import oscillo
from oscillo.running import RunFailed
from oscillo.training import trainer
from oscillo.training.trainer import order


def failed_run(runs, change, **changes):
    with changed_loss(change), pytest.raises(RunFailed) as failure:
        run_small(runs, **changes)
    return failure.value


def last_checkpoint(path):
    return torch.load(sorted((path / "checkpoints").glob("*.pt"))[-1], weights_only=True)


def assert_finite(state):
    assert all(value.isfinite().all() for value in state["model"].values() if value.is_floating_point())


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    """From the fifth step on, the loss of one training sample is NaN; the run stops when that sample comes."""
    sample = int(order(3, 4, 40, 8)[5])

    def change(step, index, losses):
        return torch.where((index == sample) & (step >= 4), torch.nan, losses)

    failure = failed_run(tmp_path, change, training__checkpoint_minutes=1e-9)
    assert f"loss is not finite at optimiser step 5, for the training samples {sample};" in str(failure)
    assert "last good checkpoint is step_00000004.pt" in str(failure)
    record = json.loads((failure.path / "run.json").read_text())
    assert record["state"] == "failed" and record["reason"] == str(failure)
    assert not (failure.path / "weights.safetensors").exists()
    saved = last_checkpoint(failure.path)
    assert saved["step"] == 4
    assert_finite(saved)
    assert oscillo.resume(failure.path).state == "done"  # the cause is gone, and the run goes on from there


def test_without_time_for_checkpoints_the_first_one_is_the_last_good_one(tmp_path):
    failure = failed_run(tmp_path, lambda step, index, losses: losses * torch.inf if step == 2 else losses)
    assert "optimiser step 3" in str(failure) and "last good checkpoint is step_00000000.pt" in str(failure)
    assert str(order(3, 2, 40, 8).tolist())[1:-1] in str(failure)  # all eight samples
    assert last_checkpoint(failure.path)["step"] == 0


def test_a_gradient_that_is_not_finite_ends_the_run(tmp_path):
    """The loss is finite, and its slope is not."""

    def change(step, index, losses):
        zero = losses - losses.detach()
        return losses + zero.sqrt() if step == 3 else losses

    failure = failed_run(tmp_path, change, training__checkpoint_minutes=1e-9)
    assert "gradient is not finite at optimiser step 4" in str(failure)
    saved = last_checkpoint(failure.path)
    assert saved["step"] == 3
    assert_finite(saved)


def test_long_lists_of_samples_are_cut(tmp_path):
    failure = failed_run(tmp_path, lambda step, index, losses: losses * torch.nan, training__batch_size=20)
    assert "and 12 more" in str(failure)


def test_what_was_measured_before_is_kept(tmp_path):
    failure = failed_run(tmp_path, lambda step, index, losses: losses * torch.nan if step == 7 else losses)
    run = oscillo.open_run(failure.path)
    assert run.state == "failed" and run.reason == str(failure)
    assert run.metrics["train/loss"].dropna("record")["step"].values.tolist() == [3, 6]


@pytest.fixture
def one_second_per_step(monkeypatch):
    """A clock for the training that is read twice in every step."""
    readings = itertools.count(0.0, 0.5)
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: next(readings)))


def test_a_time_limit_ends_the_training_and_not_the_run(tmp_path, one_second_per_step):
    run = run_small(tmp_path, training__steps=100, training__time_limit=6.6 / 60)
    assert run.state == "done"
    assert run.metrics["step"].values.tolist() == [3, 6, 8, 8, 8]  # also what came after the last full line
    assert "id/board_accuracy" in run.metrics and "longer/board_accuracy" in run.metrics
    before = (run.path / "weights.safetensors").read_bytes()
    (run.path / "weights.safetensors").unlink()  # killed before the weights were written
    run.directory.set_state("running")
    assert (oscillo.resume(run.path).path / "weights.safetensors").read_bytes() == before


def test_the_time_limit_counts_what_was_trained_before(tmp_path, one_second_per_step):
    run = stopped_and_resumed(tmp_path, [3], training__steps=100, training__time_limit=6.6 / 60)
    assert int(run.metrics["step"].max()) == 8


def test_a_falling_rate_ends_with_the_time_limit(tmp_path, one_second_per_step):
    changes = {"training__schedule": {"kind": "linear"}, "training__time_limit": 10 / 60, "training__log_every": 1}
    run = run_small(tmp_path, training__steps=100, **changes)
    rates = run.metrics["train/learning_rate"].dropna("record").values
    # The first step begins at 0 s, the second at 0.5 s, and each other one a second later.
    expected = [1.0, *(1 - (k + 0.5) / 10 for k in range(10))]
    assert rates == pytest.approx([1e-3 * share for share in expected], rel=1e-6)


@pytest.mark.parametrize(("training", "samples"), [({"steps": 2}, 5), ({"epochs": 1}, 5)])
def test_a_batch_larger_than_the_data_is_refused(tmp_path, training, samples):
    spec = small(task__train__boards=samples)
    spec["training"] = {**training, "batch_size": 8}
    with pytest.raises(oscillo.SpecError, match=r"training\.batch_size: a batch of 8, .* 5 training samples"):
        oscillo.run(spec, runs=tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_training_at_all(tmp_path):
    run = run_small(tmp_path, training__steps=0)
    assert run.state == "done" and "train/loss" not in run.metrics
    assert run.metrics["step"].values.tolist() == [0, 0]


@pytest.mark.parametrize("name", ["train", "validation", "Id", "a/b", ""])
def test_names_of_evaluations_that_metrics_could_not_tell_apart(name):
    with pytest.raises(oscillo.SpecError, match=r"task\.evaluations\.0\.name"):
        oscillo.load(small(task__evaluations__0__name=name))
