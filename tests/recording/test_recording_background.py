"""The thread that writes: bounded, told about, and stopped by its first error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from oscillo.recording import ArrayDeclaration, StoreError, TrajectoryStore, background_writer, store_files
from oscillo.recording.background_writer import BackgroundWriter
from oscillo.recording.store_files import LocalFiles


def test_the_queue_holds_so_many_bytes_and_counts_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_writer, "QUEUE_BYTES", 30)
    writer, gate, most = BackgroundWriter(), threading.Semaphore(0), [0]
    waiting: list[int] = []

    def write() -> None:
        gate.acquire()
        waiting.pop()

    def release() -> None:
        for _ in range(8):
            time.sleep(0.02)
            gate.release()

    threading.Thread(target=release).start()
    for number in range(8):
        writer.submit("a block", 10, write)
        waiting.append(number)
        most[0] = max(most[0], len(waiting))
    writer.drain()
    writer.stop()
    assert most[0] <= 4  # three that are held, and one that has just been written
    assert 0.05 < writer.waited < 1.0


def test_one_block_larger_than_the_queue_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_writer, "QUEUE_BYTES", 30)
    writer, done = BackgroundWriter(), []
    writer.submit("a block", 100, lambda: done.append(1))
    writer.stop()
    assert done == [1] and writer.waited < 0.1


def slow_put(seconds: float) -> Callable:
    put = LocalFiles.put
    return lambda files, key, parts: ("/c/" in key and time.sleep(seconds), put(files, key, parts))


def growing(entries: int) -> ArrayDeclaration:
    return ArrayDeclaration("a", ("time", "oscillator"), (entries, 2**20), "float32", "1", "a", append_dim="time")


def test_whoever_records_faster_than_the_disk_waits_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalFiles, "put", slow_put(0.06))
    monkeypatch.setattr(background_writer, "QUEUE_BYTES", 2**23)
    monkeypatch.setattr("oscillo.recording.store._NOTICEABLE", 0.2)
    with TrajectoryStore(tmp_path / "data.zarr") as store:
        store.declare("g", [growing(12)])
        assert store.slow_disk is None
        for step in range(12):
            store.append("g/a", np.full((1, 2**20), step, np.float32))
        assert store.waited_s > 0.2 and "for the disk" in (store.slow_disk or "")
    found = xr.open_datatree(str(tmp_path / "data.zarr"), engine="zarr")["g/a"]
    np.testing.assert_array_equal(found[:, 7], np.arange(12))


def test_what_the_thread_meets_stops_the_store_at_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up: a message, an intact store, and a run that goes on from there when there is room."""
    path, put, room = tmp_path / "data.zarr", LocalFiles.put, [True]

    def refuse(files: LocalFiles, key: str, parts: list) -> None:
        if not room[0] and "/c/" in key:
            raise OSError(28, "No space left on device")
        put(files, key, parts)

    monkeypatch.setattr(store_files.LocalFiles, "put", refuse)
    store = TrajectoryStore(path)
    store.declare("g", [growing(40)])
    store.append("g/a", np.zeros((3, 2**20), np.float32))
    store.commit()
    room[0] = False
    with pytest.raises(StoreError, match=r"g/a could not be written: No space left on device.*is intact; make room"):
        for _ in range(40):
            store.append("g/a", np.ones((1, 2**20), np.float32))
            time.sleep(0.005)
    for call in (store.commit, store.flush, store.close, lambda: store.append("g/a", np.zeros((1, 2**20), np.float32))):
        with pytest.raises(StoreError, match="nothing more is written since writing g/a broke off"):
            call()
    tree = xr.open_datatree(str(path), engine="zarr")
    assert tree["g/a"].shape[0] == 3 and (tree["g/a"].values == 0).all()
    room[0] = True
    with TrajectoryStore(path) as again:
        again.declare("g", [growing(40)])
        again.append("g/a", np.ones((2, 2**20), np.float32))
    np.testing.assert_array_equal(xr.open_datatree(str(path), engine="zarr")["g/a"][:, 0], [0, 0, 0, 1, 1])


def test_a_mistake_in_the_thread_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(files: LocalFiles, key: str, parts: list) -> None:
        raise RuntimeError("a mistake of ours")

    store = TrajectoryStore(tmp_path / "data.zarr")
    store.declare("g", [growing(4)])
    monkeypatch.setattr(LocalFiles, "put", broken)
    store.append("g/a", np.ones((2, 2**20), np.float32))
    with pytest.raises(StoreError, match="a mistake of ours"):
        store.commit()


def test_fsync_comes_before_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, str]] = []
    sync, put = LocalFiles.sync, LocalFiles.put
    monkeypatch.setattr(
        LocalFiles, "sync", lambda s, keys: (keys := list(keys), order.extend(("sync", k) for k in keys), sync(s, keys))
    )
    monkeypatch.setattr(LocalFiles, "put", lambda s, key, parts: (order.append(("put", key)), put(s, key, parts)))
    with TrajectoryStore(tmp_path / "data.zarr", fsync=True) as store:
        store.declare("g", [growing(3)])
        order.clear()
        store.append("g/a", np.ones((3, 2**20), np.float32))
        store.commit()
        record = order.index(("put", "zarr.json"))
        blocks = [place for place, (what, key) in enumerate(order) if what == "sync" and "/c/" in key]
        assert len(blocks) == len({key for what, key in order if what == "put" and "/c/" in key}) > 0
        assert max(blocks) < record < order.index(("sync", "zarr.json"))
        assert {("sync", "g/zarr.json"), ("sync", "g/a/zarr.json")} <= set(order[:record])
