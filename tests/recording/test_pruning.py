"""Pruning takes what grows with oscillators and time, keeps the rest, and leaves a whole run whenever it is killed."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from written_runs import simulated, written_run

from oscillo.recording import RunDirectory, RunDirectoryError, TrajectoryStore, open_run, write_datasets
from oscillo.recording.disk_use import disk_use
from oscillo.recording.errors import PruningError, StoreError
from oscillo.recording.pruning import prune, prunings


def everything() -> dict[str, xr.Dataset]:
    """Groups of a simulation, and others as evaluations and questions leave them."""
    grid = ("sample", "step", "y", "x", "component", "oscillator")
    along = {"sample": [0, 1], "step": [0, 1, 2]}
    both = xr.Dataset(
        {"local": (("sample", "time", "y"), np.ones((2, 3, 4)))}, {"sample": [0, 1], "time": [0.0, 1.0, 2.0]}
    )
    return {
        **simulated(),
        "trajectory": xr.Dataset({"state": (grid, np.zeros((2, 3, 2, 2, 2, 4)))}, along),
        "energies": xr.Dataset({"energy": (("sample", "step"), np.zeros((2, 3)))}, along),
        "result": xr.Dataset(
            {"prediction": (("sample", "at_step", "y", "x"), np.zeros((2, 1, 2, 2)))}, {"sample": [0, 1]}
        ),
        "mixed": both.assign(peak=("sample", np.ones(2))),
        "fixed_points": xr.Dataset({"state": (("point", "oscillator"), np.zeros((3, 4)))}),
    }


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return written_run(tmp_path / "runs", groups=everything())


def test_states_go_and_findings_stay(run: RunDirectory) -> None:
    before = open_run(run.path).data
    size = disk_use(run.data)[0]
    (planned,) = prunings(run.path)
    assert planned.what == "mixed, states, trajectory" and not planned.objection
    prune(planned)
    opened = open_run(run.path)
    left = {node.path.strip("/"): node.to_dataset() for node in opened.data.subtree if node.dataset.variables}
    assert set(left) == {"series", "summary", "energies", "result", "mixed", "fixed_points"}
    assert list(left["mixed"].variables) == ["peak", "sample"]
    for path, dataset in left.items():
        assert dataset.equals(before[path].to_dataset().drop_vars(["local", "time"] if path == "mixed" else []))
    assert planned.nbytes - 20_000 < size - disk_use(run.data)[0] <= planned.nbytes + 20_000
    assert not (run.data / "states").exists() and (run.checkpoints / "step_2.pt").is_file()
    removed = opened.provenance["pruned"]["removed"]
    assert {"states/phase", "trajectory/state", "mixed/local"} <= set(removed) and opened.state == "done"
    assert "pruned   mixed, states, trajectory" in repr(opened)
    assert opened.provenance["ended"] == open_run(run.path).provenance["ended"] and opened.metrics.sizes["record"] == 2
    (again,) = prunings(run.path)
    assert not again.arrays and again.nbytes == 0
    with TrajectoryStore(run.data) as store:  # it stays a store that can be written
        write_datasets(store, {"more": simulated()["series"]})
    assert "more" in open_run(run.path).data.children


def test_checkpoints_go_when_asked_for(run: RunDirectory) -> None:
    (first,), (second,) = prunings(run.path), prunings(run.path, checkpoints=True)
    assert second.nbytes == first.nbytes + 1000 and second.what.endswith(", checkpoints")
    prune(second)
    assert run.checkpoints.is_dir() and not list(run.checkpoints.iterdir())
    assert "checkpoints" in run.record()["pruned"]["removed"] and prunings(run.path, checkpoints=True)[0].nbytes == 0


def test_a_reader_of_what_was_pruned_gets_an_error_and_not_nan(run: RunDirectory) -> None:
    states = open_run(run.path).data["states"]["phase"]
    prune(prunings(run.path)[0])
    with pytest.raises(StoreError, match=r"states/\w+ was replaced or pruned since this run was opened"):
        states.load()


def test_runs_that_are_not_done_keep_everything(run: RunDirectory, tmp_path: Path) -> None:
    failed = written_run(tmp_path / "runs", groups=simulated(), state="failed")
    killed = written_run(tmp_path / "runs", groups=simulated(), state="running")
    damaged = written_run(tmp_path / "runs", groups=simulated())
    damaged.record_file.write_text("{")
    with run.locked():
        told = {pruning.directory.path: pruning for pruning in prunings(tmp_path / "runs")}
        assert told[run.path].objection == "it is in use"
    for directory in (failed, killed):
        assert "it is not done and may be resumed" in told[directory.path].objection
    assert "cannot be read" in told[damaged.path].objection and all(not pruning.nbytes for pruning in told.values())
    (planned,) = prunings(run.path)
    with run.locked(), pytest.raises(PruningError, match="in use by another process"):
        prune(planned)
    run.set_state("running")
    with pytest.raises(PruningError, match="it is not done"):
        prune(planned)
    assert "/states" in open_run(run.path).data.groups
    with pytest.raises(RunDirectoryError, match="no such folder"):
        prunings(tmp_path / "nowhere")


def test_the_runs_of_a_sweep_are_pruned_with_it(run: RunDirectory, tmp_path: Path) -> None:
    part = written_run(tmp_path / "made", groups=simulated())
    shutil.move(part.path, run.path / "points" / "0000")
    shutil.rmtree(tmp_path / "made")
    assert [pruning.directory.path for pruning in prunings(tmp_path / "runs")] == [
        run.path,
        run.path / "points" / "0000",
    ]


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_a_file_operation(tmp_path: Path, every: int) -> None:
    """Whatever is left can be opened, has all findings, has states whole or not at all, and can be pruned again."""
    run = written_run(tmp_path / "runs", groups=simulated())
    expected = open_run(run.path).data
    expected.load()
    seen = set()
    for operation in range(0, 200, every):
        case = tmp_path / "cases" / f"{operation:03d}"
        shutil.copytree(run.path, case)
        child = os.fork()
        if child == 0:
            _kill_before(operation)
            prune(prunings(case)[0])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        opened = open_run(case)
        groups = set(opened.data.children)
        assert groups - {"states"} == {"series", "summary"}
        for path in groups:
            there = expected[path].to_dataset()
            assert opened.data[path].to_dataset().equals(there[list(opened.data[path].variables)])
        assert "states" in groups or "pruned" in opened.provenance
        seen.add("states" in groups)
        prune(prunings(case)[0])
        assert "states" not in open_run(case).data.children and not (case / "data.zarr" / "states").exists()
        assert not list((case / "data.zarr").rglob("*.partial"))
        if os.waitstatus_to_exitcode(status) == 0:
            break
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        shutil.rmtree(case)
    else:
        raise AssertionError("it never came to its end")
    assert seen == {True, False} and operation > 5


def _kill_before(operation: int) -> None:
    """Kill this process before its n-th change to the file system."""
    count = [0]
    for name in ("replace", "rename", "unlink", "rmdir", "mkdir"):
        original = getattr(os, name)

        def call(*arguments, original=original, **options):
            if count[0] == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            count[0] += 1
            return original(*arguments, **options)

        setattr(os, name, call)
