"""Sweeps from their points to one dataset: the same numbers as runs of their own, failures, kills, and going on."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import xarray as xr
from small_sweeps import LEARNING, OSCILLATORS, STEP_SIZE, STRENGTH, small

import oscillo
from oscillo.questions.sweep.workers import cluster
from oscillo.recording import Run, RunDirectory, RunDirectoryError, open_run
from oscillo.running import RunFailed, RunInterrupted


def swept(run: Run) -> xr.Dataset:
    return run.data["sweep"].to_dataset().load()


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two sizes of three strengths and two seeds: two runs of six points each."""
    axes = {OSCILLATORS: [5, 7], STRENGTH: np.linspace(0.5, 2.5, 3), "seed": range(2)}
    return oscillo.sweep(small(), axes, runs=tmp_path_factory.mktemp("together"), workers=1)


def test_points_of_a_batch_are_what_runs_of_their_own_would_be(together: Run, tmp_path: Path) -> None:
    data = swept(together)
    assert dict(data.sizes) == {"oscillators": 2, "strength": 3, "seed": 2, "time": 21}
    for point in ({"oscillators": 5, "strength": 1.5, "seed": 1}, {"oscillators": 7, "strength": 2.5, "seed": 0}):
        places = dict(zip((OSCILLATORS, STRENGTH, "seed"), point.values(), strict=True))
        alone = oscillo.run(small(), [f"{key}={value}" for key, value in places.items()], runs=tmp_path)
        one, series = data.sel(point), alone.data["series"]["order_parameter"].isel(sample=0)
        np.testing.assert_allclose(one["order_parameter"], series, rtol=0, atol=1e-12)
        mean = alone.data["summary"]["order_parameter_mean"].isel(sample=0)
        np.testing.assert_allclose(one["order_parameter_mean"], mean, rtol=0, atol=1e-12)


def test_the_dataset_says_what_it_holds(together: Run) -> None:
    data = swept(together)
    assert data.attrs["left_out"] == "mean_frequency"  # one for each oscillator, and there are 5 or 7
    assert data["strength"].attrs["description"] == STRENGTH
    assert bool(data["done"].all()) and not any(data["error"].values.ravel())
    assert together.state == "done" and (together.path / "figures" / "sweep.png").is_file()
    assert len(list((together.path / "points").glob("*/run.json"))) == 2


def test_a_sweep_with_an_ensemble_keeps_its_members(tmp_path: Path) -> None:
    spec = small(task__ensemble={"seeds": 3, "vary": {"network.layers.0.frequency.distribution.mean": [0.0, 1.0]}})
    data = swept(oscillo.sweep(spec, {STRENGTH: [1.0, 2.0]}, runs=tmp_path))
    assert data["order_parameter_mean"].dims == ("strength", "member") and data.sizes["member"] == 6
    assert (
        data["member_mean"].values.tolist() == [0, 0, 0, 1, 1, 1]
        and data["member_seed"].values.tolist() == [0, 1, 2] * 2
    )
    alone = oscillo.run(spec, [f"{STRENGTH}=2.0"], runs=tmp_path)
    expected = alone.data["summary"]["order_parameter_mean"].values
    np.testing.assert_allclose(data["order_parameter_mean"].sel(strength=2.0), expected, atol=1e-12)


def test_points_that_go_together_share_an_axis(tmp_path: Path) -> None:
    axes = {STEP_SIZE: [0.1, 0.05], "task.steps": [20, 40]}
    data = swept(oscillo.sweep(small(), axes, how="zip", runs=tmp_path, workers=1))
    assert data.sizes["point"] == 2 and data["step_size"].dims == ("point",)
    assert data["order_parameter_mean"].dims == ("point",)
    assert data["steps"].values.tolist() == data["result_steps"].values.tolist() == [20, 40]  # asked for, and taken
    assert "order_parameter" in data.attrs["left_out"].split(", ")  # at other times


def test_texts_are_swept_over_as_well(tmp_path: Path) -> None:
    kinds = {"network.layers.0.integrator.kind": ["rk4", "heun"]}
    data = swept(oscillo.sweep(small(), kinds, runs=tmp_path, workers=1))
    assert float(data.sel(kind="heun")["evaluations"]) == 40 and float(data.sel(kind="rk4")["evaluations"]) == 80


def unstable(**changes: Any) -> dict[str, Any]:
    layer = "network__layers__0__"
    return small(**{
        f"{layer}manifold": {"kind": "plane"}, f"{layer}potential": {"kind": "quartic"}, **changes,
        "recording__observables": {"order_parameter": {}},
    })  # fmt: skip


def test_a_point_that_fails_is_marked_and_the_others_go_on(tmp_path: Path) -> None:
    run = oscillo.sweep(unstable(), {STEP_SIZE: [0.1, 50.0]}, runs=tmp_path, workers=1)
    data = swept(run)
    assert data["done"].values.tolist() == [True, False]
    assert "diverged" in str(data["error"].values[1]) and str(data["error"].values[0]) == ""
    assert np.isfinite(data["order_parameter_mean"].values).tolist() == [True, False]
    assert run.metrics["failed"].item() == 1
    again = oscillo.resume(run.path)  # tries it again
    assert swept(again)["done"].values.tolist() == [True, False]


def test_a_sweep_of_which_every_point_fails_has_failed(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"every one of the 2 points failed.*diverged"):
        oscillo.sweep(unstable(), {STEP_SIZE: [60.0, 50.0]}, runs=tmp_path, workers=1)


def test_a_spec_with_a_sweep_is_not_a_single_run(tmp_path: Path) -> None:
    with pytest.raises(oscillo.SpecError, match="`oscillo sweep`"):
        oscillo.run(small(sweep={"grid": {"seed": [1, 2]}}), runs=tmp_path)
    with pytest.raises(RunFailed, match="nothing is swept over"):
        oscillo.sweep(small(), runs=tmp_path)


def test_the_sweep_of_another_spec_is_not_gone_on_with(together: Run) -> None:
    axes = {OSCILLATORS: [5, 7], STRENGTH: np.linspace(0.5, 2.5, 3), "seed": range(3)}
    with pytest.raises(RunDirectoryError, match=r"task\.steps is 20 there and 30 here") as refusal:
        oscillo.sweep(small(), axes, ["task.steps=30"], into=together.path)
    assert "sweep.grid.seed" in str(refusal.value) and "precision" not in str(refusal.value)


def test_a_scheduler_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path) -> None:
    for address in ("tcp://127.0.0.1:9", "tcp://127.0.0.1"):
        with pytest.raises(RunFailed, match=f"there is no scheduler at '{address}'.*`dask scheduler` starts one"):
            oscillo.sweep(small(), {"seed": [1, 2]}, scheduler=address, runs=tmp_path)
    assert not list(tmp_path.glob("*/*/run.json"))


@pytest.mark.parametrize("scheduler", ["local", "tcp://127.0.0.1:9"])
def test_a_scheduler_without_dask_is_refused_with_a_remedy(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"Dask, which is not installed: pip install 'oscillo\[scale\]'"):
        cluster(scheduler, 1).__enter__()


def test_a_sweep_of_networks_that_learn_has_their_metrics(tmp_path: Path) -> None:

    data = swept(oscillo.sweep(LEARNING, {"training.optimizer.lr": [1e-3, 1e-2]}, runs=tmp_path, workers=1))
    assert data["id_cell_accuracy"].dims == ("lr",) and np.isfinite(data["id_cell_accuracy"]).all()
    assert data["train_loss"][0] != data["train_loss"][1]


LONG = {"task__steps": 2000, "recording__observables": {"order_parameter": {}}, "recording__every": 10,
        "task__checkpoint_minutes": 0.002}  # fmt: skip
SIZES = {OSCILLATORS: [200, 201, 202, 203], STRENGTH: [1.0, 2.0]}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    return swept(oscillo.sweep(small(**LONG), SIZES, runs=tmp_path_factory.mktemp("whole"), workers=1))


@contextmanager
def once(reached: Callable[[], bool], act: Callable[[], None]) -> Iterator[None]:
    """Do something beside the block as soon as something is so."""

    def watch() -> None:
        ends = time.monotonic() + 100
        while time.monotonic() < ends:
            if reached():
                act()
                return
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        watcher.join()


def begun(runs: Path) -> list[Path]:
    """Points that have committed something and are not done."""
    found = [folder.parent for folder in runs.glob("*/*/points/*/checkpoints") if list(folder.glob("*.pt"))]
    return [folder for folder in found if RunDirectory(folder).record()["state"] == "running"]


def interrupt(runs: Path) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def kill_a_worker(runs: Path) -> None:
    """Kill the process that works on a point."""
    owner = int((begun(runs)[0] / ".lock").read_text().split()[-1])
    assert owner != os.getpid()
    psutil.Process(owner).kill()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_interrupted_sweep_goes_on(workers: int, tmp_path: Path, uninterrupted: xr.Dataset) -> None:
    with once(lambda: bool(begun(tmp_path)), lambda: interrupt(tmp_path)), pytest.raises(RunInterrupted) as stop:
        oscillo.sweep(small(**LONG), SIZES, runs=tmp_path, workers=workers)
    assert open_run(stop.value.path).state == "interrupted"
    run = oscillo.resume(stop.value.path)
    assert run.state == "done"
    xr.testing.assert_equal(swept(run).drop_attrs(), uninterrupted.drop_attrs())


def test_a_worker_that_is_killed_loses_nothing(
    tmp_path: Path, uninterrupted: xr.Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    with once(lambda: bool(begun(tmp_path)), lambda: kill_a_worker(tmp_path)):
        run = oscillo.sweep(small(**LONG), SIZES, runs=tmp_path, workers=2)
    assert "starting 2 processes" in capsys.readouterr().out
    xr.testing.assert_equal(swept(run).drop_attrs(), uninterrupted.drop_attrs())
    gone_on = [log for log in run.path.glob("points/*.log") if "going on after" in log.read_text()]
    assert gone_on  # from where it stood, and not from the beginning


@pytest.mark.slow
def test_a_dask_worker_that_is_killed_loses_and_repeats_nothing(tmp_path: Path, uninterrupted: xr.Dataset) -> None:
    with once(lambda: bool(begun(tmp_path)), lambda: kill_a_worker(tmp_path)):
        run = oscillo.sweep(small(**LONG), SIZES, runs=tmp_path, workers=2, scheduler="local")
    xr.testing.assert_equal(swept(run).drop_attrs(), uninterrupted.drop_attrs())
    logs = [log.read_text() for log in sorted(run.path.glob("points/*.log"))]
    assert len(logs) == 4 and sum("going on after" in log for log in logs) == 1
    assert sum(log.count("simulating 2000/2000") for log in logs) == 4  # each came to its end once
