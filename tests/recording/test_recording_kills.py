"""Two hundred killed writers: every store opens and holds a prefix, and the last one ends with all of it."""

from __future__ import annotations

import random
import select
import subprocess
import sys
from mmap import mmap
from pathlib import Path

import kill_scenario as scenario
import numpy as np
import pytest
import xarray as xr

from oscillo.recording import block_plan


def check_prefix(store: Path) -> int:
    """Everything a reader sees is right; returns how much there is."""
    tree = xr.open_datatree(str(store), engine="zarr", chunks=None)
    if "states" not in tree:
        return 0
    length = tree["states"].sizes["time"]
    np.testing.assert_array_equal(tree["states/time"], scenario.times(0, length))
    np.testing.assert_array_equal(tree["states/state"], scenario.states(0, length))
    return length


def kill(store: Path, kills: int, seed: int) -> tuple[int, int]:
    """Kill writers one after the other and read all the time. Returns kills inside a commit, and reads beside one."""
    inside, reads, length = 0, 0, 0
    with subprocess.Popen(
        [sys.executable, scenario.__file__, str(store), str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writers:
        assert writers.stdin and writers.stdout
        for number in range(kills):
            writers.stdin.write("\n")
            writers.stdin.flush()
            while not select.select([writers.stdout], [], [], 0)[0]:
                if number and (store / "zarr.json").exists():
                    now = check_prefix(store)
                    assert now >= length
                    length, reads = now, reads + 1
            inside += int(writers.stdout.readline())
            if (store / "zarr.json").exists():
                now = check_prefix(store)
                assert now >= length
                length = now
        writers.stdin.close()
    assert 0 < length < scenario.LENGTH
    return inside, reads


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_writers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int) -> None:
    store = tmp_path / "data.zarr"
    inside, reads = kill(store, kills, seed=kills)
    print(
        f"{kills} kills, {inside} of them inside a commit; {reads} reads beside a writer; {check_prefix(store)} entries"
    )
    assert reads >= kills / 2
    assert inside >= kills / 20
    monkeypatch.setattr(block_plan, "GROWING_BLOCK", 6000)
    monkeypatch.setattr(block_plan, "SMALLEST_CHUNK", 1000)
    scenario.record(store, mmap(-1, 1), random.Random(0), most=4000)
    assert check_prefix(store) == scenario.LENGTH
    assert not [path for path in store.rglob("*") if ".partial" in path.name]
