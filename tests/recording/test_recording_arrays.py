"""Chunks, bytes, growing arrays, and what a store refuses."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from oscillo.recording import ArrayDeclaration, StoreError, TrajectoryStore, block_plan, bytes_expected
from oscillo.recording.block_plan import (
    GROWING_BLOCK,
    LARGEST_BLOCK,
    SMALLEST_BLOCK,
    SMALLEST_CHUNK,
    plan_block,
    plan_chunk,
)
from oscillo.recording.declarations import coordinate

quick = settings(max_examples=15, deadline=None)


def declare(name: str, shape: tuple[int, ...], dtype: str = "float32", append_dim: str | None = None):
    dims = ("step", "y", "x", "component", "oscillator")[: len(shape)]
    return ArrayDeclaration(name, dims, shape, dtype, "1", name, append_dim=append_dim)


lengths = st.lists(st.integers(1, 3000), min_size=1, max_size=6)
itemsizes = st.sampled_from([1, 2, 4, 8])
many = settings(max_examples=200, deadline=None)


@given(lengths, itemsizes)
@many
def test_blocks_are_4_to_16_mib_and_keep_inner_axes_whole(shape: list[int], itemsize: int) -> None:
    block = plan_block(shape, itemsize)
    assert all(1 <= part <= length for part, length in zip(block, shape, strict=True))
    size = prod(block) * itemsize
    assert min(SMALLEST_BLOCK, prod(shape) * itemsize) <= size <= LARGEST_BLOCK
    cut = next((axis for axis, (part, length) in enumerate(zip(block, shape, strict=True)) if part > 1), len(shape))
    assert block[cut + 1 :] == tuple(shape[cut + 1 :])


@given(st.lists(st.integers(1, 3000), min_size=2, max_size=4), st.data(), itemsizes)
@many
def test_the_end_of_a_growing_array_is_one_block_of_8_mib(shape: list[int], data: Any, itemsize: int) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    block = plan_block(shape, itemsize, axis)
    assert all(1 <= part <= length for part, length in zip(block, shape, strict=True))
    size, entry = prod(block) * itemsize, prod(shape) // shape[axis] * itemsize
    assert min(SMALLEST_BLOCK, prod(shape) * itemsize) <= size <= LARGEST_BLOCK
    if entry <= GROWING_BLOCK:
        assert size <= GROWING_BLOCK
        assert block == (*shape[:axis], block[axis], *shape[axis + 1 :])
    else:
        assert block[axis] == 1


@given(st.lists(st.integers(1, 300), min_size=2, max_size=5), st.data(), itemsizes)
@many
def test_pieces_are_some_blocks_or_blocks_some_pieces(shape: list[int], data: Any, itemsize: int) -> None:
    axes = data.draw(st.integers(1, len(shape)))
    pieces = [data.draw(st.integers(1, length)) for length in shape[:axes]]
    block = plan_block(shape, itemsize, pieces=pieces)
    size = prod(block) * itemsize
    assert min(SMALLEST_BLOCK, prod(shape) * itemsize) <= size <= LARGEST_BLOCK
    piece = prod(pieces) * prod(shape[axes:]) * itemsize
    if piece <= LARGEST_BLOCK:
        for part, whole, length in zip(block, pieces, shape, strict=False):
            assert part % whole == 0 or part == length
    if piece >= SMALLEST_BLOCK:
        assert all(part <= whole for part, whole in zip(block, pieces, strict=False))


@given(lengths, itemsizes)
@many
def test_a_block_is_its_chunks_one_after_the_other(shape: list[int], itemsize: int) -> None:
    block = plan_block(shape, itemsize)
    chunk = plan_chunk(block, itemsize)
    assert all(whole % part == 0 for whole, part in zip(block, chunk, strict=True))
    assert prod(chunk) * itemsize >= min(SMALLEST_CHUNK, prod(block) * itemsize)
    cut = next((axis for axis, part in enumerate(chunk) if part > 1), len(shape))
    assert chunk[cut + 1 :] == block[cut + 1 :]


def test_a_step_of_some_samples_is_a_block_and_one_of_a_sample_a_chunk() -> None:
    """1000 samples, 65 steps, 81 cells, 512 channels, a hundred samples at a time; and 128 channels."""
    shape, pieces = (1000, 65, 9, 9, 4, 128), (100, 1)
    assert plan_block(shape, 4, pieces=pieces) == (100, 1, 9, 9, 4, 128)
    assert plan_chunk((100, 1, 9, 9, 4, 128), 4) == (1, 1, 9, 9, 4, 128)
    smaller = plan_block((1000, 65, 9, 9, 4, 32), 4, pieces=(64, 1))
    assert smaller == (64, 6, 9, 9, 4, 32) and plan_chunk(smaller, 4) == (1, 6, 9, 9, 4, 32)


def test_a_growing_array_is_written_about_once(tmp_path: Path) -> None:
    """Whose samples would fit whole into files: no file is written again at each commit."""
    written = lambda: int(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])  # noqa: E731
    samples, times, commits = 400, 16000, 16
    array = ArrayDeclaration("a", ("sample", "time"), (samples, times), "float64", "1", "a", append_dim="time")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_plan, "GROWING_BLOCK", 4 * 2**20)
        with TrajectoryStore(tmp_path / "data.zarr") as store:
            store.declare("g", [array])
            before = written()
            for _ in range(commits):
                store.append("g/a", np.random.default_rng(0).random((samples, times // commits)))
                store.commit()
    assert written() - before < 2.5 * samples * times * 8


@given(
    st.lists(st.integers(1, 24), min_size=1, max_size=3).map(tuple),
    st.sampled_from(["bool", "int8", "int64", "float16", "float32", "float64"]),
    st.integers(1, 3),
)
@quick
def test_bytes_expected_is_what_the_disk_holds(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], dtype: str, count: int
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "data.zarr"
    arrays = [declare(f"array{number}", shape, dtype) for number in range(count)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_plan, "LARGEST_BLOCK", 4096)
        expected = bytes_expected(arrays)
        with TrajectoryStore(path) as store:
            store.declare("summary/a/layer0", arrays)
            for array in arrays:
                store.write(f"summary/a/layer0/{array.name}", (), np.zeros(shape, dtype))
    found = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert found == pytest.approx(expected, rel=0.2)


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3), st.integers(1, 3)), elements=st.floats(-9, 9)
    ),
    st.data(),
)
@quick
def test_appended_blocks_of_any_size_come_back(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("grow") / "data.zarr"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=5)))
    with pytest.MonkeyPatch.context() as patch, TrajectoryStore(path) as store:
        patch.setattr(block_plan, "LARGEST_BLOCK", 8 * 9 * 4)
        store.declare("training", [declare("state", (40, *values.shape[1:]), "float64", "step")])
        for part in np.split(values, cuts):
            block = part.copy()
            store.append("training/state", block)
            block += 100  # the store has its own copy
            if data.draw(st.booleans()):
                store.commit()
    np.testing.assert_array_equal(xr.open_datatree(str(path), engine="zarr")["training/state"], values)


def grow(store: TrajectoryStore, length: int) -> None:
    start = store.lengths.get("training/step", 0)
    store.append("training/step", np.arange(start, start + length))
    store.append("training/loss", np.arange(start, start + length, dtype=np.float32)[:, None])
    store.commit()


def test_going_back_to_a_checkpoint(tmp_path: Path) -> None:
    """A store that is ahead of the checkpoint loses what came after it, also arrays that came after it."""
    arrays = [coordinate("step", 100, append=True), declare("loss", (100, 1), append_dim="step")]
    store = TrajectoryStore(tmp_path / "data.zarr")
    store.declare("training", arrays)
    grow(store, 7)
    lengths = store.lengths
    grow(store, 5)
    store.declare("late", [coordinate("step", 10, append=True)])
    store.append("late/step", np.arange(3))
    store.commit()
    assert store.lengths == {"training/step": 12, "training/loss": 12, "late/step": 3}

    resumed = TrajectoryStore(tmp_path / "data.zarr")
    resumed.declare("training", arrays)
    resumed.declare("late", [coordinate("step", 10, append=True)])
    resumed.truncate(lengths)
    assert resumed.lengths == {**lengths, "late/step": 0}
    grow(resumed, 4)
    tree = xr.open_datatree(str(tmp_path / "data.zarr"), engine="zarr")
    np.testing.assert_array_equal(tree["training/loss"].values[:, 0], np.arange(11))
    with pytest.raises(ValueError, match="cannot be cut to 99"):
        resumed.truncate({"training/step": 99})


def test_readers_see_only_what_is_committed(tmp_path: Path) -> None:
    store = TrajectoryStore(tmp_path / "data.zarr")
    store.declare("training", [declare("loss", (100, 1), append_dim="step")])
    store.append("training/loss", np.zeros((100, 1)))  # a whole chunk: on disk, and not there
    store.flush()
    assert (tmp_path / "data.zarr/training/loss/c").is_dir()
    assert "training" not in xr.open_datatree(str(tmp_path / "data.zarr"), engine="zarr")
    store.commit()
    assert xr.open_datatree(str(tmp_path / "data.zarr"), engine="zarr")["training/loss"].shape == (100, 1)


def test_attributes_names_and_fill_are_plain_xarray(tmp_path: Path) -> None:
    array = ArrayDeclaration("energy", ("sample", "step"), (3, 2), "float32", "1", "energy E", "-1/2 sum <x, J x>")
    with TrajectoryStore(tmp_path / "data.zarr", {"spec_sha256": "ab"}) as store:
        store.declare("summary/id/layer0", [array], {"steps": 2})
        store.write("summary/id/layer0/energy", (slice(0, 2),), np.ones((2, 2)))
    tree = xr.open_datatree(str(tmp_path / "data.zarr"), engine="zarr")
    assert tree.attrs["spec_sha256"] == "ab" and tree.attrs["format_version"] == 2 and tree.attrs["oscillo_version"]
    energy = tree["summary/id/layer0/energy"]
    assert energy.dims == ("sample", "step") and tree["summary/id/layer0"].attrs["steps"] == 2
    assert energy.attrs == {"units": "1", "long_name": "energy E", "description": "-1/2 sum <x, J x>"}
    np.testing.assert_array_equal(energy, [[1, 1], [1, 1], [np.nan, np.nan]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dims": ("step",)}, "do not name the axes"),
        ({"dims": ("step", "step")}, "do not name the axes"),
        ({"shape": (0, 2)}, "at least 1"),
        ({"dtype": "complex64"}, "component"),
        ({"dtype": "U4"}, "cannot be stored"),
        ({"append_dim": "time"}, "no dimension 'time'"),
        ({"name": "a/b"}, "only letters"),
    ],
)
def test_impossible_declarations(change: dict, message: str) -> None:
    good = {"name": "a", "dims": ("step", "y"), "shape": (1, 2), "dtype": "float32", "units": "1", "long_name": "a"}
    ArrayDeclaration(**good)
    with pytest.raises(ValueError, match=message):
        ArrayDeclaration(**{**good, **change})


def test_what_a_store_refuses(tmp_path: Path) -> None:
    store = TrajectoryStore(tmp_path / "data.zarr")
    store.declare("a", [declare("grows", (10, 2), append_dim="step"), coordinate("step", 10, append=True)])
    store.declare("b", [declare("fixed", (10, 2))])
    with pytest.raises(ValueError, match="does not fit"):
        store.append("a/grows", np.zeros((3, 5)))
    with pytest.raises(ValueError, match="complex"):
        store.append("a/grows", np.zeros((3, 2), complex))
    with pytest.raises(ValueError, match="use `write`"):
        store.append("b/fixed", np.zeros((3, 2)))
    with pytest.raises(ValueError, match="use `append`"):
        store.write("a/grows", (), np.zeros((10, 2)))
    with pytest.raises(ValueError, match="does not fit the region"):
        store.write("b/fixed", (slice(8, 12),), np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"declared are: a/grows, a/step, b/fixed"):
        store.write("b/other", (), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="inside another"):
        store.declare("b/c", [declare("fixed", (1,))])
    with pytest.raises(ValueError, match="others 3"):
        store.declare("c", [declare("one", (3,)), declare("two", (4,))])
    store.append("a/grows", np.zeros((3, 2)))
    with pytest.raises(ValueError, match="different lengths"):
        store.commit()
    store.append("a/step", np.arange(3))
    store.commit()  # refusals leave the store usable
    resumed = TrajectoryStore(tmp_path / "data.zarr")
    with pytest.raises(ValueError, match="was recorded with"):
        resumed.declare("b", [declare("fixed", (10, 3))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "not the commit record"),
        ("no json", "not the commit record"),
        (
            '{"attributes": {"format_version": 9, "oscillo_version": "9.9"}, "consolidated_metadata": '
            '{"metadata": {}}}',
            "written by oscillo 9.9",
        ),
    ],
)
def test_foreign_stores(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "zarr.json").write_text(text)
    with pytest.raises(StoreError, match=message):
        TrajectoryStore(tmp_path)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StoreError, match="not empty"):
        TrajectoryStore(tmp_path)
    assert (tmp_path / "thesis.tex").exists()
    with pytest.raises(StoreError, match="could not be written"):
        TrajectoryStore(tmp_path / "thesis.tex" / "data.zarr")
