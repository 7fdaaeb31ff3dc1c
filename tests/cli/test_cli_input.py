from __future__ import annotations

import gzip
import re

import pytest
from command import SPEC, Command

MISTAKES = {
    "seed: 3": "sede: 3",
    "heads: 2": "heads: two",
    "channels: 16": "chanels: 16",
    "kind: adam": "kind: adm",
    "steps: 80": "steps: -5",
}
FOUND = {
    "3:1": "sede: unknown key; did you mean `seed`?",
    "7:7": "network.layers.0.chanels: unknown key; did you mean `channels`?",
    "9:42": "network.layers.0.coupling.heads: takes an integer, not 'two'",
    "20:10": "training.steps: must be at least 0, not -5",
    "22:21": "training.optimizer.kind: there is no optimizer of kind 'adm'",
}


def wrong_spec() -> str:
    text = SPEC
    for right, wrong in MISTAKES.items():
        assert text.count(right) == 1 or right == "steps: 80"
        text = text.replace(right, wrong)
    return text


@pytest.mark.parametrize("verb", ["run", "validate", "plan"])
def test_five_mistakes_are_five_located_messages(oscillo: Command, verb: str) -> None:
    (oscillo.folder / "wrong.yaml").write_text(wrong_spec())
    ended = oscillo(verb, "wrong.yaml")
    assert ended.code == 2 and "Traceback" not in ended.output
    assert len(re.findall(r"^wrong\.yaml:\d+:\d+ ", ended.output, re.MULTILINE)) == len(FOUND), ended.output
    lines = ended.output.splitlines()
    for place, message in FOUND.items():
        number = next(n for n, line in enumerate(lines) if line.startswith(f"wrong.yaml:{place} {message}"))
        row, column = (int(part) for part in place.split(":"))
        source, caret = lines[number + 1 : number + 3]
        assert source == f"    {wrong_spec().splitlines()[row - 1]}"
        assert caret.index("^") == column + 3
    assert not oscillo.runs()


def test_wrong_arguments_are_told(oscillo: Command) -> None:
    for arguments, words in {
        ("run",): "Missing argument 'SPEC'",
        ("run", "nowhere.yaml"): "nowhere.yaml",
        ("run", "small.yaml", "training.step=4"): "did you mean `steps`?",
        ("run", "small.yaml", "training.steps"): "write `path.to.key=value`",
        ("resume", "runs"): "is not a run",
        ("evaluate", "small.yaml"): "is not a run",
        ("resume", "small.yaml"): "small.yaml is not a run but a file; if it is a spec: oscillo run small.yaml",
        ("resume", "runs/a", "training.steps=9"): "oscillo run runs/a/spec.yaml training.start=runs/a training.steps=9",
        ("resume", "runs", "--steps"): "No such option: --steps",
        ("walk",): "No such command 'walk'",
        ("list", "nowhere"): "there is no folder nowhere",
        ("explain", "couplin"): "did you mean `coupling`?",
    }.items():
        ended = oscillo(*arguments)
        assert ended.code == 2 and words in ended.output and "Traceback" not in ended.output, ended.output


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, "task.train.source: there is no file or folder missing.csv"),
        ("cut.csv.gz", gzip.compress(b"puzzle,solution\n" + bytes(range(48, 52)) * 400)[:40], "truncated or damaged"),
        ("noise.csv", b"\xd1\x00\xff" * 400, "noise.csv: not a text file"),
        ("other.csv", b"day,temperature\nmonday,3\n", "no column named `puzzle` or `quiz`"),
        ("rows.csv", b"puzzle,solution\n12,34\n11..............,\n", "no run was made: rows.csv: none of its 2 rows"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["task.train", "task.evaluations.0"])
def test_unusable_data_files_are_told(
    oscillo: Command, name: str, content: bytes | None, words: str, place: str
) -> None:
    if content is not None:
        (oscillo.folder / name).write_bytes(content)
    ended = oscillo("run", "small.yaml", f"{place}.source={name}")
    assert ended.code == 2 and "Traceback" not in ended.output, ended.output
    assert words.replace("task.train", place) in ended.output and not oscillo.runs()
    assert oscillo("validate", "small.yaml", f"{place}.source={name}").code == 0


def test_a_folder_that_cannot_be_written_is_told_before_training(oscillo: Command) -> None:
    (oscillo.folder / "file").touch()
    ended = oscillo("run", "small.yaml", "--runs", "file/runs")
    assert ended.code == 2 and "file/runs cannot be written" in ended.output
    assert "Traceback" not in ended.output and "training" not in ended.output


def test_what_a_run_needs_is_known_before_it_trains(oscillo: Command) -> None:
    for change, words in {
        "training.start=nowhere.safetensors": "there is no file or folder nowhere.safetensors",
        "training.start=shipped": "no weights are shipped for this task; take `training.start=scratch`",
        "training.start=small.yaml": "small.yaml cannot be read as weights",
        "training.batch_size=100": "a batch of 100, and there are only 64 training samples; take at most 64",
        "device=cuda:99": "device 'cuda:99' is not to be had here",
    }.items():
        ended = oscillo("run", "small.yaml", change)
        place = f"command line, override 1: {change.partition('=')[0]}: "
        assert ended.code == 2 and f"{place}{words}" in ended.output, ended.output
        assert "Traceback" not in ended.output and not oscillo.runs()


def test_a_device_that_is_none_is_told_on_validation(oscillo: Command) -> None:
    ended = oscillo("validate", "small.yaml", "device=gpu")
    assert ended.code == 2 and "device: there is no device 'gpu'; take auto, cpu, " in ended.output
    assert oscillo("validate", "small.yaml", "device=cuda:3").code == 0


def test_a_run_in_place_of_a_spec_is_told(oscillo: Command, trained_copy: str) -> None:
    for verb in ("run", "validate", "plan"):
        ended = oscillo(verb, trained_copy)
        assert ended.code == 2 and "Traceback" not in ended.output
        words = f"is a run, and not the file of a spec; to go on with it: oscillo resume {trained_copy}; its spec is "
        assert f"{words}{trained_copy}/spec.yaml" in ended.output, ended.output


PLUGIN = """\
from typing import Literal
from oscillo.couplings import CouplingSpec
from oscillo.spec import register

@register
class MineSpec(CouplingSpec):
    kind: Literal["mine"] = "mine"
"""


@pytest.mark.parametrize("verb", ["run", "validate", "plan"])
@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("def problems(self, shape): return shape.chanels", "'StateShape' object has no attribute 'chanels'"),
        ("def build(self, shape): return self.gain", "'MineSpec' object has no attribute 'gain'"),
    ],
)
def test_a_plugin_that_fails_is_told_at_its_place(oscillo: Command, verb: str, method: str, reason: str) -> None:
    file = oscillo.folder / "mine.py"
    file.write_text(f"{PLUGIN}    {method}\n")
    ended = oscillo(verb, "small.yaml", "plugins=[mine.py]", "network.layers.0.coupling={kind: mine}")
    assert ended.code == 2 and "Traceback" not in ended.output and not oscillo.runs()
    told = f"network.layers.0.coupling: the coupling 'mine' failed with AttributeError: {reason} ({file}:8)"
    assert told in ended.output, ended.output


@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_plugin_that_fails_when_all_is_built_is_told_as_well(oscillo: Command, verb: str) -> None:
    text = PLUGIN.replace("oscillo.couplings", "oscillo.stimuli").replace("CouplingSpec", "StimulusSpec")
    (oscillo.folder / "mine.py").write_text(f"{text}    def build(self, shape): return {{}}[shape.components]\n")
    ended = oscillo(verb, "small.yaml", "plugins=[mine.py]", "network.layers.0.stimulus={kind: mine}")
    assert ended.code == 2 and "Traceback" not in ended.output and not oscillo.runs()
    assert "network.layers.0.stimulus: the stimulus 'mine' failed with KeyError: 4 (" in ended.output, ended.output
