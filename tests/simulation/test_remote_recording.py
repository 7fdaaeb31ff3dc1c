"""Runs whose trajectories lie somewhere else: behind a URL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_simulations import small

import oscillo
from oscillo.recording import StoreError, open_run
from oscillo.spec import SpecError

fsspec = pytest.importorskip("fsspec")
KEPT = {"observables": {"order_parameter": {}, "state": {"every": 5}}}


def test_a_run_finds_its_trajectories_behind_the_url(tmp_path: Path) -> None:
    here = oscillo.run(small(recording=KEPT), runs=tmp_path / "here")
    there = oscillo.run(small(recording=KEPT | {"store": "memory://bucket/runs/"}), runs=tmp_path / "there")
    assert there.provenance["store"] == f"memory://bucket/runs/{there.path.parent.name}/{there.path.name}.zarr"
    assert not (there.path / "data.zarr").exists() and (there.path / "report.html").is_file()
    again = open_run(there.path).data
    for group in ("series", "states", "summary"):
        xr_here, xr_there = here.data[group].to_dataset(), again[group].to_dataset()
        for name in xr_here.variables:
            np.testing.assert_array_equal(xr_here[name], xr_there[name])
    other = oscillo.run(small(recording=KEPT | {"store": "memory://bucket/runs"}, seed=1), runs=tmp_path / "there")
    assert not np.array_equal(other.data["series/order_parameter"], again["series/order_parameter"])


def test_a_store_that_is_not_there_any_more_is_told(tmp_path: Path) -> None:
    run = oscillo.run(small(recording=KEPT | {"store": "memory://bucket/gone"}), runs=tmp_path)
    fsspec.filesystem("memory").rm("/bucket/gone", recursive=True)
    with pytest.raises(StoreError, match="there is no store at memory://bucket/gone/"):
        _ = open_run(run.path).data


@pytest.mark.parametrize(
    ("url", "words"),
    [("nowhere://bucket", "cannot be opened"), ("bucket/runs", "must match the pattern"), ("s3://", "must match")],
)
def test_a_place_that_cannot_be_is_refused(url: str, words: str) -> None:
    with pytest.raises(SpecError, match=r"recording\.store: ") as refused:
        oscillo.load(small(recording={"store": url}))
    assert words in str(refused.value)
