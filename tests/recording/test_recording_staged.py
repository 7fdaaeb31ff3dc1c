"""What was not finished: an interrupted evaluation goes on, and workers fill a store that is not theirs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import staged_scenario as scenario
import xarray as xr

from oscillo.recording import ArrayDeclaration, Recorder, RegionWriter, StoreError, TrajectoryStore

SCRIPT = scenario.__file__


def check_recorded(path: Path) -> None:
    tree = xr.open_datatree(str(path), engine="zarr", chunks=None)
    group = next(node for node in tree["trajectory"].children.values())["layer0"]
    assert group.attrs == {**scenario.FACTS, "evaluation": "hard", "generation": 1, "complete": True}
    for sample in range(scenario.SAMPLES):
        for step in range(scenario.STEPS):
            np.testing.assert_array_equal(group["state"][sample, step], scenario.expected(sample, step))


def test_an_evaluation_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    store, note, went_on = tmp_path / "data.zarr", tmp_path / "note", 0
    for _ in range(2):
        writer = subprocess.Popen([sys.executable, SCRIPT, "evaluate", str(store), str(note)])
        start, deadline = note.read_text() if note.exists() else "0", time.monotonic() + 30
        while (not note.exists() or note.read_text() in ("", start)) and time.monotonic() < deadline:
            time.sleep(0.002)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        assert "trajectory" not in xr.open_datatree(str(store), engine="zarr")
        assert int(note.read_text()) > int(start)  # it did go on
        went_on += 1
    with TrajectoryStore(store) as again:
        resumed, done = scenario.evaluate(again, note)
        assert resumed and done >= 3 * went_on
    check_recorded(store)


def test_an_interruption_keeps_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, note = tmp_path / "data.zarr", tmp_path / "note"
    fill, calls = scenario.fill, [0]

    def interrupted(*arguments: object) -> None:
        calls[0] += 1
        if calls[0] == 32:
            raise KeyboardInterrupt
        fill(*arguments)  # pyright: ignore

    monkeypatch.setattr(scenario, "fill", interrupted)
    with pytest.raises(KeyboardInterrupt), TrajectoryStore(store) as first:
        scenario.evaluate(first, note)
    with TrajectoryStore(store) as again:
        assert scenario.evaluate(again, note) == (True, 30)
    check_recorded(store)


@pytest.mark.parametrize("change", ["attributes", "arrays", "other arrays"])
def test_what_is_declared_otherwise_is_made_anew(tmp_path: Path, change: str) -> None:
    path, facts, groups = tmp_path / "data.zarr", scenario.FACTS, scenario.groups()
    store = TrajectoryStore(path)
    scenario.fill(Recorder(store, "hard", groups, facts), 0, 0)
    store.flush()
    assert list(path.rglob("state/c/0/0/0"))
    if change == "attributes":
        facts = {**facts, "spec": "cd"}
    elif change == "arrays":
        groups = scenario.groups(oscillators=4)
    else:
        more = ArrayDeclaration("energy", ("sample",), (scenario.SAMPLES,), "float32", "1", "energy")
        groups = [type(groups[0])("trajectory", (*groups[0].arrays, more), "layer0", groups[0].coordinates)]
    again = TrajectoryStore(path)
    assert not Recorder(again, "hard", groups, facts).resumed
    again.flush()
    assert not list(path.rglob("state/c/0/0/0"))


def test_what_nobody_declares_again_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "data.zarr"
    store = TrajectoryStore(path)
    scenario.fill(Recorder(store, "hard", scenario.groups(), scenario.FACTS), 0, 0)
    store.flush()
    again = TrajectoryStore(path)
    assert (path / "trajectory").exists()
    again.close()
    assert [file.name for file in path.iterdir()] == ["zarr.json"]


def test_what_cannot_be_staged(tmp_path: Path) -> None:
    grows = ArrayDeclaration("a", ("time",), (3,), "float32", "1", "a", append_dim="time")
    fixed = ArrayDeclaration("a", ("sample",), (3,), "float32", "1", "a")
    store = TrajectoryStore(tmp_path / "data.zarr")
    with pytest.raises(ValueError, match="fixed shape"):
        store.declare("g", [grows], staged=True)
    store.declare("h", [fixed])
    store.write("h/a", (), np.ones(3))
    store.commit()
    with pytest.raises(ValueError, match="h is committed"):
        store.declare("h", [fixed], staged=True)
    store.close()
    assert (xr.open_datatree(str(tmp_path / "data.zarr"), engine="zarr")["h/a"] == 1).all()


def test_what_was_staged_and_is_declared_plainly_is_made_anew(tmp_path: Path) -> None:
    fixed = ArrayDeclaration("a", ("sample",), (3,), "float32", "1", "a")
    store = TrajectoryStore(tmp_path / "data.zarr", fsync=True)
    store.declare("g", [fixed], staged=True)
    store.write("g/a", (), np.ones(3))
    store.flush()
    store = TrajectoryStore(tmp_path / "data.zarr", fsync=True)
    store.declare("h", [fixed], staged=True)
    store.write("h/a", (), np.ones(3))
    store.flush()
    store.discard(["h"])
    assert not store.declare("g", [fixed])
    store.close()
    assert np.isnan(xr.open_datatree(str(tmp_path / "data.zarr"), engine="zarr")["g/a"]).all()


def test_processes_fill_regions_of_one_store(tmp_path: Path) -> None:
    path = tmp_path / "data.zarr"
    store = TrajectoryStore(path)
    store.declare("sweep", [scenario.shared()], staged=True)
    store.commit()
    before = (path / "zarr.json").read_bytes()
    arguments = [[sys.executable, SCRIPT, "work", str(path), str(number), "2"] for number in range(2)]
    workers = [subprocess.Popen(one) for one in arguments]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert (path / "zarr.json").read_bytes() == before
    assert "sweep" not in xr.open_datatree(str(path), engine="zarr")
    store.publish({"sweep": {}})
    store.close()
    state = xr.open_datatree(str(path), engine="zarr")["sweep/state"].values
    assert (state == np.arange(scenario.ROWS)[:, None]).all()


def test_regions_of_what_readers_see_already(tmp_path: Path) -> None:
    path = tmp_path / "data.zarr"
    with TrajectoryStore(path) as store:
        store.declare("sweep", [scenario.shared()])
        store.commit()
        assert np.isnan(xr.open_datatree(str(path), engine="zarr")["sweep/state"][:, 0]).all()
        scenario.work(path, 0, 2)
        scenario.work(path, 1, 2)
    state = xr.open_datatree(str(path), engine="zarr")["sweep/state"].values
    assert (state == np.arange(scenario.ROWS)[:, None]).all()


def test_what_a_worker_may_not_do(tmp_path: Path) -> None:
    path = tmp_path / "data.zarr"
    with pytest.raises(StoreError, match="not a trajectory store"):
        RegionWriter(path, "sweep/state")
    store = TrajectoryStore(path)
    with pytest.raises(StoreError, match="its owner declares it"):
        RegionWriter(path, "sweep/state")
    shape = (10, 2**20)
    store.declare("g", [ArrayDeclaration("a", ("point", "oscillator"), shape, "float32", "1", "a", pieces=(4,))])
    with RegionWriter(path, "g/a") as writer:
        assert writer.block == (4, 2**20)
        writer.write((slice(8, 10),), np.ones((2, 2**20)))  # what is left at the end is a block
        with pytest.raises(ValueError, match=r"where its blocks do, \(4, 1048576\)"):
            writer.write((slice(0, 3),), np.ones((3, 2**20)))
        with pytest.raises(ValueError, match="where its blocks do"):
            writer.write((slice(0, 4), slice(0, 5)), np.ones((4, 5)))
