"""Records larger than memory, and records in half precision."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.callbacks import Callback
from known_motion import phases, uniform

from oscillo import analysis

LAZY: dict[str, Callable[[Any], Any]] = {
    "phase": analysis.phase,
    "order_parameter": analysis.order_parameter,
    "second moment": lambda data: analysis.order_parameter(data, 2),
    "local_order": lambda data: analysis.local_order(data, 1),
    "mean_frequency": analysis.mean_frequency,
    "phase_locking": analysis.phase_locking,
    "clusters": lambda data: analysis.clusters(data)["label"],
    "energy": lambda data: analysis.energy(data, np.eye(6)),
    "residual": analysis.residual,
    "spectrum": analysis.spectrum,
    "functional_connectivity": analysis.functional_connectivity,
}


def slow_phases() -> xr.DataArray:
    """Phases that turn by less than a quarter from one time to the next."""
    steps = 0.3 * np.random.default_rng(0).normal(size=(2, 60, 6))
    return phases(steps.cumsum(axis=1), ("sample", "time", "oscillator"))


@pytest.mark.parametrize("name", LAZY)
def test_nothing_is_computed_before_it_is_wanted(name: str) -> None:
    theta, computed = slow_phases(), []
    with Callback(pretask=lambda key, *_: computed.append(key)):
        found = LAZY[name](theta.chunk({"time": 10, "sample": 1}))
        assert not computed and isinstance(found.data, da.Array)
    np.testing.assert_allclose(found.compute(scheduler="synchronous"), LAZY[name](theta), atol=1e-12)


@pytest.mark.parametrize("of", ["network", "site", "oscillator"])
def test_components_of_dasks_arrays_are_those_of_numpys_and_scores_are_lazy(of: Any) -> None:
    theta = phases(uniform((2, 12, 3, 4, 2), 1), ("sample", "time", "y", "x", "oscillator"))
    plain, lazy = analysis.pca(theta, 2, of), analysis.pca(theta.chunk({"time": 5, "x": 3}), 2, of)
    assert isinstance(lazy["score"].data, da.Array) and isinstance(lazy["axis"].data, np.ndarray)
    xr.testing.assert_allclose(lazy.compute(scheduler="synchronous"), plain)


def peak(do: Callable[[], object]) -> float:
    """Most memory that Python and NumPy have held in the meantime, in MB."""
    tracemalloc.start()
    do()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / 1e6


def long_record() -> xr.DataArray:
    """128 MB of states in chunks of half a MB that are made when they are read."""

    def block(block_id: tuple[int, ...] = (0, 0, 0)) -> np.ndarray:
        return np.random.default_rng(block_id[0]).normal(size=(500, 2, 64)) * 2.0 ** -np.arange(64)

    array = da.map_blocks(block, chunks=((500,) * 250, (2,), (64,)), dtype=np.float64)
    return xr.DataArray(array, dims=("time", "component", "oscillator"), name="state")


def test_memory_is_bounded_by_chunks_and_not_by_the_record() -> None:
    data = long_record()
    assert data.nbytes == 128e6
    with dask.config.set(scheduler="synchronous"):
        fitted = peak(lambda: analysis.pca(data))
        ordered = peak(lambda: analysis.order_parameter(data).compute())
        scored = peak(lambda: analysis.pca(data)["score"].compute())  # 3 MB of scores
    # A block of 16 MB in twos (read, and centred), of which one is read in chunks.
    assert fitted < 70 and ordered < 20 and scored < 70


def test_wide_records_are_read_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oscillo.analysis.principal_axes._NARROW", 100)
    monkeypatch.setattr("oscillo.analysis.components._BLOCK", 2**17)
    with dask.config.set(scheduler="synchronous"):
        assert peak(lambda: analysis.pca(long_record().isel(time=slice(0, 5_000)))) < 8


HALF = LAZY | {
    "pca": lambda data: abs(analysis.pca(data)["score"]),
    "recurrence": analysis.recurrence,
    "period": lambda data: analysis.period(data)["kind"],
    "locked_clusters": lambda data: analysis.locked_clusters(data)["count"],
}


@pytest.mark.parametrize("name", HALF)
def test_half_precision_is_computed_in_more(name: str) -> None:
    half = slow_phases().astype(np.float16)
    found = HALF[name](half)
    assert found.dtype != np.float16
    np.testing.assert_allclose(found, HALF[name](half.astype(np.float64)), atol=2e-5, rtol=1e-3)


def test_half_precision_of_vectors_and_of_many() -> None:
    state = xr.DataArray(np.ones((3, 4, 3000), np.float16), dims=("time", "component", "oscillator"), name="state")
    np.testing.assert_allclose(analysis.order_parameter(state), 2.0, rtol=1e-6)
    assert float(analysis.energy(state, np.ones((3000, 3000))).isel(time=0)) == -2 * 3000**2
