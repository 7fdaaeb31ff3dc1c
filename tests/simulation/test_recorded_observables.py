"""What is recorded at times of its own, of a part, or reduced, is what the full states give afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from small_simulations import STRENGTH, identical, record, small, variant

import oscillo
from oscillo.simulation import simulation as module

STEPS = 20
PICKED = [0, 3, 4, 17]
PROJECTED = [[0.6, 0.0, -0.8, 0.0], [0.0, 1.0, 0.0, 0.0]]
OWN: dict[str, dict[str, Any]] = {
    "picked": {"kind": "state", "at": PICKED, "samples": [0, 2], "oscillators": "1:4", "precision": "float16"},
    "decades": {"kind": "order_parameter", "per_decade": 3},
    "pair": {"kind": "order_parameter", "oscillators": [0, 3], "every": 2},
    "slow": {"kind": "speed", "each": True, "every": 7, "oscillators": 2, "samples": "::3"},
    "fast": {"kind": "speed", "each": True, "reduce": {"kind": "mean"}},
}
EVERYTHING = {"state": {}, "order_parameter": {}, "speed": {"each": True}}


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two steps it is looked whether to stop."""
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LOOKS", 0.0)


def several(name: str, **changes: Any) -> dict[str, Any]:
    """Four members in two batches, with everything that is recorded, and parts of it."""
    more: dict[str, Any] = {}
    if name == "sphere":
        more["axes"] = {"kind": "state", "every": 3, "reduce": {"kind": "projection", "vectors": PROJECTED}}
    else:
        more["shares"] = {"kind": "phase", "every": 5, "reduce": {"kind": "histogram", "bins": 4}}
    spec = variant(name, **{"recording__observables": EVERYTHING | OWN | more, **changes})
    spec["task"] |= {"batch": 3, "ensemble": {"seeds": 2, "vary": {STRENGTH: [0.5, 2.0]}}}
    return spec


def own(data: xr.DataTree, name: str) -> xr.Dataset:
    return data[f"observables/{name}"].to_dataset()


def at(steps: list[int]) -> list[float]:
    return [float(f"{step * 0.1:.12g}") for step in steps]


def compare(data: xr.DataTree, *, first: int = 0) -> None:
    """All that was recorded at times of its own, of a part, or reduced, with the full series and states."""
    states, series = data["states"].to_dataset(), data["series"].to_dataset()
    picked = own(data, "picked")
    assert picked["time"].values.tolist() == at([step for step in PICKED if step >= first])
    assert picked["sample"].values.tolist() == [0, 2] and picked["oscillator"].values.tolist() == [1, 2, 3]
    assert picked["strength"].values.tolist() == [0.5, 2.0] and picked["seed"].values.tolist() == [0, 0]
    assert set(picked.data_vars) == set(states.data_vars)
    for name in picked.data_vars:
        whole = states[name].sel(time=picked["time"]).isel(sample=[0, 2], oscillator=[1, 2, 3])
        assert picked[name].dtype == ("int32" if name == "winding" else "float16")
        np.testing.assert_array_equal(picked[name], whole.astype(picked[name].dtype))
    decades = own(data, "decades")["order_parameter"]
    np.testing.assert_array_equal(decades, series["order_parameter"].sel(time=decades["time"]))
    slow = own(data, "slow")["speed"]
    assert slow["sample"].values.tolist() == [0, 3] and slow["time"].values.tolist() == at(list(range(first, 21, 7)))
    np.testing.assert_array_equal(slow, series["speed"].sel(time=slow["time"]).isel(sample=[0, 3], oscillator=[0, 1]))
    np.testing.assert_allclose(series["fast"], series["speed"].mean("oscillator"), rtol=1e-12)


def seen(states: xr.Dataset) -> np.ndarray:
    """Vectors that others see, [sample, time, component, oscillator]."""
    if "phase" in states:
        return np.stack([np.cos(states["phase"]), np.sin(states["phase"])], axis=2)
    return states["state"].values


@pytest.mark.parametrize("name", ["kuramoto", "inertial", "plane", "sphere", "noisy", "dopri5", "delayed"])
def test_parts_are_those_of_the_whole(name: str, tmp_path: Any) -> None:
    data = record(tmp_path, several(name))
    compare(data)
    states = data["states"].to_dataset()
    assert own(data, "decades")["time"].values.tolist() == at([0, 1, 2, 5, 10])
    pair = own(data, "pair")["order_parameter"]
    known = np.linalg.norm(seen(states)[:, ::2][..., [0, 3]].mean(-1), axis=-1)
    np.testing.assert_allclose(pair, known, rtol=1e-12)
    if name == "sphere":
        axes = own(data, "axes")["state"]
        assert axes.dims == ("sample", "time", "oscillator", "direction")
        known = np.einsum("dc,stco->stod", PROJECTED, states["state"].values[:, ::3])
        np.testing.assert_allclose(axes, known, rtol=1e-12, atol=1e-14)
    else:
        shares = own(data, "shares")["phase"]
        assert shares.dims == ("sample", "time", "bin")
        np.testing.assert_allclose(shares["bin"], np.pi * np.array([-0.75, -0.25, 0.25, 0.75]))
        x, y = seen(states)[:, ::5].transpose(2, 0, 1, 3)
        known = np.apply_along_axis(lambda row: np.histogram(row, 4, (-np.pi, np.pi))[0] / 5, -1, np.arctan2(y, x))
        np.testing.assert_allclose(shares, known, atol=1e-12)


@pytest.mark.parametrize("keep", [False, True])
def test_times_of_its_own_lie_behind_the_transient_unless_it_is_kept(keep: bool, tmp_path: Any) -> None:
    spec = several("kuramoto")
    spec["task"] |= {"transient": 0.3, "keep_transient": keep}
    spec["recording"]["observables"]["picked"] |= {"at": PICKED if keep else PICKED[1:]}
    data = record(tmp_path, spec)
    compare(data, first=0 if keep else 3)
    steps = [0, 1, 2, 5, 10] if keep else [3, 4, 5, 8, 13]
    assert own(data, "decades")["time"].values.tolist() == at(steps)


def test_times_of_its_own_change_nothing_else(tmp_path: Any) -> None:
    """Neither the way nor the summary, and not the mean frequency, which counts turns between its own times."""
    for name in ("noisy", "delayed"):
        plain = small(recording={"every": 4, "observables": {"order_parameter": {}, "mean_frequency": {}}})
        plain["network"]["layers"][0] |= variant(name)["network"]["layers"][0]
        more = plain | {"recording": {"every": 4, "observables": plain["recording"]["observables"] | OWN}}
        more["task"]["ensemble"] = {"seeds": 4}
        with_more, without = (record(tmp_path / f"{name}{n}", spec) for n, spec in enumerate((more, plain)))
        assert (
            with_more["summary"]
            .to_dataset()
            .drop_vars(["fast_mean", "fast_std"], errors="ignore")
            .equals(without["summary"].to_dataset())
        )
        assert with_more["series"]["order_parameter"].equals(without["series"]["order_parameter"])


@pytest.mark.parametrize("name", ["kuramoto", "sphere", "noisy", "delayed"])
def test_what_was_stopped_and_resumed_is_the_same(name: str, tmp_path: Any, step_by_step: None) -> None:
    class Stopped(Exception):
        pass

    spec = several(name)
    whole = record(tmp_path / "whole", spec)
    for after in (2, 6, 5):
        calls = [0]

        def check(calls: list[int] = calls, after: int = after) -> None:
            calls[0] += 1
            if calls[0] == after:
                raise Stopped

        with pytest.raises(Stopped):
            record(tmp_path / "parts", spec, check=check)
    parts = record(tmp_path / "parts", spec)
    assert identical(parts, whole)
    compare(parts)


def test_a_run_that_is_interrupted_goes_on_with_every_cadence(
    tmp_path: Any, monkeypatch: Any, step_by_step: None
) -> None:
    from oscillo.running import RunInterrupted

    spec = several("noisy")
    whole = oscillo.run(spec, runs=tmp_path / "whole")
    advance = module.Simulation._advance

    def advancing(self: Any, standing: Any, *rest: Any) -> None:
        advance(self, standing, *rest)
        if standing.step == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.Simulation, "_advance", advancing)
        with pytest.raises(RunInterrupted) as stop:
            oscillo.run(spec, runs=tmp_path)
    before = own(oscillo.open_run(stop.value.path).data, "picked")
    assert before["time"].values.tolist() == at([0, 3, 4]), "what was recorded until then can be read"
    resumed = oscillo.resume(stop.value.path)
    for node in whole.data.subtree:
        assert resumed.data[node.path].to_dataset().equals(node.to_dataset()), node.path


def test_seconds_go_by_the_clock(tmp_path: Any, step_by_step: None) -> None:
    clocks = {
        "often": {"kind": "order_parameter", "seconds": 1e-9}, "once": {"kind": "order_parameter", "seconds": 1e4},
        "states": {"kind": "state", "seconds": 1e-9, "samples": 1},
    }  # fmt: skip
    spec = variant("kuramoto", recording__observables={"order_parameter": {}, "state": {}} | clocks)
    spec["task"]["ensemble"] = {"seeds": 2}
    data = record(tmp_path, spec)
    often = own(data, "often")["order_parameter"]
    assert often["time"].values.tolist() == at(list(range(STEPS + 1))), "looked at between any two steps"
    np.testing.assert_array_equal(often, data["series"]["order_parameter"])
    np.testing.assert_array_equal(own(data, "states")["phase"], data["states"]["phase"].isel(sample=[0]))
    assert own(data, "once")["time"].values.tolist() == [0.0]


def test_parts_of_a_grid(tmp_path: Any) -> None:
    observables = {
        "state": {}, "corner": {"kind": "state", "sites": {"y": "1:", "x": [0, 3]}, "every": 4},
        "columns": {"kind": "phase", "reduce": {"kind": "mean", "over": ["sites"]}, "sites": {"x": 2}, "every": 5},
        "row": {"kind": "order_parameter", "sites": {"y": [2]}, "oscillators": [1]},
        "energies": {"kind": "energy", "per": "site", "every": 10, "sites": {"y": [0]}}, "energy": {},
        "all_energies": {"kind": "energy", "per": "site"},
    }  # fmt: skip
    spec = small(network__sites=[3, 4], recording__observables=observables, task__ensemble={"seeds": 2})
    spec["network"]["layers"][0] |= {
        "oscillators": 2, "coupling": {"kind": "convolution", "kernel_size": 3, "learn": False},
        "frequency": {"kind": "none"}, "manifold": {"kind": "plane"}, "potential": {"kind": "quartic"},
    }  # fmt: skip
    spec["task"]["ensemble"] = {"vary": {"network.layers.0.potential.mu": [0.5, 1.0]}}
    spec["task"]["initial"] = {"kind": "uniform"}
    data = record(tmp_path, spec)
    states = data["states"]["state"]
    corner = own(data, "corner")["state"]
    assert corner.dims == ("sample", "time", "y", "x", "component", "oscillator")
    assert (corner["y"].values.tolist(), corner["x"].values.tolist()) == ([1, 2], [0, 3])
    np.testing.assert_array_equal(corner, states[:, ::4, 1:][:, :, :, [0, 3]])
    angles = np.arctan2(states.isel(component=1), states.isel(component=0))
    columns = own(data, "columns")["phase"]
    assert columns.dims == ("sample", "time", "oscillator")
    np.testing.assert_allclose(columns, angles[:, ::5, :, :2].mean(["y", "x"]), rtol=1e-12, atol=1e-14)
    row = np.linalg.norm(states[:, :, 2, :, :, 1].mean("x"), axis=-1)
    np.testing.assert_allclose(data["series"]["row"], row, rtol=1e-12)
    energies, shares = own(data, "energies")["energy"], data["series"]["all_energies"]
    assert energies.dims == ("sample", "time", "y", "x") and energies["y"].values.tolist() == [0]
    np.testing.assert_array_equal(energies, shares[:, ::10, [0]])
    np.testing.assert_allclose(shares.sum(["y", "x"]), data["series"]["energy"], rtol=1e-10)


def test_arrays_are_kept_of_the_first_samples_and_numbers_of_all(tmp_path: Any) -> None:
    observables = {"state": {}, "order_parameter": {}, "speed": {"each": True}, "phase": {"samples": 3}}
    for samples in (2, 0):
        recording = {"samples": samples, "observables": observables}
        data = record(tmp_path / str(samples), small(recording=recording, task__ensemble={"seeds": 4}))
        assert data["series"]["order_parameter"].sizes["sample"] == 4 and set(data["series"].data_vars) == {
            "order_parameter"
        }
        assert own(data, "phase")["sample"].values.tolist() == [0, 1, 2]
        if samples:
            assert data["states"]["sample"].values.tolist() == own(data, "speed")["sample"].values.tolist() == [0, 1]
        else:
            assert "states" not in data and set(data["observables"].children) == {"phase"}
        assert data["summary"]["order_parameter_mean"].sizes["sample"] == 4


def test_means_of_half_precision_are_not_taken_in_it(tmp_path: Any) -> None:
    observables = {"order_parameter": {}, "half": {"kind": "order_parameter", "precision": "float16"}}
    data = record(tmp_path, small(recording__observables=observables, task__steps=500))
    series, summary = data["series"].to_dataset(), data["summary"].to_dataset()
    assert series["half"].dtype == "float16" and series["order_parameter"].dtype == "float64"
    np.testing.assert_array_equal(series["half"], series["order_parameter"].astype("float16"))
    np.testing.assert_allclose(summary["half_mean"], series["half"].astype("float64").mean("time"), rtol=1e-6)
    np.testing.assert_allclose(summary["half_std"], series["half"].astype("float64").std("time", ddof=1), rtol=1e-4)


def test_a_stimulus_is_recorded_as_it_changes(tmp_path: Any) -> None:
    spec = small(recording={"observables": {"stimulus": {"every": 3}}}, task__ensemble={"seeds": 2})
    spec["network"]["layers"][0]["stimulus"] = {
        "kind": "sine", "acts_on": "field", "amplitude": 0.6, "frequency": 2.0, "phase": 0.4,
    }  # fmt: skip
    found = own(record(tmp_path, spec), "stimulus")["stimulus"]
    assert found.dims == ("sample", "time", "component", "oscillator")
    known = 0.6 * np.sin(2.0 * found["time"].values + 0.4)
    np.testing.assert_allclose(found.isel(component=0), np.broadcast_to(known[None, :, None], (2, 7, 5)), rtol=1e-6)
