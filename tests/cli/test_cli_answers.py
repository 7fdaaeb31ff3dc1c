from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from command import Command, Ended
from safetensors.torch import load_file

from oscillo.plan import make_plan
from oscillo.runspec import RunSpec, load
from oscillo.spec import json_schema, load_plugins, registered, registry

SPECS = Path(__file__).parents[2] / "specs"


def test_help_names_every_verb(oscillo: Command) -> None:
    ended = oscillo.from_nothing("--help")
    assert ended.code == 0
    for verb in (
        "run",
        "resume",
        "evaluate",
        "sweep",
        "compare",
        "stability",
        "list",
        "report",
        "animate",
        "compare-runs",
        "export",
        "prune",
        "plan",
        "validate",
        "explain",
        "schema",
        "import",
    ):
        assert re.search(rf"^  {verb} +[A-Z].*[a-z]\.$", ended.output, re.MULTILINE), ended.output


def test_changes_shown_in_the_help_can_be_made_to_every_shipped_spec_that_trains(oscillo: Command) -> None:
    trained = [spec for spec in SPECS.glob("*.yaml") if load(spec).task.learns]
    assert len(trained) > 10
    for arguments in (["--help"], ["run", "--help"]):
        changes = re.findall(r"~training\.\w+|training\.\w+=\w+", oscillo(*arguments).output)
        assert changes
        for spec in trained:
            load(spec, changes)


def test_the_version_is_printed_without_importing_torch() -> None:
    code = (
        "import sys; sys.argv = ['oscillo', '--version']\nfrom oscillo.cli import main\n"
        "try: main()\nexcept SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.splitlines() == [f"oscillo {version('oscillo')}", "0 False"]


def test_a_good_spec_is_valid(oscillo: Command) -> None:
    ended = oscillo("validate", "small.yaml")
    assert ended.code == 0 and ended.output.startswith("small.yaml is valid: small, hash ")
    other = oscillo("validate", "small.yaml", "seed=4")
    assert other.output != ended.output


def test_plan_prints_what_python_plans(oscillo: Command) -> None:
    ended = oscillo("plan", "small.yaml", "training.batch_size=8")
    assert ended.code == 0
    assert ended.output.strip() == make_plan(load(oscillo.folder / "small.yaml", ["training.batch_size=8"])).to_text()


def test_explain_shows_kinds_fields_and_all_there_is(oscillo: Command) -> None:
    overview = oscillo("explain").output
    for role, kinds in registered().items():
        if all(spec.__module__.startswith("oscillo") for spec in kinds.values()):
            assert re.search(rf"^  {role} +{', '.join(kinds)}$", overview, re.MULTILINE), role
    for target, words in {
        "coupling": "convolution  ",
        "coupling.attention": "heads  (integer; >= 1; default 8)",
        "training.ema": "decay  (number; >= 0, < 1; default 0.995)",
        "network.layers": "oscillators  ",
        "importer": "sudoku-akorn  ",
    }.items():
        ended = oscillo("explain", target)
        assert ended.code == 0 and words in ended.output, ended.output


def test_plugins_of_a_spec_are_explained(oscillo: Command) -> None:
    (oscillo.folder / "mine.py").write_text(
        "from typing import Literal\nfrom oscillo.couplings import CouplingSpec\nfrom oscillo.spec import register\n"
        '@register\nclass Mine(CouplingSpec):\n    """A coupling of my own."""\n    kind: Literal["own"] = "own"\n'
    )
    (oscillo.folder / "with_plugin.yaml").write_text("extends: small.yaml\nplugins: [mine.py]\n")
    unknown = oscillo("explain", "coupling.own")
    assert unknown.code == 2 and "needs `--spec my.yaml`" in unknown.output
    assert "kinds: attention, convolution" in unknown.output and "heads" not in unknown.output
    assert "A coupling of my own." in oscillo("explain", "coupling.own", "--spec", "with_plugin.yaml").output
    assert "coupling.own" in json.loads(oscillo("schema", "--spec", "with_plugin.yaml").output)["$defs"]


def test_schema_is_printed_or_written(oscillo: Command) -> None:
    printed = oscillo("schema")
    assert oscillo("schema", "--out", "schema.json").output == ""
    assert json.loads(printed.output) == json.loads((oscillo.folder / "schema.json").read_text())


def test_the_schema_beside_the_specs_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    load_plugins()
    ours = {
        role: {kind: spec for kind, spec in kinds.items() if spec.__module__.startswith(("oscillo.", "oscillo_tasks."))}
        for role, kinds in registered().items()
    }
    monkeypatch.setattr(registry, "_kinds", ours)
    kept = json.loads((SPECS / "schema.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(json_schema(RunSpec))), "run `oscillo schema --out specs/schema.json`"


def test_list_shows_state_metrics_and_size(oscillo: Command, trained: tuple[Path, Ended], trained_copy: str) -> None:
    failed = oscillo("run", "small.yaml", "training.optimizer.lr=1e30", "~training.ema").last_line
    oscillo("evaluate", trained_copy, "--only", "id")
    ended = oscillo("list")
    heading, *rows = ended.output.splitlines()
    assert ended.code == 0 and len(rows) == 3
    columns = re.split(r"  +", rows[0].strip())
    assert columns[:3] == ["small", Path(trained_copy).name, "done"]
    assert re.search(r"id \(\d+ steps\): board_accuracy [\d.]+, .*; longer \(\d+ steps\): board", columns[4])
    assert columns[5].endswith("iB")
    assert heading.split()[:3] == ["name", "id", "state"]
    columns = re.split(r"  +", rows[1].strip())
    assert columns[1:3] == [Path(failed).name, "failed"] and "not finite at optimiser step 2" in columns[4]
    assert "evaluates" in heading and Path(trained_copy).name not in rows[1]
    assert re.split(r"  +", rows[2].strip())[4] == Path(trained_copy).name


def test_what_is_wrong_with_one_of_the_evaluations_has_the_number_that_was_written(
    oscillo: Command, trained_copy: str
) -> None:
    for change, words in (("votes=0", "at least 1, not 0"), ("source=nope.csv", "there is no file or folder nope.csv")):
        ended = oscillo("evaluate", trained_copy, f"task.evaluations.1.{change}", "--only", "longer")
        place = f"override 1: task.evaluations.1.{change.partition('=')[0]}: "
        assert ended.code == 2 and place in ended.output and words in ended.output, ended.output


def test_a_checkpoint_of_the_reference_is_imported(oscillo: Command) -> None:
    torch.save({"model_state_dict": released_weights(channels=16)}, oscillo.folder / "checkpoint.pth")
    ended = oscillo("import", "sudoku-akorn", "checkpoint.pth", "--out", "weights.safetensors", "steps=8")
    assert (ended.code, ended.last_line) == (0, "weights.safetensors"), ended.output
    assert load_file(oscillo.folder / "weights.safetensors")
    for arguments, words in {
        ("sudoku-akron", "checkpoint.pth"): "did you mean sudoku-akorn?",
        ("sudoku-akorn", "nowhere.pth"): "there is no checkpoint nowhere.pth",
        ("sudoku-akorn", "small.yaml"): "is no checkpoint of AKOrN's Sudoku model",
        ("sudoku-akorn", "checkpoint.pth", "steps=0"): "steps: must be at least 1, not 0",
    }.items():
        ended = oscillo("import", *arguments, "--out", "other.safetensors")
        assert ended.code == 2 and words in ended.output and "Traceback" not in ended.output
        assert not (oscillo.folder / "other.safetensors").exists()


def released_weights(channels: int, heads: int = 2, dimension: int = 4) -> dict[str, torch.Tensor]:
    """A state_dict with the keys and shapes of AKOrN's released Sudoku model."""
    square, at = (channels, channels, 1, 1), "layers.0."
    shapes: dict[str, tuple[int, ...]] = {"gamma": (1,), "x0": (1, channels, 9, 9), "embedding.weight": (10, channels)}
    shapes |= {f"{at}0.omg.omg_param": (2,), f"{at}1.0.bias": (channels,)}
    shapes |= {f"{at}0.connectivity.mat_{name}": (81, channels // heads // 2, 2, 2) for name in "qkvo"}
    maps = {"0.connectivity.W_qkv": 3, "0.connectivity.W_o": 1, "1.0.invconv": dimension}
    maps |= dict.fromkeys(("1.1.fn.fn.0.fn.2", "1.1.fn.fn.1.fn.2", "1.2.fn.2"), 1)
    for name, times in maps.items():
        shapes |= {f"{at}{name}.weight": (times * channels, *square[1:]), f"{at}{name}.bias": (times * channels,)}
    shapes |= {"out.1.weight": (9, channels, 1, 1), "out.1.bias": (9,)}
    return {name: torch.ones(shape) for name, shape in shapes.items()}
