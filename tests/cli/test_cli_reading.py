"""What is done with runs afterwards, as processes: `list`, `compare-runs`, `export`, `prune`."""

from __future__ import annotations

import os
import pty
import re
import shutil
from importlib import import_module

import numpy as np
import pytest
import xarray as xr
from command import OSCILLO, Command
from written_runs import simulated, written_run

from oscillo.recording import RunDirectory, open_run


@pytest.fixture
def three(oscillo: Command) -> list[RunDirectory]:
    """A run that is done, one that failed, and one that was killed."""
    root = oscillo.folder / "runs"
    first = written_run(root, {"seed": 1, "batch": 8}, groups=simulated(), metrics={"accuracy": 0.5, "word": "a"})
    second = written_run(root, {"seed": 2, "batch": 8}, groups=simulated(add=1.0), metrics={"accuracy": 0.75})
    second.set_state("failed", "the disk is full")
    killed = written_run(root, {"seed": 3, "note": "x"}, groups=simulated(2), state="running")
    return [first, second, killed]


def rows(output: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in output.splitlines()]


# list


def test_list_shows_states_metrics_and_sizes(oscillo: Command, three: list[RunDirectory]) -> None:
    heading, *found = rows(oscillo("list").output)
    assert heading == ["name", "id", "state", "started (UTC)", "evaluates", "metrics", "size"]
    assert [row[1] for row in found] == [run.path.name for run in three]
    assert [row[2] for row in found] == ["done", "failed", "interrupted"] and all(
        row[-1].endswith("iB") for row in found
    )
    assert "accuracy 0.5" in found[0][4] and found[1][4] == "the disk is full"


def test_list_chooses_by_state(oscillo: Command, three: list[RunDirectory]) -> None:
    found = rows(oscillo("list", "--state", "failed", "--state", "interrupted").output)[1:]
    assert [row[1] for row in found] == [run.path.name for run in three[1:]]
    assert oscillo("list", "--state", "damaged").output == "no runs in runs that are damaged\n"
    ended = oscillo("list", "--state", "faild")
    assert ended.code == 2 and "there is no state faild; states are running, done" in ended.output


def test_list_looks_at_so_many_files_and_says_so(
    oscillo: Command, three: list[RunDirectory], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    verb = import_module("oscillo.cli.list_runs")
    monkeypatch.setattr(verb, "_MOST_FILES", 5)
    verb.list_runs(oscillo.folder / "runs")
    assert all("> " in line for line in capsys.readouterr().out.splitlines()[1:])


# compare-runs


def test_compare_runs_shows_what_differs(oscillo: Command, three: list[RunDirectory]) -> None:
    first, second, killed = (run.path.name for run in three)
    ended = oscillo("compare-runs", *(f"runs/ring/{name}" for name in (first, second, killed)))
    assert ended.code == 0, ended.output
    heading, *table = rows(ended.output)
    assert heading == [first, f"{second} (failed)", f"{killed} (interrupted)"]
    assert table == [
        ["seed", "1", "2", "3"], ["batch", "8", "8", "-"], ["note", "-", "-", "x"], [""],
        ["train/loss", "0.5", "0.5", "0.5"], ["accuracy", "0.5", "0.75 (+0.25)", "-"], ["word", "a", "-", "-"],
    ]  # fmt: skip
    assert oscillo("compare-runs", "runs").output == ended.output


def test_compare_runs_that_are_the_same_or_not_there(oscillo: Command, three: list[RunDirectory]) -> None:
    copy = oscillo.folder / "copy"
    shutil.copytree(three[0].path, copy)
    output = oscillo("compare-runs", "copy", f"runs/ring/{three[0].path.name}").output
    assert "the specs are the same" in output and "accuracy" in output
    for arguments, words in ((("copy",), "at least two runs"), (("copy", "nowhere"), "nowhere is not a run")):
        ended = oscillo("compare-runs", *arguments)
        assert ended.code == 2 and words in ended.output and "Traceback" not in ended.output


# export


@pytest.mark.parametrize("form", ["netcdf", "npz", "csv"])
def test_export_writes_a_run_and_ends_with_the_path(oscillo: Command, three: list[RunDirectory], form: str) -> None:
    for run in three:  # also one that failed and one that was killed
        ended = oscillo("export", f"runs/ring/{run.path.name}", f"--{form}")
        assert ended.code == 0 and ended.last_line.startswith(f"ring-{run.path.name}"), ended.output
        assert (oscillo.folder / ended.last_line).exists()
    ended = oscillo("export", f"runs/ring/{three[0].path.name}", f"--{form}")
    assert ended.code == 2 and "is there already" in ended.output and "Traceback" not in ended.output
    ended = oscillo("export", f"runs/ring/{three[0].path.name}", f"--{form}", "--force", "--group", "series")
    assert ended.code == 0, ended.output
    if form == "netcdf":
        with xr.open_datatree(oscillo.folder / ended.last_line, engine="h5netcdf") as tree:
            assert list(tree.children) == ["series"]
            np.testing.assert_array_equal(tree["series/order_parameter"], simulated()["series"]["order_parameter"])


def test_export_says_what_is_wrong(oscillo: Command, three: list[RunDirectory]) -> None:
    run = f"runs/ring/{three[0].path.name}"
    for arguments, words in {
        (run,): "choose one of them", (run, "--npz", "--csv"): "choose one of them",
        (run, "--npz", "--group", "x"): "has no group x; it has series, states, summary, metrics",
        (run, "--npz", "--out", "no/a.npz"): "there is no folder no", ("runs", "--npz"): "runs is not a run",
    }.items():  # fmt: skip
        ended = oscillo("export", *arguments)
        assert ended.code == 2 and words in ended.output and "Traceback" not in ended.output, ended.output
    assert sorted(path.name for path in oscillo.folder.iterdir() if not path.name.startswith("output")) == [
        "runs",
        "small.yaml",
    ]


def test_export_on_a_full_disk_leaves_nothing(oscillo: Command, three: list[RunDirectory]) -> None:
    ended = oscillo("export", f"runs/ring/{three[0].path.name}", "--npz", "--out", "a.npz", largest_file=2000)
    assert ended.code == 2 and "a.npz cannot be written: File too large" in ended.output, ended.output
    assert not list(oscillo.folder.glob("*.npz")) and not list(oscillo.folder.glob(".a*"))


# prune


def test_prune_asks_and_removes_states(oscillo: Command, three: list[RunDirectory]) -> None:
    shown = oscillo("prune", "runs")  # no terminal, and not told to go on
    assert shown.code == 2 and "needs --yes" in shown.output
    assert re.search(rf"{three[0].path.name}: states, \d+ KiB", shown.output)
    assert f"{three[1].path.name} stays as it is: it is not done and may be resumed" in shown.output
    assert "/states" in open_run(three[0].path).data.groups
    ended = oscillo("prune", "runs", "--yes")
    assert ended.code == 0 and re.fullmatch(r"removed \d+ KiB", ended.last_line), ended.output
    assert "/states" not in open_run(three[0].path).data.groups and "/states" in open_run(three[1].path).data.groups
    assert rows(oscillo("list").output)[1][2] == "done (pruned)"
    assert oscillo("prune", f"runs/ring/{three[0].path.name}", "--yes").last_line == "there is nothing to remove"
    ended = oscillo("prune", f"runs/ring/{three[1].path.name}", "--yes")
    assert ended.code == 2 and "stays as it is" in ended.output


@pytest.mark.parametrize("answer", ["n", "y"])
def test_prune_takes_no_for_an_answer(oscillo: Command, three: list[RunDirectory], answer: str) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(oscillo.folder)
        os.execv(OSCILLO, ["oscillo", "prune", f"runs/ring/{three[0].path.name}"])
    os.write(terminal, f"{answer}\n".encode())
    said = b""
    try:
        while part := os.read(terminal, 1000):
            said += part
    except OSError:
        pass  # the terminal has gone with the process
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0 and b"for good? [y/N]" in said, said
    assert (b"nothing was removed" in said) == (answer == "n")
    assert ("/states" in open_run(three[0].path).data.groups) == (answer == "n")
