from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_runs import metric_lines, run_small, small, stopping_after, weights
from torch import nn

import oscillo
from oscillo.network import NetworkSpec
from oscillo.running import RunInterrupted
from oscillo.training.weights import load_weights, save_weights


def refused(runs, start, text, **changes):
    with pytest.raises(oscillo.SpecError, match=rf"^training\.start: {text}"):
        run_small(runs, training__start=str(start), **changes)
    assert not list(runs.glob("small/*"))


@pytest.mark.parametrize("place", ["weights.safetensors", ""])
def test_a_start_from_a_run_is_a_start_from_its_weights(tmp_path, finished, place):
    same = run_small(tmp_path, training__start=str(finished.path / place), training__steps=0)
    start = load_file(finished.path / "weights.safetensors")
    assert start.keys() == load_file(same.path / "weights.safetensors").keys()
    for name, value in load_file(same.path / "weights.safetensors").items():
        assert torch.equal(value, start[name])
    ends = [line for line in metric_lines(finished) if "id/boards" in line or "longer/boards" in line]
    assert [line | {"step": 8} for line in metric_lines(same)] == ends


def test_scratch_depends_on_the_seed_alone(tmp_path):
    first = run_small(tmp_path, training__steps=0)
    assert weights(first) == weights(run_small(tmp_path, training__steps=0))
    assert weights(first) != weights(run_small(tmp_path, training__steps=0, seed=5))


def test_training_data_are_not_asked_for_when_nothing_is_trained(tmp_path):
    elsewhere = {"task__train": {"source": "nowhere.csv"}}
    with pytest.raises(oscillo.SpecError, match=r"task\.train\.source.*there is no file or folder nowhere\.csv"):
        run_small(tmp_path, **elsewhere)
    without, plain = (run_small(tmp_path, training__steps=0, **changes) for changes in (elsewhere, {}))
    one, other = (load_file(run.path / "weights.safetensors") for run in (without, plain))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_file_that_is_not_there(tmp_path):
    refused(tmp_path, "nowhere.safetensors", r"there is no file or folder nowhere\.safetensors")


def test_a_file_of_something_else(tmp_path):
    other = tmp_path / "other.safetensors"
    other.write_text("not weights")
    refused(tmp_path, other, r".*other\.safetensors cannot be read as weights")


def test_no_weights_are_shipped_for_such_boards(tmp_path):
    refused(tmp_path, "shipped", r"no weights are shipped.*training\.start=scratch")


def test_a_run_without_weights_and_a_folder_that_is_no_run(tmp_path):
    with stopping_after(2), pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path / "first")
    run = stop.value.path
    refused(tmp_path, run, rf"{run} has no weights\.safetensors: it was interrupted .*oscillo resume {run}")
    refused(tmp_path, tmp_path / "first", rf"{tmp_path}/first is not a run: .*did you mean {run}")


def test_weights_of_another_network(tmp_path, finished):
    start = finished.path / "weights.safetensors"
    other = ".* another network: "
    refused(
        tmp_path, start, rf"{other}embedding\.weight is 5 x 16 there and 5 x 24 here", network__layers__0__channels=24
    )
    kinds = {"network__layers__0__frequency": {"kind": "none"}}
    refused(tmp_path, start, rf"{other}network\.layers\.0\.\S*frequency\S* is not in this network", **kinds)
    two = {"network__layers": small()["network"]["layers"] * 2}
    refused(tmp_path, start, rf"{other}network\.layers\.1\.\S* is missing.*and \d+ more", **two)


def test_weights_say_what_they_belong_to(finished):
    with safe_open(finished.path / "weights.safetensors", framework="pt") as file:
        facts = file.metadata()
    assert NetworkSpec.model_validate_json(facts["network"]) == oscillo.load(finished.directory.spec).network
    assert {"network", "task", "spec_sha256"} <= set(facts)


def test_files_of_weights_have_the_librarys_form(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    facts = {"b": "two", "a": '\u00e9, "quoted"'}
    save_weights(model.state_dict(), tmp_path / "ours.safetensors", facts)
    save_file(model.state_dict(), tmp_path / "theirs.safetensors")
    ours, theirs = (load_file(tmp_path / f"{name}.safetensors") for name in ("ours", "theirs"))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items()) and ours.keys() == theirs.keys()
    with safe_open(tmp_path / "ours.safetensors", framework="pt") as file:
        assert file.metadata() == facts
    save_weights(model.state_dict(), tmp_path / "again.safetensors", facts)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "ours.safetensors").read_bytes()
    other = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    load_weights(other, tmp_path / "ours.safetensors")
    assert torch.equal(other[0].weight, model[0].weight)
