"""Blocks on disk are what zarr reads, however their numbers arrive."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.recording import ArrayDeclaration, TrajectoryStore, block_plan, open_array
from oscillo.recording.store_files import LocalFiles

DIMS = ("sample", "step", "component", "oscillator")
quick = settings(max_examples=30, deadline=None)


def declare(shape: tuple[int, ...], dtype: str, **more: Any) -> ArrayDeclaration:
    return ArrayDeclaration("a", DIMS[: len(shape)], shape, dtype, "1", "a", **more)


def numbered(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    return numbers.astype(str).astype(object) if dtype == "string" else numbers.astype(dtype)


def small_blocks(patch: pytest.MonkeyPatch, block: int, chunk: int) -> None:
    patch.setattr(block_plan, "LARGEST_BLOCK", block)
    patch.setattr(block_plan, "GROWING_BLOCK", block)
    patch.setattr(block_plan, "SMALLEST_BLOCK", block // 4)
    patch.setattr(block_plan, "SMALLEST_CHUNK", chunk)


def read(path: Path) -> np.ndarray:
    return xr.open_datatree(str(path), engine="zarr", chunks=None)["g/a"].values


shapes = st.lists(st.integers(1, 9), max_size=4).map(tuple)
dtypes = st.sampled_from(["bool", "int8", "uint16", "int64", "float16", "float32", "float64", "string"])


@given(shapes, dtypes, st.sampled_from([64, 500, 4000]), st.sampled_from([8, 64, 4000]), st.data())
@quick
def test_regions_in_any_order_come_back(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], dtype: str, block: int, chunk: int, data: Any
) -> None:
    """Also when hardly any block may wait in memory, so that they are written and read again."""
    path, values = tmp_path_factory.mktemp("regions") / "data.zarr", numbered(shape, dtype)
    pieces = tuple(data.draw(st.integers(1, n)) for n in shape[: data.draw(st.integers(0, len(shape)))])
    cuts = [sorted({0, length, *data.draw(st.lists(st.integers(0, length), max_size=3))}) for length in shape]
    regions = list(product(*[[slice(*ends) for ends in pairwise(cut)] for cut in cuts]))
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, block, chunk)
        patch.setattr(open_array, "PARTIAL_BYTES", data.draw(st.sampled_from([0, 10**6])))
        with TrajectoryStore(path) as store:
            store.declare("g", [declare(shape, dtype, pieces=pieces)])
            for region in data.draw(st.permutations(regions)):
                given_away = np.array(values[region], values.dtype)
                store.write("g/a", region, given_away)
                if dtype != "string":
                    given_away[...] = 0  # the store has its own copy
                if data.draw(st.booleans()):
                    store.flush()
    np.testing.assert_array_equal(read(path), values)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_was_never_written_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    small_blocks(monkeypatch, 64, 16)
    with TrajectoryStore(tmp_path / "data.zarr") as store:
        store.declare("g", [declare((4, 8), dtype)])
        store.write("g/a", (slice(1, 2), slice(3, 5)), np.ones((1, 2), dtype))
    found = read(tmp_path / "data.zarr")
    assert found.dtype == dtype and np.isnan(found).sum() == 30 and (found[1, 3:5] == 1).all()


def test_a_shard_is_as_zarr_writes_it(tmp_path: Path) -> None:
    """Byte by byte, the checksum of its index included."""
    values = np.random.default_rng(0).random((40, 3, 9, 512), dtype=np.float32)
    array = declare(values.shape, "float32", pieces=(40, 1))
    assert array.block != array.chunks
    with TrajectoryStore(tmp_path / "data.zarr") as store:
        store.declare("g", [array])
        store.write("g/a", (), values)
    theirs = zarr.create_array(
        str(tmp_path / "theirs.zarr"), shape=values.shape, chunks=array.chunks, shards=array.block, dtype="float32",
        compressors=None, fill_value=np.nan, config={"write_empty_chunks": True},
    )  # fmt: skip
    theirs[:] = values
    for file in (tmp_path / "theirs.zarr/c").rglob("*"):
        if file.is_file():
            ours = tmp_path / "data.zarr/g/a" / file.relative_to(tmp_path / "theirs.zarr")
            assert ours.read_bytes() == file.read_bytes()


def test_every_block_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of a batch after the other, and growing by less than a block at a time."""
    small_blocks(monkeypatch, 1600, 100)
    put: list[str] = []
    monkeypatch.setattr(
        LocalFiles, "put", lambda files, key, parts, do=LocalFiles.put: (put.append(key), do(files, key, parts))
    )
    monkeypatch.setattr(LocalFiles, "get", lambda files, key, do=LocalFiles.get: (_no_blocks(key), do(files, key))[1])
    fixed, grows = declare((30, 7, 2, 4), "float32", pieces=(10, 1)), declare((3, 50), "float64", append_dim="step")
    with TrajectoryStore(tmp_path / "data.zarr") as store:
        store.declare("g", [fixed])
        store.declare("h", [grows])
        values = numbered(fixed.shape, "float32")
        for first in range(0, 30, 10):
            for step in range(7):
                region = (slice(first, first + 10), slice(step, step + 1))
                store.write("g/a", region, values[region])
        for step in range(50):
            store.append("h/a", np.full((3, 1), step))
    blocks = [key for key in put if "/c/" in key]
    assert len(blocks) == len(set(blocks)) > 6
    np.testing.assert_array_equal(read(tmp_path / "data.zarr"), values)


def _no_blocks(key: str) -> None:
    if "h/a/c/" in key:
        raise AssertionError(f"{key} was read again")


def test_a_resumed_array_keeps_the_blocks_it_was_planned_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array, path = declare((2, 100), "float64", append_dim="step"), tmp_path / "data.zarr"
    values = numbered((2, 100), "float64")
    with TrajectoryStore(path) as store:
        store.declare("g", [array])
        store.append("g/a", values[:, :37])
    small_blocks(monkeypatch, 64, 64)
    longer = declare((2, 100), "float64", append_dim="step")
    assert longer.block != array.block
    with TrajectoryStore(path) as store:
        store.declare("g", [longer])
        store.append("g/a", values[:, 37:])
    np.testing.assert_array_equal(read(path), values)
    assert len(list((path / "g/a/c").rglob("*/*"))) == 1
