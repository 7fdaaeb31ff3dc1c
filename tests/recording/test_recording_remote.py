"""A store behind an fsspec URL: the same store, whatever it lies on."""

from __future__ import annotations

import builtins
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import recording_scenario as scenario
import staged_scenario
import xarray as xr
from zarr.storage import FsspecStore

from oscillo.recording import ArrayDeclaration, RegionWriter, StoreError, TrajectoryStore
from oscillo.recording.store_files import LocalFiles, RemoteFiles, StoreFiles

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["memory", "folder", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may lie: with a file system of fsspec's, as a folder, and as the URL of a folder."""
    name = f"{uuid4().hex}/data.zarr"
    return {"memory": f"memory://{name}", "folder": str(tmp_path / name), "file": f"file://{tmp_path}/{name}"}[
        request.param
    ]


def read(place: str) -> xr.DataTree:
    source = FsspecStore.from_url(place, read_only=True) if "://" in place else place
    return xr.open_datatree(source, engine="zarr", chunks=None)  # pyright: ignore


def files_of(place: str) -> StoreFiles:
    return RemoteFiles(place) if place.startswith("memory") else LocalFiles(Path(place.removeprefix("file://")))


def test_growing_replacing_and_resuming(place: str) -> None:
    scenario.write_all(place)  # pyright: ignore[reportArgumentType]
    tree, entries = read(place), scenario.BLOCK * scenario.BLOCKS
    np.testing.assert_array_equal(tree["training/loss"], scenario.grown(0, entries))
    assert (tree[f"trajectory/hard@{scenario.ROUNDS}/layer0/state"].values == scenario.ROUNDS).all()
    assert not [key for key in files_of(place).keys() if key.startswith("trajectory/hard/")]  # the first round
    with TrajectoryStore(place) as store:
        more = scenario.growing(entries)
        store.declare("training", more)
        store.truncate({"training/step": 7, "training/loss": 7})
        store.append("training/step", np.arange(7, 9))
        store.append("training/loss", scenario.grown(7, 9))
    np.testing.assert_array_equal(read(place)["training/loss"], scenario.grown(0, 9))


def test_a_writer_that_died_leaves_the_last_commit(place: str) -> None:
    store = TrajectoryStore(place)
    store.declare("training", scenario.growing(100))
    for block in range(3):
        store.append("training/step", np.arange(block * 5, block * 5 + 5))
        store.append("training/loss", scenario.grown(block * 5, block * 5 + 5))
        store.flush() if block == 2 else store.commit()
    store.declare("late", [ArrayDeclaration("a", ("sample",), (3,), "float32", "1", "a")])
    store.write("late/a", (), np.ones(3))
    store.flush()
    assert [key for key in files_of(place).keys() if key.startswith("late/")]
    assert read(place)["training"].sizes["step"] == 10
    TrajectoryStore(place)
    assert not [key for key in files_of(place).keys() if key.startswith("late/")]
    assert read(place)["training"].sizes["step"] == 10


def test_an_unfinished_group_and_regions(place: str, tmp_path: Path) -> None:
    note = tmp_path / "note"
    store = TrajectoryStore(place)
    store.declare("sweep", [staged_scenario.shared()], {"a": 1}, staged=True)
    rows = staged_scenario.shared().block[0]
    with RegionWriter(place, "sweep/state") as writer:
        writer.write((slice(0, rows),), np.ones((rows, staged_scenario.COLUMNS)))
    again = TrajectoryStore(place)
    assert again.declare("sweep", [staged_scenario.shared()], {"a": 1}, staged=True)
    again.publish({"sweep": {}})
    assert (read(place)["sweep/state"][:rows].values == 1).all()
    with again:
        assert staged_scenario.evaluate(again, note) == (False, 0)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match=r"oscillo\[remote\].*package of its own"):
        TrajectoryStore("nowhere://bucket/data.zarr")
    original = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.startswith("fsspec"):
            raise ImportError(name)
        return original(name, *rest)  # pyright: ignore

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"needs fsspec: pip install 'oscillo\[remote\]'"):
        TrajectoryStore("s3://bucket/data.zarr")


def test_something_else_behind_a_url() -> None:
    folder = f"memory://{uuid4().hex}"
    fsspec.filesystem("memory").pipe_file(f"{folder.removeprefix('memory:/')}/thesis.tex", b"")
    with pytest.raises(StoreError, match="not empty and not a trajectory store"):
        TrajectoryStore(folder)
