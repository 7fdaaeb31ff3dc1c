"""Stability asked of specs and runs: exponents, fixed points and basins of known systems, stopped and gone on with."""

from __future__ import annotations

import json
from math import asin, cos, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_sweeps import LEARNING, small

import oscillo
from oscillo.questions import ask, asking
from oscillo.questions.stability import BasinsQuestion, FixedPointsQuestion, LyapunovQuestion
from oscillo.recording import open_run
from oscillo.running import RunFailed, RunInterrupted
from oscillo.training import Interrupted

LAYER = "network__layers__0__"


def written(folder: Path, spec: dict[str, Any]) -> Path:
    file = folder / "spec.yaml"
    file.write_text(json.dumps(spec))
    return file


def pair(folder: Path, strength: float, **changes: Any) -> Path:
    """Two oscillators of frequencies 1/2 and -1/2: their difference d obeys d' = 1 - K sin d."""
    uniform = {"kind": "drawn", "distribution": {"kind": "uniform", "low": -1.0, "high": 1.0}, "spacing": "quantiles"}
    layer = {
        f"{LAYER}oscillators": 2, f"{LAYER}frequency": uniform,
        f"{LAYER}coupling": {"kind": "mean_field", "strength": strength},
    }  # fmt: skip
    return written(folder, small(**{**layer, "task__steps": 400, **changes}))


def ring(folder: Path, oscillators: int = 12) -> Path:
    """Equal oscillators, each coupled to its two neighbours: twisted states."""
    layer = {
        f"{LAYER}oscillators": oscillators, f"{LAYER}frequency": {"kind": "none"},
        f"{LAYER}coupling": {"kind": "graph", "generator": "cycle_graph", "strength": 1.0},
    }  # fmt: skip
    return written(folder, small(**{**layer, "task__steps": 3000}))


def test_two_locked_oscillators_have_the_exponents_of_theory(tmp_path: Path) -> None:
    run = ask(LyapunovQuestion(exponents=2, transient=100), pair(tmp_path, 2.0), runs=tmp_path)
    data = run.data["lyapunov"].to_dataset()
    # The difference comes to rest where sin d = 1/2, and returns there at the rate K cos d; the common phase is free.
    expected = [0.0, -2.0 * cos(asin(0.5))]
    np.testing.assert_allclose(data["exponents"].isel(sample=0), expected, atol=2e-3)
    assert data.attrs["degrees_of_freedom"] == 2 and data["seed"].dims == ("sample",)
    assert (run.path / "figures" / "lyapunov.png").is_file()
    assert run.metrics["exponent_2"].item() == pytest.approx(expected[1], abs=2e-3)


def test_two_oscillators_lock_in_a_stable_and_an_unstable_state(tmp_path: Path) -> None:
    run = ask(FixedPointsQuestion(starts=40), pair(tmp_path, 2.0), runs=tmp_path)
    data = run.data["fixed_points"].to_dataset()
    assert data["stable"].values.tolist() == [True, False]
    decay = 2.0 * cos(asin(0.5))
    np.testing.assert_allclose(data["eigenvalues_real"].isel(eigenvalue=0), [-decay, decay], atol=1e-8)
    difference = data["state"].isel(component=0).diff("oscillator").isel(oscillator=0).values
    np.testing.assert_allclose(np.abs(np.sin(difference)), sin(asin(0.5)), atol=1e-8)
    assert (run.path / "figures" / "fixed_points.png").is_file()


def test_without_locking_there_are_no_fixed_points(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"none of the 10 starts led to a fixed point"):
        ask(FixedPointsQuestion(starts=10), pair(tmp_path, 0.5), runs=tmp_path)


def test_starts_on_a_ring_end_in_twisted_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oscillo.questions.stability.shares._AT_ONCE", 40)
    run = ask(BasinsQuestion(starts=100), ring(tmp_path), runs=tmp_path)
    data = run.data["basins"].to_dataset()
    assert set(data["winding"].values.tolist()) <= {-2.0, -1.0, 0.0, 1.0, 2.0}
    assert data["winding"].values[0] == 0 and data["order_parameter"].values[0] == pytest.approx(1, abs=1e-3)
    assert float(data["fraction"].sum()) == pytest.approx(1 - data.attrs["moving"])
    assert run.data["basin_starts"]["end"].sizes["start"] == 100
    assert (run.path / "figures" / "basins.png").is_file()


def test_samples_of_a_network_that_learned_are_told_apart_by_their_answers(tmp_path: Path) -> None:
    trained = oscillo.run(LEARNING, runs=tmp_path)
    run = ask(LyapunovQuestion(exponents=2, samples=4, steps=6, transient=3), trained.path, runs=tmp_path)
    data = run.data["lyapunov"].to_dataset()
    assert data["exponents"].shape == (4, 2) and np.isfinite(data["exponents"]).all()
    assert data["correct"].dims == ("sample",) and run.provenance["parent"] == str(trained.path.resolve())


@pytest.mark.parametrize(
    ("question", "changes", "told"),
    [
        (LyapunovQuestion(), {f"{LAYER}integrator": {"kind": "dopri5", "step_size": 0.1}}, "kind: rk4"),
        (LyapunovQuestion(exponents=9), {}, "2 degrees of freedom"),
        (LyapunovQuestion(samples=3), {}, "3 samples are asked for, and the simulation has 1"),
        (LyapunovQuestion(evaluation="id"), {}, "for a trained network"),
        (
            BasinsQuestion(),
            {f"{LAYER}noise": {"strength": 0.1}, f"{LAYER}integrator": {"kind": "heun", "step_size": 0.1}}, "noise",
        ),
        (FixedPointsQuestion(), {f"{LAYER}stimulus": {"kind": "sine", "amplitude": 0.6, "frequency": 2.0}}, "time"),
        (FixedPointsQuestion(sample=2), {}, "3 samples are asked for"),
    ],
)  # fmt: skip
def test_what_has_no_answer_is_told_before_anything_is_made(
    question: Any, changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    changes = {"recording__observables": {"order_parameter": {}}, **changes}
    with pytest.raises(RunFailed, match=told):
        ask(question, pair(tmp_path, 2.0, **changes), runs=tmp_path / "runs")
    assert not list(tmp_path.glob("runs/*/*/run.json"))


def test_an_answer_that_was_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oscillo.questions.stability.shares._AT_ONCE", 30)
    whole = ask(BasinsQuestion(starts=90), ring(tmp_path), runs=tmp_path).data["basins"].to_dataset().load()
    find, found = asking._find, []

    def stopping(*arguments: Any) -> Any:
        if len(found) == 1:
            found.append(None)
            raise Interrupted(2)
        found.append(find(*arguments))
        return found[-1]

    monkeypatch.setattr(asking, "_find", stopping)
    with pytest.raises(RunInterrupted) as stop:
        ask(BasinsQuestion(starts=90), ring(tmp_path), runs=tmp_path)
    assert open_run(stop.value.path).state == "interrupted"
    again = oscillo.resume(stop.value.path)
    assert len(found) == 4  # one part, the interruption, and the two that were missing
    assert again.state == "done" and again.data["basins"].to_dataset().drop_attrs().equals(whole.drop_attrs())
