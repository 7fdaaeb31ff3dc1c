from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from oscillo_tasks.simulate import SimulateTaskSpec
from small_simulations import STRENGTH, record, reread, variant

import oscillo
from oscillo.running import RunFailed
from oscillo.simulation.standing import Standing

MU = "network.layers.0.potential.mu"


def explosive(**task):
    """Stuart-Landau oscillators in Euler steps: a mu of 100 is too much for them."""
    spec = variant("plane", recording__observables={"order_parameter": {}, "amplitude": {}, "state": {}})
    spec["network"]["layers"][0]["integrator"] = {"kind": "projected_euler", "step_size": 0.1}
    spec["task"] |= {"steps": 80} | task
    return spec


def test_one_member_diverges_and_the_others_go_on(tmp_path):
    tame = record(tmp_path / "tame", explosive(ensemble={"seeds": 2, "vary": {MU: [0.8, 1.0]}}))
    for batch in (None, 3):
        spec = explosive(ensemble={"seeds": 2, "vary": {MU: [0.8, 100.0, 1.0]}}, batch=batch)
        data = record(tmp_path / f"wild{batch}", spec)
        series, summary = data["series"].to_dataset(), data["summary"].to_dataset()
        calm = [0, 1, 4, 5]
        np.testing.assert_allclose(series["amplitude"].isel(sample=calm), tame["series"]["amplitude"], rtol=1e-12)
        assert np.isnan(summary["diverged_at"].isel(sample=calm)).all()
        assert (summary["diverged_oscillator"].isel(sample=calm) == -1).all()
        for member in (2, 3):
            lost = ~np.isfinite(data["states"]["state"].values[member]).all((1, 2))
            first = float(series["time"][lost.argmax()])
            assert lost[lost.argmax() :].all() and 0 < first < 2
            assert float(summary["diverged_at"][member]) == first
            assert 0 <= int(summary["diverged_oscillator"][member]) < 5
            assert math.isnan(float(summary["amplitude_mean"][member]))


@pytest.mark.parametrize(("ensemble", "who"), [
    ({"vary": {MU: [100.0]}}, "the trajectory"),
    ({"seeds": 2, "vary": {MU: [100.0]}}, r"all 2 trajectories diverged; the last, sample [01],"),
])  # fmt: skip
def test_when_all_have_diverged_the_run_fails_and_keeps_what_there_was(ensemble, who, tmp_path):
    with pytest.raises(RunFailed) as failure:
        oscillo.run(explosive(ensemble=ensemble), runs=tmp_path)
    told = re.fullmatch(
        who + r" diverged between t = ([\d.]+), when its largest number was ([\d.e+]+), and t = ([\d.]+): oscillator "
        r"(\d) is not a finite number any more; try a smaller step size, or weaker coupling",
        str(failure.value),
    )
    assert told, str(failure.value)
    before, largest, after, _ = map(float, told.groups())
    assert after == pytest.approx(before + 0.1) and largest > 1e100
    run = oscillo.open_run(failure.value.path)
    assert run.state == "failed" and run.reason == str(failure.value)
    series, states = run.data["series"].to_dataset(), run.data["states"]["state"]
    at = states.sel(time=before, method="nearest")
    assert float(abs(at).max()) == pytest.approx(largest, rel=1e-3)
    assert series.sizes["time"] >= round(after / 0.1)
    lost = run.data["summary"]["diverged_at"].values
    assert lost.max() == pytest.approx(after) and len(lost) == len(run.data["summary"]["sample"])
    length = series.sizes["time"]
    with pytest.raises(RunFailed, match="diverged between"):  # there is nothing to go on with
        oscillo.resume(run.path)
    again = oscillo.open_run(run.path).data
    assert again["series"].sizes["time"] == length
    np.testing.assert_array_equal(again["summary"]["diverged_at"], lost)


def test_every_member_is_told_when_it_diverged_though_all_have(tmp_path):
    """The wilder they are, the earlier; nothing is made up of means over times that were never observed."""
    spec = explosive(ensemble={"vary": {MU: [60.0, 100.0, 500.0]}}, transient=7.0)
    with pytest.raises(RunFailed, match="all 3 trajectories diverged"):
        oscillo.run(spec, runs=tmp_path)
    (path,) = (tmp_path / "small").iterdir()
    summary = oscillo.open_run(path).data["summary"].to_dataset()
    at = summary["diverged_at"].values
    assert np.isfinite(at).all() and (np.diff(at) <= 0).all()
    assert (summary["diverged_oscillator"] >= 0).all() and summary["mu"].values.tolist() == [60.0, 100.0, 500.0]
    assert "amplitude_mean" not in summary and len(set(summary["steps"].values)) == 1


def test_it_is_seen_within_64_steps_where_nothing_is_observed(tmp_path):
    spec = explosive(ensemble={"vary": {MU: [100.0]}}, steps=1000, transient=90.0)
    spec["recording"]["every"] = 10
    with pytest.raises(RunFailed, match=r"between t = 0, when its largest number was 0\.\d+, and t = 6\.4: "):
        oscillo.run(spec, runs=tmp_path)


def test_dopri5_gives_up_one_member_alone(tmp_path):
    """exp(3000 t) leaves the numbers of double precision at t = 0.24."""
    spec = explosive(steps=10, ensemble={"seeds": 3, "vary": {STRENGTH: [3000.0, 1.0]}})
    spec["network"]["layers"][0] |= {
        "integrator": {"kind": "dopri5", "step_size": 0.1}, "potential": {"kind": "none"},
        "frequency": {"kind": "none"}, "coupling": {"kind": "mean_field"},
    }  # fmt: skip
    data = record(tmp_path / "both", spec)["summary"].to_dataset()
    assert data["diverged_at"].values[:3] == pytest.approx(0.3) and np.isnan(data["diverged_at"][3:]).all()
    spec["task"]["ensemble"] = {"vary": {STRENGTH: [3000.0]}}
    with pytest.raises(FloatingPointError, match=r"could not advance sample 0 from t = 0\.\d+.*without bound ends so"):
        record(tmp_path / "one", spec)
    assert reread(tmp_path / "one")["series"].sizes["time"] >= 1


def test_large_finite_numbers_are_finite():
    standing = Standing.at_start({"x": torch.full((1, 2, 5), 3e38)})
    standing.mark(1.0)
    assert math.isnan(standing.marks["diverged_at"][0]) and standing.marks["finite_at"][0] == 1.0
    standing.state["x"][0, 1, 3] = math.nan
    standing.mark(2.0)
    assert standing.marks["diverged_at"][0] == 2.0 and standing.marks["diverged_oscillator"][0] == 3
    with pytest.raises(FloatingPointError, match=r"between t = 1, when its largest number was 3e\+38, and t = 2: osc"):
        standing.refuse_if_all_diverged()


def test_a_figure_that_cannot_be_drawn_is_told_and_the_run_is_done(tmp_path, capsys, monkeypatch):
    drawings = {"broken": broken, "empty": lambda: None, "whole": Figure}
    monkeypatch.setattr(SimulateTaskSpec, "figures", lambda self, run: drawings)
    run = oscillo.run(explosive(ensemble={"vary": {MU: [0.8, 100.0]}}), runs=tmp_path)
    assert run.state == "done"
    text = capsys.readouterr().out
    table, _, told = text.partition("trajectories diverged")
    assert "results" in table and "the figure `broken` could not be drawn: ValueError: no axes" in told
    assert [file.name for file in run.directory.figures.iterdir()] == ["whole.png"]


def broken():
    raise ValueError("no axes")


def test_what_diverged_is_told_at_the_end(tmp_path, capsys):
    spec = explosive(ensemble={"vary": {MU: [0.8, 100.0]}})
    run = oscillo.run(spec, runs=tmp_path)
    text = capsys.readouterr().out.replace("\n", " ")
    at = float(run.data["summary"]["diverged_at"][1])
    assert f"1 of 2 trajectories diverged, the first, sample 1, before t = {at:g} at oscillator " in text
    assert float(run.metrics["diverged"][-1]) == 1 and np.isfinite(run.metrics["amplitude_mean"]).all()
