"""The examples of the documentation run, and do what their pages say."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import small

import oscillo
from oscillo.plan import make_plan
from oscillo.runspec import read_spec
from oscillo.spec import explain, plugins, registered, registry
from oscillo.testing import check_component

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module", autouse=True)
def nothing_stays_registered():
    """Other tests look at all kinds there are, and these would be among them."""
    oscillo.load(small())  # the installed ones are there to stay
    kinds, files = {role: dict(found) for role, found in registry._kinds.items()}, dict(plugins._imported)
    yield
    for role, found in registry._kinds.items():
        found.clear()
        found.update(kinds.get(role, {}))
    plugins._imported.clear()
    plugins._imported.update(files)


def test_oscillators_learn_between_the_layers_of_another_model(capsys, monkeypatch):
    spec = importlib.util.spec_from_file_location("oscillators_in_a_model", EXAMPLES / "oscillators_in_a_model.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    model, losses = example.train(steps=110)
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])
    coupling = model.oscillators.layers[0].oscillators.coupling
    assert coupling.weight.grad is not None and coupling.weight.grad.abs().max() > 0
    monkeypatch.setattr(example, "train", lambda: (model, losses))
    example.main()
    said = capsys.readouterr().out
    assert "of new images right" in said and "oscillator: 8" in said and "energy over the steps" in said


@pytest.fixture(scope="module")
def low_rank():
    oscillo.load(EXAMPLES / "my_coupling.yaml")
    return registered()["coupling"]["low_rank"]


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_coupling_keeps_the_contract_of_couplings(low_rank, symmetric):
    check_component(low_rank(rank=3, symmetric=symmetric))


def test_the_coupling_is_what_its_formula_says(low_rank):
    network = oscillo.load(EXAMPLES / "my_coupling.yaml").network.build((4, 4))
    coupling = network.layers[0].oscillators.coupling
    x = torch.randn(2, 4, 4, 4, 8)
    modes = torch.einsum("ryxo,syxco->src", coupling.v.view(16, 4, 4, 8), x)
    expected = torch.einsum("ryxo,src->syxco", coupling.u.view(16, 4, 4, 8), modes)
    torch.testing.assert_close(coupling(x), expected)


def test_the_coupling_explains_itself_and_refuses_what_it_cannot_do(low_rank):
    assert "Number of modes" in explain("coupling.low_rank").to_text()
    with pytest.raises(oscillo.SpecError, match=r"my_coupling\.yaml.*rank = 999 is more than the 128 oscillators"):
        oscillo.load(EXAMPLES / "my_coupling.yaml", ["network.layers.0.coupling.rank=999"])


def test_the_example_of_a_coupling_runs(tmp_path):
    run = oscillo.run(EXAMPLES / "my_coupling.yaml", ["training.steps=40", "training.log_every=10"], runs=tmp_path)
    losses = run.metrics["train/loss"].dropna("record").values
    assert run.state == "done" and losses[-1] < 0.9 * losses[0]


def test_the_example_of_a_task_runs_wherever_its_files_are(tmp_path):
    for name in ("my_task.yaml", "my_task.py", "my_coupling.py"):
        shutil.copy(EXAMPLES / name, tmp_path / name)
    run = oscillo.run(tmp_path / "my_task.yaml", ["training.steps=80", "training.log_every=20"], runs=tmp_path / "runs")
    losses = run.metrics["train/loss"].dropna("record").values
    assert losses[-1] < 0.8 * losses[0]
    results = run.data["result/more_noise"].to_dataset()
    assert results["prediction"].dims == ("sample", "y", "x") and results.sizes["sample"] == 200
    energy = run.data["summary/same_noise/layer0/energy"]
    assert (energy.diff("step") <= 1e-3).mean() > 0.9  # a step of a half is not small for all samples
    for name in ("my_task.yaml", "my_task.py", "my_coupling.py"):
        (tmp_path / name).unlink()  # the run has its own copies
    again = oscillo.reevaluate(run.path, only=["same_noise"])
    assert again.data["result/same_noise"].to_dataset().identical(run.data["result/same_noise"].to_dataset())


def test_the_example_of_a_task_can_be_planned():
    text = make_plan(read_spec(EXAMPLES / "my_task.yaml").spec).to_text()
    assert "layer 0 (oscillators)" in text and "300" in text
