"""What of a declared recording cannot be is told at its place, before anything runs."""

from __future__ import annotations

import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

import oscillo

LAYER: dict[str, Any] = {
    "manifold": {"kind": "circle"}, "oscillators": 5, "frequency": {"kind": "drawn"},
    "coupling": {"kind": "mean_field", "strength": 1.5}, "integrator": {"kind": "rk4", "step_size": 0.1},
}  # fmt: skip
SIMULATION: dict[str, Any] = {
    "version": 2, "name": "small", "network": {"sites": [], "layers": [LAYER]},
    "task": {"kind": "simulate", "steps": 20, "ensemble": {"seeds": 3}}, "device": "cpu", "compile": "off",
}  # fmt: skip
LEARNER: dict[str, Any] = {
    "version": 2, "name": "learner",
    "network": {"layers": [
        {
            "manifold": {"kind": "sphere", "dimension": 4}, "channels": 16,
            "coupling": {"kind": "attention", "heads": 2}, "integrator": {"kind": "projected_euler", "steps": 4},
        },
        {"kind": "block", "channels": 16, "block": {"kind": "feed_forward"}, "steps": 2},
    ]},
    "task": {
        "kind": "sudoku", "block": [2, 2], "train": {"boards": 16, "givens": [6, 10], "seed": 1},
        "evaluations": [
            {"name": "id", "boards": 6, "givens": [6, 10], "seed": 4},
            {"name": "longer", "boards": 4, "givens": [6, 10], "seed": 4, "steps": 7},
        ],
    },
    "training": {"steps": 4, "batch_size": 8}, "device": "cpu", "compile": "off",
}  # fmt: skip


def recording(spec: dict[str, Any], **observables: Any) -> dict[str, Any]:
    return deepcopy(spec) | {"recording": {"observables": observables}}


def refused(spec: dict[str, Any]) -> str:
    with pytest.raises(oscillo.SpecError) as error:
        oscillo.load(spec)
    return str(error.value)


@pytest.mark.parametrize(("name", "fields", "words"), [
    ("state", {"samples": 4}, ".samples: the first 4 are asked for, and there are 3 members"),
    ("order_parameter", {"samples": "3:"}, ".samples: `3:` reaches outside or names nothing: there are 3 members"),
    ("state", {"oscillators": [5]}, ".oscillators: 5 is asked for, and there are 5 oscillators, 0 to 4"),
    ("state", {"sites": {"y": 3}}, ".sites.y: the layer has no axis `y`: it has no sites"),
    ("state", {"samples": "0-3"}, ".samples: `0-3` is no range; write it as first:end or first:end:step"),
    ("state", {"at": [5, 21]}, ".at: step 21 never comes: steps 0 to 20 are recorded"),
    ("state", {"at": [5, 5]}, ".at: the steps have to rise"),
    ("state", {"at": []}, ".at: needs at least 1 items, has 0"),
    ("state", {"every": 21}, ".every: 21 steps are more than the 20 that are recorded"),
    ("mean_frequency", {"every": 21}, ".every: 21 steps are more than the 20 that are recorded"),
    ("mean_frequency", {"at": [3]}, ".at: unknown key; known: every, kind"),
    ("state", {"every": 2, "at": [3]}, ": `every` and `at` both say when it is recorded; leave one of them out"),
    ("state", {"per_decade": 2, "seconds": 3.0}, ": `per_decade` and `seconds` both say when it is recorded"),
    ("state", {"seconds": 0}, ".seconds: must be greater than 0, not 0"),
    ("a/b", {"kind": "state"}, ": observable name 'a/b': only letters, digits, '_', '-' and '.' are possible"),
    ("my state", {"kind": "state"}, ": observable name 'my state': only letters, digits"),
    ("state", {"layers": [1]}, ".layers: a simulation has layer 0 alone; leave `layers` out"),
    ("energy", {"per": "site"}, ": there are no sites; take `per: oscillator`"),
    ("attention_weights", {}, ": `attention_weights` are those of the coupling `attention`, and the coupling is mean_"),
    ("stimulus", {}, ": the layer has no stimulus; leave `stimulus` out"),
    ("answer", {}, ": a simulation has no task that answers; leave it out"),
    ("mine", {}, ": an observable needs a `kind` (known: amplitude, "),
    ("mine", {"kind": "order_paramter"}, ".kind: there is no observable of kind 'order_paramter'"),
    ("order_paramter", {}, ".kind: there is no observable of kind 'order_paramter'"),
    ("state", {"precision": "float8"}, ".precision: takes `float16`, `float32` or `float64`, not 'float8'"),
    ("h", {"kind": "phase", "reduce": {"kind": "histogramm"}}, ".reduce.kind: there is no reduction of kind"),
    ("h", {"kind": "phase", "reduce": {"kind": "histogram", "range": [1, 0]}}, ".reduce: `range` goes from 1 to 0"),
    ("state", None, ": takes an observable such as `{kind: amplitude}`, not null"),
])  # fmt: skip
def test_what_a_simulation_cannot_record(name: str, fields: Any, words: str) -> None:
    text = refused(recording(SIMULATION, **{name: fields}))
    assert text.startswith(f"recording.observables.{name}{words}"), text
    if "paramter" in str(name) + str(fields):
        assert text.endswith("did you mean `order_parameter`?")


@pytest.mark.parametrize(("name", "fields", "words"), [
    ("order_parameter", {"reduce": {"kind": "mean"}}, ".reduce: there are no oscillators in `order_parameter` (one nu"),
    ("h", {"kind": "speed", "each": True, "reduce": {"kind": "histogram"}}, ".reduce: the bins of `speed` need their"),
    ("p", {"kind": "phase", "reduce": {"kind": "projection", "vectors": [[1.0]], "over": ["oscillators"]}},
     ".reduce: the directions are [1, 1], and 5 numbers make a vector"),
    ("energy", {"oscillators": 2}, ".oscillators: `energy` (one number of the whole layer) has no oscillators to choo"),
])  # fmt: skip
def test_what_only_the_built_layer_tells_is_told_before_a_run_is_made(
    name: str, fields: Any, words: str, tmp_path: Path
) -> None:
    with pytest.raises(oscillo.SpecError) as error:
        oscillo.run(recording(SIMULATION, **{name: fields}), runs=tmp_path)
    assert str(error.value).startswith(f"recording.observables.{name}{words}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "fields", "words"), [
    ("mean_frequency", {}, ": `mean_frequency` sums up a simulation; an evaluation records series"),
    ("phase_locking", {}, ": `phase_locking` sums up a simulation; an evaluation records series"),
    ("state", {"seconds": 2.0}, ".seconds: all samples of an evaluation are recorded at the same steps; take `every`"),
    ("state", {"layers": [2]}, ".layers: layer 2 is asked for, and there are 2, from 0"),
    ("state", {"layers": [-1]}, ".layers: layer -1 is asked for, and there are 2, from 0"),
    ("energy", {"layers": [1]}, ": `energy` is taken from oscillators, and this layer is a block"),
    ("energy", {"layers": [0, 1]}, ": `energy` is taken from oscillators, and this layer is a block"),
    ("phase", {}, ": `phase` is about phases, and a sphere of 4 components has none"),
    ("cut", {}, ": `cut` is about the edges of a graph, and the coupling is attention"),
    ("state", {"samples": 7}, ".samples: the first 7 are asked for, and there are 6 samples"),
    ("state", {"sites": {"x": [4]}}, ".sites.x: 4 is asked for, and there are 4 sites along x, 0 to 3"),
    ("state", {"oscillators": 5, "layers": [0]}, ".oscillators: the first 5 are asked for, and there are 4 oscillator"),
    ("state", {"at": [0, 8]}, ".at: step 8 never comes: the longest evaluation takes 7"),
    ("state", {"at": [-1, 3]}, ".at: step -1 never comes"),
    ("enrgy", {}, ".kind: there is no observable of kind 'enrgy'"),
])  # fmt: skip
def test_what_an_evaluation_cannot_record(name: str, fields: Any, words: str) -> None:
    text = refused(recording(LEARNER, **{name: fields}))
    assert text.startswith(f"recording.observables.{name}{words}"), text


@pytest.mark.parametrize(("name", "fields", "words"), [
    ("answer", {"of": "colour"}, ".of: the task finds no `colour`; it has "),
    ("energy", {"reduce": {"kind": "histogram", "range": [0, 1]}}, ".reduce: there are no oscillators in `energy`"),
    ("answer", {"of": "confidence", "oscillators": 2}, ".oscillators: `confidence` (one number of the whole layer) ha"),
])  # fmt: skip
def test_what_only_the_built_network_tells_is_told_before_a_run_is_made(
    name: str, fields: Any, words: str, tmp_path: Path
) -> None:
    with pytest.raises(oscillo.SpecError) as error:
        oscillo.run(recording(LEARNER, **{name: fields}), runs=tmp_path)
    assert str(error.value).startswith(f"recording.observables.{name}{words}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("training", "words"), [
    ({"samples": 7}, ".samples: the first 7 are asked for, and there are 6 samples"),
    ({"observables": {"mean_frequency": {}}}, ".observables.mean_frequency: `mean_frequency` sums up a simulation"),
    ({"observables": {"state": {"at": [5]}}}, ".observables.state.at: step 5 never comes: the longest evaluation take"),
    ({"observables": {"a b": {"kind": "state"}}}, ".observables.a b: observable name 'a b'"),
    ({"every": 0}, ".every: must be at least 1, not 0"),
])  # fmt: skip
def test_what_cannot_be_recorded_while_a_network_learns(training: dict[str, Any], words: str) -> None:
    spec = deepcopy(LEARNER) | {"recording": {"training": training}}
    assert refused(spec).startswith(f"recording.training{words}")


def test_samples_of_files_that_cannot_be_read_are_not_counted(tmp_path: Path) -> None:
    """A spec is valid without its data; what is wrong with these is told when a run begins."""
    (tmp_path / "noise.csv").write_bytes(b"\xd1\x00\xff" * 400)
    for source in ("noise.csv", "nowhere.csv"):
        spec = recording(LEARNER, state={"samples": 1000})
        spec["task"]["evaluations"] = [{"name": "id", "source": str(tmp_path / source)}]
        assert oscillo.load(spec).recording.chosen["state"].samples == 1000


def test_what_is_recorded_by_default() -> None:
    chosen = lambda spec: {name: one.every for name, one in oscillo.load(spec).recording.chosen.items()}  # noqa: E731
    assert chosen(SIMULATION) == {"order_parameter": None}
    assert chosen(LEARNER) == {"energy": None, "pseudo_energy": None, "state": 4}
    blocks = deepcopy(LEARNER)
    del blocks["network"]["layers"][0]
    assert chosen(blocks) == {"state": 4}
    for spec in (SIMULATION, LEARNER):
        assert chosen(recording(spec)) == {}, "an empty mapping is nothing, and no default"


def process(folder: Path, spec: dict[str, Any], *arguments: str) -> tuple[int, str]:
    """The command line with a spec as a file."""
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    command = [Path(sys.executable).with_name("oscillo"), *arguments]
    environment = os.environ | {"COLUMNS": "300", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=240
    )
    return done.returncode, done.stdout


def test_the_command_line_tells_it_with_file_and_line(tmp_path: Path) -> None:
    spec = recording(SIMULATION, second={"kind": "order_parameter", "moment": 2, "at": [3, 99]}, sate={})
    code, text = process(tmp_path, spec, "validate", "spec.yaml")
    lines = (tmp_path / "spec.yaml").read_text().splitlines()
    assert code == 2 and "Traceback" not in text
    assert f"spec.yaml:{lines.index('    sate: {}') + 1}:" in text and "did you mean `state`?" in text
    del spec["recording"]["observables"]["sate"]
    code, text = process(tmp_path, spec, "validate", "spec.yaml")
    assert code == 2 and "Traceback" not in text
    assert f"spec.yaml:{next(n for n, line in enumerate(lines, 1) if 'at:' in line)}:" in text
    assert "recording.observables.second.at: step 99 never comes: steps 0 to 20 are recorded" in text


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_the_command_line_tells_what_only_a_built_layer_knows(verb: str, tmp_path: Path) -> None:
    spec = recording(SIMULATION, shares={"kind": "state", "reduce": {"kind": "histogram"}})
    code, text = process(tmp_path, spec, verb, "spec.yaml")
    assert code == 2 and "Traceback" not in text, text
    assert "recording.observables.shares.reduce: the bins of `winding` need their `range`, such as [0, 1]" in text
    assert not (tmp_path / "runs").exists()
