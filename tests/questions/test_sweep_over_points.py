"""A variable over all points has the runs' own numbers in their places, and a large one is never held whole."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from xarray.core import indexing

from oscillo.questions.sweep import gathering
from oscillo.questions.sweep.gathering import Found, gathered
from oscillo.questions.sweep.over_points import OverPoints
from oscillo.questions.sweep.units import Division
from oscillo.recording import TrajectoryStore, block_plan, write_datasets
from oscillo.spec import SweepSpec


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_point_has_its_numbers(data: Any) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
    each, inner = data.draw(st.integers(1, 3)), tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    order = data.draw(st.permutations(range(int(np.prod(sizes)))))
    cuts = sorted({0, len(order), *data.draw(st.lists(st.integers(0, len(order)), max_size=3))})
    points = {number: order[a:b] for number, (a, b) in enumerate(pairwise(cuts))}
    lacking = data.draw(st.sets(st.sampled_from(sorted(points)), max_size=len(points) - 1))
    whole = np.arange(len(order) * each * int(np.prod(inner)), dtype=float).reshape(len(order), each, *inner)
    dims = ("sample", "time", "oscillator")[: 1 + len(inner)]
    found = {n: xr.DataArray(whole[list(p)].reshape(-1, *inner), dims=dims) for n, p in points.items()}
    for number in lacking:
        whole[list(points[number])] = np.nan
        del found[number]
    expected = whole.reshape(*sizes, *((each,) if each > 1 else ()), *inner)
    array = OverPoints(found, points, sizes, each)
    assert array.shape == expected.shape
    some = lambda n: st.lists(st.integers(0, n - 1), min_size=1, max_size=4)  # noqa: E731
    key = tuple(
        data.draw(st.one_of(st.integers(0, n - 1), st.slices(n).filter(lambda s, n=n: len(range(n)[s]) > 0), some(n)))
        for n in expected.shape
    )
    names = [f"axis{axis}" for axis in range(expected.ndim)]
    lazy = xr.Variable(names, indexing.LazilyIndexedArray(array))
    np.testing.assert_array_equal(lazy[key].values, xr.Variable(names, expected)[key].values)


def test_a_large_variable_is_read_and_written_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = SweepSpec.model_validate({"grid": {"x.a": [0.5, 1.0, 1.5, 2.0]}})
    units: Any = [SimpleNamespace(points=[0, 1]), SimpleNamespace(points=[2, 3])]
    values = np.random.default_rng(0).random((2, 2, 50, 4))
    found = {n: Found({"x": xr.DataArray(values[n], dims=("sample", "time", "oscillator"))}, {}) for n in range(2)}
    monkeypatch.setattr(gathering, "_IN_MEMORY", 100)
    monkeypatch.setattr(block_plan, "LARGEST_BLOCK", 800)
    data = gathered(sweep, Division(units, [], {}, 1), found)
    assert data.attrs["left_out"] == "" and not isinstance(data["x"].variable._data, np.ndarray)
    most, read = [0], OverPoints._read
    monkeypatch.setattr(OverPoints, "_read", lambda s, key: (r := read(s, key), most.append(r.nbytes))[0])
    with TrajectoryStore(tmp_path / "data.zarr") as store:
        write_datasets(store, {"sweep": data})
    stored = xr.open_datatree(str(tmp_path / "data.zarr"), engine="zarr")["sweep/x"]
    np.testing.assert_array_equal(stored, values.reshape(4, 50, 4))
    assert 0 < max(most) <= 800
