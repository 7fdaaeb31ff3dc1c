from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_runs import metric_lines, run_small, small, weights
from torch import nn

import oscillo
from oscillo.experiment import RunFailed
from oscillo.network import NetworkSpec
from oscillo.training.weights import load_weights, save_weights


def test_a_start_from_a_file_is_a_start_from_those_weights(tmp_path, finished):
    start = str(finished.path / "weights.safetensors")
    same = run_small(tmp_path, training__start=start, training__steps=0)
    assert load_file(start).keys() == load_file(same.path / "weights.safetensors").keys()
    for name, value in load_file(same.path / "weights.safetensors").items():
        assert torch.equal(value, load_file(start)[name])
    ends = [line for line in metric_lines(finished) if "id/boards" in line or "longer/boards" in line]
    assert [line | {"step": 8} for line in metric_lines(same)] == ends


def test_scratch_depends_on_the_seed_alone(tmp_path):
    first = run_small(tmp_path, training__steps=0)
    assert weights(first) == weights(run_small(tmp_path, training__steps=0))
    assert weights(first) != weights(run_small(tmp_path, training__steps=0, seed=5))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises((RunFailed, oscillo.SpecError), match=r"training\.start.*nowhere\.safetensors"):
        run_small(tmp_path, training__start="nowhere.safetensors")


def test_a_file_of_something_else(tmp_path):
    other = tmp_path / "other.safetensors"
    other.write_text("not weights")
    with pytest.raises(RunFailed, match=r"other\.safetensors cannot be read as weights"):
        run_small(tmp_path, training__start=str(other))


def test_no_weights_are_shipped_for_such_boards(tmp_path):
    with pytest.raises(RunFailed, match=r"no weights are shipped.*training\.start=scratch"):
        run_small(tmp_path, training__start="shipped")


def test_weights_of_another_network(tmp_path, finished):
    start = str(finished.path / "weights.safetensors")
    with pytest.raises(RunFailed, match=r"another network: embedding\.weight is 5 x 16 there and 5 x 24 here"):
        run_small(tmp_path, training__start=start, network__layers__0__channels=24)
    kinds = {"network__layers__0__frequency": {"kind": "none"}}
    with pytest.raises(RunFailed, match=r"another network: network\.layers\.0\.\S*frequency\S* is not in this network"):
        run_small(tmp_path, training__start=start, **kinds)
    two = {"network__layers": small()["network"]["layers"] * 2}
    with pytest.raises(RunFailed, match=r"network\.layers\.1\.\S* is missing.*and \d+ more"):
        run_small(tmp_path, training__start=start, **two)


def test_weights_say_what_they_belong_to(finished):
    with safe_open(finished.path / "weights.safetensors", framework="pt") as file:
        facts = file.metadata()
    assert NetworkSpec.model_validate_json(facts["network"]) == oscillo.load(finished.directory.spec).network
    assert {"network", "task", "spec"} <= set(facts)


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
