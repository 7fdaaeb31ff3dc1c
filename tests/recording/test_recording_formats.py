"""Runs that earlier formats have left stay readable; each has a small one in `fixtures/`."""

from __future__ import annotations

from pathlib import Path

import kill_scenario
import numpy as np
import pytest
from run_archive import pack, unpack

from oscillo.recording import RunDirectory, StoreError, TrajectoryStore, open_run

FIXTURES = Path(__file__).parent / "fixtures"


def test_a_simulation_of_format_1(tmp_path: Path) -> None:
    run = open_run(unpack(FIXTURES / "version_1_simulation.zip", tmp_path))
    assert run.state == "done" and run.data.attrs["format_version"] == 1 and run.spec["name"] == "ring"
    phase, order = run.data["states/phase"], run.data["series/order_parameter"]
    assert phase.dims == ("sample", "time", "oscillator") and phase.shape == (3, 11, 6)
    found = np.abs(np.exp(1j * phase).mean("oscillator"))
    np.testing.assert_allclose(found, order.sel(time=phase["time"]), atol=1e-12)
    np.testing.assert_allclose(run.data["summary/order_parameter_mean"], [0.32004683, 0.56895517, 0.9665846], atol=1e-8)
    np.testing.assert_array_equal(run.data["series"]["strength"], [1, 2, 5])


def test_an_evaluation_of_format_1(tmp_path: Path) -> None:
    run = open_run(unpack(FIXTURES / "version_1_sudoku_4x4.zip", tmp_path))
    state, result = run.data["trajectory/id/layer0/state"], run.data["result/id"]
    assert state.dims == ("sample", "step", "y", "x", "component", "oscillator") and state.shape == (2, 3, 4, 4, 4, 4)
    np.testing.assert_allclose((state**2).sum("component"), 1, atol=1e-6)
    energy = run.data["summary/id/layer0/energy"].values
    np.testing.assert_allclose(energy[0], [-57.31844, -90.458015, -102.683235, -100.0677, -103.97798], rtol=1e-6)
    givens = result["puzzle"].values > 0
    assert (result["puzzle"].values == result["solution"].values)[givens].all()
    assert (result["prediction"].values == result["solution"].values)[givens].all()
    free = (result["prediction"] == result["solution"]).values & ~givens
    np.testing.assert_allclose(result["cells_correct"], free.sum((1, 2)) / (~givens).sum((1, 2)), rtol=1e-6)


def test_a_store_of_format_2(tmp_path: Path) -> None:
    """Shards that were committed twice, a group that has replaced another, half precision, texts."""
    run = open_run(unpack(FIXTURES / "version_2_store.zip", tmp_path))
    assert run.data.attrs["format_version"] == 2
    states = run.data["states"]
    assert states["state"].encoding["shards"] != states["state"].encoding["chunks"]
    np.testing.assert_array_equal(states["state"], kill_scenario.states(0, 61))
    np.testing.assert_array_equal(states["time"], kill_scenario.times(0, 61))
    assert (run.data["trajectory/hard/layer0/state"].values == 2).all() and run.data["result/hard/correct"].all()
    half = run.data["half/a"].values
    assert half.dtype == np.float16 and np.isnan(half[4:]).all()
    np.testing.assert_array_equal(half[:4].ravel(), np.arange(200))
    assert run.data["half/name"].values.tolist() == list("abcdéf")
    with TrajectoryStore(tmp_path / "data.zarr") as store:  # and it is continued
        store.declare("states", kill_scenario.declared())
        store.append("states/time", kill_scenario.times(61, 90))
        store.append("states/state", kill_scenario.states(61, 90))
    np.testing.assert_array_equal(open_run(tmp_path).data["states/state"], kill_scenario.states(0, 90))


def test_a_simulation_of_format_2(tmp_path: Path) -> None:
    run = open_run(unpack(FIXTURES / "version_2_simulation.zip", tmp_path))
    assert run.state == "done" and run.data.attrs["format_version"] == 2
    phase, series = run.data["states/phase"], run.data["series"].to_dataset()
    found = np.abs(np.exp(1j * phase).mean("oscillator"))
    np.testing.assert_allclose(found, series["order_parameter"].sel(time=phase["time"]), atol=1e-12)
    found = np.abs(np.exp(1j * phase[..., :3]).mean("oscillator"))
    np.testing.assert_allclose(found, series["half"].sel(time=phase["time"]), atol=1e-12)
    shares = run.data["observables/phase"].to_dataset()
    assert shares["phase"].dims == ("sample", "time", "bin") and shares["time"].values.tolist() == [0, 0.7]
    np.testing.assert_allclose(shares["phase"].sum("bin"), 1)
    np.testing.assert_array_equal(series["strength"], [1, 5])


def test_an_evaluation_and_a_training_of_format_2(tmp_path: Path) -> None:
    run = open_run(unpack(FIXTURES / "version_2_sudoku_4x4.zip", tmp_path))
    state, answer = run.data["trajectory/id/layer0/state"], run.data["observables/id/layer0/answer"].to_dataset()
    np.testing.assert_allclose((state**2).sum("component"), 1, atol=1e-6)
    assert answer["sample"].values.tolist() == [1]
    last = run.data["result/id/prediction"].sel(sample=1)
    blank = run.data["result/id/puzzle"].sel(sample=1).values == 0
    assert (answer["prediction"].isel(sample=0, step=-1).values == last.values)[blank].all()
    learned = run.data["training/layer0/energy"].to_dataset()
    assert learned["energy"].dims == ("epoch", "sample", "step") and learned["optimizer_step"].values.tolist() == [0, 2]


def test_an_old_store_is_read_and_not_written(tmp_path: Path) -> None:
    run = unpack(FIXTURES / "version_1_simulation.zip", tmp_path)
    before = sorted((file, file.read_bytes()) for file in run.rglob("*") if file.is_file())
    with pytest.raises(StoreError, match=r"format 1, which can be read and not be continued.*oscillo 0\.1\.0"):
        TrajectoryStore(run / "data.zarr")
    assert before == sorted((file, file.read_bytes()) for file in run.rglob("*") if file.is_file())


def test_a_packed_run_says_nothing_of_the_machine(tmp_path: Path) -> None:
    made = {"started": "now", "command": [str(tmp_path)], "sources": {"spec.src/a": str(tmp_path)}, "platform": "x"}
    run = RunDirectory.create(tmp_path, "packed", spec_yaml="version: 1\n", sources={}, provenance=made)
    TrajectoryStore(run.data).close()
    pack(run.path, tmp_path / "run.zip")
    unpacked = unpack(tmp_path / "run.zip", tmp_path / "again")
    assert str(tmp_path) not in (unpacked / "run.json").read_text()
    assert open_run(unpacked).spec["version"] == 1
