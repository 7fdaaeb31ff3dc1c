from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_runs import metric_lines, run_small, small

import oscillo
from oscillo.network import Network
from oscillo.spec import to_yaml

SPECS = Path(__file__).parents[2] / "specs"


def refused(source, *overrides):
    with pytest.raises(oscillo.SpecError) as error:
        oscillo.load(source, overrides)
    return str(error.value)


def test_nested_mappings_and_yaml_say_the_same(tmp_path):
    loaded = oscillo.load(small())
    file = tmp_path / "small.yaml"
    file.write_text(to_yaml(loaded))
    assert oscillo.load(file) == oscillo.load(str(file)) == loaded
    changes = ["training.steps=5", "network.layers.0.channels=8", "~task.evaluations.0"]
    for source in (file, small()):
        changed = oscillo.load(source, changes)
        assert changed.training.steps == 5 and [one.name for one in changed.task.evaluation_specs] == ["longer"]
        assert changed.network.layers[0].channels == 8


def test_a_run_from_mappings_takes_overrides(tmp_path):
    run = oscillo.run(small(), ["training.steps=2", "task.evaluations.1.steps=4"], runs=tmp_path)
    assert int(run.metrics["step"].max()) == 2
    assert run.data["summary/longer/layer0"]["step"].values.tolist() == [0, 1, 2, 3, 4]
    assert run.spec["training"]["steps"] == 2


@pytest.mark.parametrize("file", sorted(SPECS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_specs_are_right(file):
    spec = oscillo.load(file)
    assert spec.problems() == []
    assert (len(spec.task.evaluation_specs) >= 1) == spec.task.learns


def test_impossible_combinations_are_located_and_told_together():
    text = refused(small(network__layers__0__coupling__heads=3, task__train__givens=[1, 8]))
    assert "network.layers.0.coupling" in text and "3 heads do not divide 16 channels" in text
    assert "task.train.givens" in text
    assert "network.sites" in refused(small(network__sites=[9, 9]))
    assert oscillo.load(small(network__sites=[4, 4])).sites == (4, 4)


def test_what_a_whole_mapping_is_wrong_in_is_told_at_the_value(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(to_yaml(oscillo.load(small())))
    lines = file.read_text().splitlines()
    channels = next(number for number, line in enumerate(lines, 1) if "channels:" in line)
    file.write_text("\n".join(line.replace("channels: 16", "channels: 18") for line in lines))
    assert f"{file}:{channels}:17 network.layers.0.channels: channels = 18 is not a multiple" in refused(file)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"task__evaluations__1__name": "id"}, "task.evaluations.1.name: two evaluations are called id"),
        ({"training__steps": -1}, "training.steps"),
        ({"training__batch_size": 0}, "training.batch_size"),
        ({"training__optimizer": {"kind": "sgdd"}}, "training.optimizer"),
        ({"training__checkpoint_minutes": 6}, "training.checkpoint_minutes"),
        ({"training__ema": {"decay": 1.0}}, "training.ema.decay"),
        ({"name": "a/b"}, "name"),
        (
            {"recording__observables__phases": {}},
            "recording.observables.phases.kind: there is no observable of kind 'phases'",
        ),
        (
            {"recording__observables__phase": {}},
            "recording.observables.phase: `phase` is about phases, and a sphere of",
        ),
        ({"precision": "float16"}, "precision"),
        ({"device": "gpu"}, "device: there is no device 'gpu'; take auto, cpu, "),
        ({"device": "cuda:x"}, "device: there is no device 'cuda:x'"),
        ({"training__steps": None}, "training: needs `epochs` or `steps`"),
        ({"network__layers__0__frequency": "shared"}, "takes a frequency such as `{kind: shared}`, not 'shared'"),
        ({"network__layers__0__integrator": "heun"}, "integrator: takes an integrator such as `{kind: "),
        ({"network__layers__0__integrator": {}}, "integrator: an integrator needs a `kind`"),
        ({"network__layers__0__frequency__learn": "yes"}, "learn: takes true or false, not 'yes'"),
    ],
)
def test_wrong_values_are_located(changes, place):
    assert place in refused(small(**changes))


@pytest.mark.parametrize("given", [("training.epochs=5",), ("training.epochs=5", "training.steps=7")])
def test_changing_from_steps_to_epochs_is_told_as_it_can_be_typed(given):
    text = refused(small(), *given)
    changes = re.search("`(~training.steps training.epochs=5)`", text).group(1).split()
    assert oscillo.load(small(), [*given, *changes]).training.epochs == 5
    back = re.search(r"`(~training.epochs training.steps=\d)`", text).group(1).split()
    assert oscillo.load(small(), [*given, *back]).training.steps == (8 if len(given) == 1 else 7)


def test_plugins_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(f"'''{folder}'''\n")
    plugins = [str(tmp_path / folder / "mine.py") for folder in ("a", "b")]
    assert "have one name; rename one" in refused(small(plugins=plugins))
    assert oscillo.load(small(plugins=[plugins[0], plugins[0]]))


def test_a_network_is_built_from_its_declaration_or_from_mappings():
    spec = oscillo.load(small())
    torch.manual_seed(1)
    first = oscillo.build(spec.network, spec.sites)
    torch.manual_seed(1)
    second = oscillo.build(small()["network"], (4, 4))
    assert isinstance(first, Network) and first.state_dict().keys() == second.state_dict().keys()
    features = torch.randn(2, 4, 4, 16)
    assert torch.equal(first(features).features, second(features).features)


def test_what_cannot_be_built_is_told():
    network = small()["network"]
    with pytest.raises(oscillo.SpecError, match="no `sites`"):
        oscillo.build(network)
    with pytest.raises(oscillo.SpecError, match=r"the argument `network`.*layers\.0\.chanels.*channels"):
        oscillo.build({"layers": [{**network["layers"][0], "chanels": 4}]}, (4, 4))
    with pytest.raises(oscillo.SpecError, match="3 heads do not divide"):
        oscillo.build(small(network__layers__0__coupling__heads=3)["network"], (4, 4))


def test_the_package_is_light_until_something_of_it_is_used():
    code = "import sys, oscillo; print('torch' in sys.modules, 'run' in dir(oscillo), callable(oscillo.load))"
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.split() == ["False", "True", "True"]
    with pytest.raises(AttributeError, match="no attribute 'loads'"):
        _ = oscillo.loads


def test_recomputing_steps_changes_memory_and_nothing_else(tmp_path, finished):
    run = run_small(tmp_path, training__recompute_every=2)
    for ours, theirs in zip(metric_lines(run), metric_lines(finished), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def test_bfloat16_computes_coarsely_and_records_float32(tmp_path, finished):
    run = run_small(tmp_path, precision="bfloat16")
    state = run.data["trajectory/id/layer0/state"]
    assert state.dtype == "float32" and run.state == "done"
    weights = torch.load(sorted((run.path / "checkpoints").iterdir())[-1], weights_only=True)["model"]
    assert {value.dtype for value in weights.values()} == {torch.float32}
    ours, theirs = (one.metrics["train/loss"].dropna("record").values for one in (run, finished))
    assert ours == pytest.approx(theirs, rel=0.05) and (ours != theirs).any()
