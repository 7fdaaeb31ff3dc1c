"""Whatever kills a writer, readers see the last commit and a resumed run ends with the same data."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import recording_scenario as scenario
import xarray as xr

from oscillo.recording import RunDirectory, TrajectoryStore, block_plan, open_run

SCRIPT = scenario.__file__


def check_readable(tree: xr.DataTree) -> tuple[int, int]:
    """Everything visible is whole: a prefix of what grew, and one round of the evaluation, never a mixture."""
    length = tree["training"].sizes["step"] if "training" in tree else 0
    if length:
        np.testing.assert_array_equal(tree["training/step"], np.arange(length))
        np.testing.assert_array_equal(tree["training/loss"], scenario.grown(0, length))
    assert length % scenario.BLOCK == 0
    if "trajectory" not in tree:
        assert "result" not in tree
        return length, 0
    number = tree["trajectory/hard"].attrs["round"]
    for part in ("trajectory/hard/layer0", "result/hard"):
        assert tree[part].attrs["round"] == number and tree[part].attrs["complete"] is True
        np.testing.assert_array_equal(tree[part]["sample"], np.arange(scenario.SAMPLES))
    assert (tree["trajectory/hard/layer0/state"].values == number).all()
    assert tree["result/hard/correct"].values.all()
    return length, number


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path, "crash", spec_yaml="version: 1\n", sources={}, provenance={"started": "now"})


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_a_file_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    subprocess.run([sys.executable, SCRIPT, "points", str(tmp_path), str(every)], check=True)
    monkeypatch.setattr(block_plan, "LARGEST_BLOCK", scenario.SMALL_BLOCK)
    cases = sorted(tmp_path.iterdir())
    assert len(cases) > 150 / every
    for case in cases:
        data = case / "data.zarr"
        committed = tuple(int(word) for word in (case / "note").read_text().split())
        if (data / "zarr.json").exists():
            length, rounds = check_readable(open_plain(data))
            # Nothing that was committed is lost, and at most the next commit came through besides.
            assert committed[0] <= length <= committed[0] + scenario.BLOCK
            assert committed[1] <= rounds <= committed[1] + 1
        else:
            assert committed == (0, 0)
        scenario.write_all(data)
        assert check_readable(open_plain(data)) == (scenario.BLOCK * scenario.BLOCKS, scenario.ROUNDS)
        assert not [path for path in data.rglob("*") if ".partial" in path.name]
        assert len(list((data / "result").iterdir())) == 2  # one round and the group's document


def open_plain(data: Path) -> xr.DataTree:
    """Open the store as anybody may, without `open_run`; only the numbers of replacing groups are dropped."""
    tree = xr.open_datatree(str(data), engine="zarr", chunks=None)
    nodes = {node.path.split("@")[0] + node.path.partition("@")[2][1:]: node.to_dataset() for node in tree.subtree}
    return xr.DataTree.from_dict(nodes)


def kill_while_reading(run: RunDirectory, kills: int, seconds: float) -> int:
    """Kill and restart a writer; read all the time. Returns the number of reads that saw data."""
    reads, rng, seen = 0, random.Random(kills), (0, 0)
    for _ in range(kills):
        writer = subprocess.Popen([sys.executable, SCRIPT, "forever", str(run.path)])
        try:
            end = time.monotonic() + seconds * rng.uniform(0.7, 1.3)
            start = seen
            # A slow machine may need long to start a writer: each must be caught at work.
            while time.monotonic() < end or seen == start:
                now = check_readable(open_run(run.path).data)
                assert now >= seen
                seen, reads = now, reads + (now[0] > 0)
                assert writer.poll() is None
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        seen = check_readable(open_run(run.path).data)
    return reads


def test_live_reads_while_a_writer_is_killed_and_resumed(run: RunDirectory) -> None:
    assert kill_while_reading(run, kills=2, seconds=2.0) >= 2
    assert open_run(run.path).state == "interrupted"


@pytest.mark.slow
def test_many_kills(run: RunDirectory) -> None:
    assert kill_while_reading(run, kills=20, seconds=2.0) >= 20


def check_full(folder: Path, said: str) -> None:
    first, second, third = said.splitlines()
    assert "could not be written" in first and "committed before is intact" in first
    assert "nothing more is written" in second and "nothing more is written" in third


def test_a_full_disk_leaves_what_was_committed(run: RunDirectory) -> None:
    done = subprocess.run([sys.executable, SCRIPT, "full", str(run.path)], check=True, capture_output=True, text=True)
    check_full(run.path, done.stdout)
    assert check_readable(open_run(run.path).data) == (scenario.BLOCK, 1)
    with TrajectoryStore(run.data) as store:  # there is room again
        scenario.record_round(store, 2)
    assert check_readable(open_run(run.path).data) == (scenario.BLOCK, 2)


def test_a_really_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=3m none {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a test mount a small disk")
    read = f"{sys.executable} -c 'import test_recording_crash as t, pathlib; t.print_state(pathlib.Path(\"{disk}\"))'"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && {sys.executable} {SCRIPT} full {disk} && {read}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(SCRIPT).parent,
    )
    *said, state = done.stdout.splitlines()
    assert "No space left on device" in said[0]
    check_full(disk, "\n".join(said))
    assert state == f"({scenario.BLOCK}, 1)"


def print_state(folder: Path) -> None:
    print(check_readable(open_plain(folder / "data.zarr")))
