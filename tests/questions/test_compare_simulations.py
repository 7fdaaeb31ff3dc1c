"""Integrators of a simulation, compared with a tight reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_comparisons import DENSE, VARIANTS, compared, refused, simulation, written

import oscillo
from oscillo.integrators import IntegratorSpec
from oscillo.manifolds import CircleSpec, PlaneSpec
from oscillo.plotting import comparison_course_figure, comparison_figure
from oscillo.questions.comparison import Compare
from oscillo.questions.comparison.orders import observed_order
from oscillo.questions.comparison.reference import saturated_error
from oscillo.questions.comparison.simulated import SimulatedComparison
from oscillo.questions.source import read_source
from oscillo.running import RunFailed, RunInterrupted
from oscillo.spec import registered

FINE = [0.05, 0.025, 0.0125, 0.00625]
ORDERS = {"projected_euler": 1, "geodesic_euler": 1, "semi_implicit_euler": 1, "heun": 2, "rk4": 4}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than everything else; figures have a test of their own."""
    monkeypatch.setattr(SimulatedComparison, "figures", lambda self, data: {})


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "delays"])
def test_observed_orders_are_those_of_theory_and_tolerances_are_kept(variant: str, tmp_path: Path) -> None:
    kinds = [kind for kind in ORDERS if kind != "semi_implicit_euler" or variant == "inertia"]
    found = compared(
        tmp_path, simulation(variant), integrators=[*kinds, "dopri5"], step_sizes=FINE, tolerances=[1e-4, 1e-6, 1e-8]
    )
    for kind in kinds:
        one = found.where(found.integrator == kind, drop=True)
        assert abs(float(one.observed_order[0]) - ORDERS[kind]) < 0.15, kind
        assert float(one.order[0]) == ORDERS[kind]
        assert (np.diff(one.error) < 0).all()
    tolerant = found.where(found.integrator == "dopri5", drop=True)
    assert (tolerant.error.values < 30 * tolerant.rtol.values).all()
    assert (np.diff(tolerant.error) < 0).all()
    assert (np.diff(tolerant.evaluations) > 0).all()
    assert found.attrs["reference_error"] < 1e-9


def test_declared_orders_are_there_for_every_flow() -> None:
    specs = [cls.model_validate({}) for cls in registered("integrator")["integrator"].values()]
    declared = {spec.kind: spec.order for spec in specs if isinstance(spec, IntegratorSpec)}  # pyright: ignore
    assert declared == ORDERS | {"dopri5": 5, "torchdiffeq": 5, "euler_maruyama": None, "map": None}


def test_errors_are_distances_from_the_exact_solution(tmp_path: Path) -> None:
    # A phase that nothing pulls turns evenly: all are exact, modulo whole turns. Two that pull at one another obey
    # d(delta)/dt = -K sin(delta), so tan(delta / 2) falls as exp(-K t).
    spec = simulation(
        oscillators=2, frequency={"kind": "shared", "init": 9.0}, coupling={"kind": "mean_field", "strength": 1.0}
    )
    spec["task"]["initial"] = {"kind": "given", "x": [0.0, 2.0]}
    found = compared(tmp_path, spec, integrators=["heun"], step_sizes=[0.1, 0.05], horizon=2.0)
    energy = found.reference_energy.isel(sample=0)
    delta = 2 * np.arctan(np.tan(1.0) * np.exp(-found.time.values))
    assert np.allclose(energy, -0.5 * (1 + np.cos(delta)), atol=1e-9)
    by_hand = oscillo.run(written(tmp_path, spec), [
        "network.layers.0.integrator={kind: heun, step_size: 0.1}", "recording.observables={state: {every: 20}}",
        "task.steps=20",
    ], runs=tmp_path / "own")  # fmt: skip
    phases = by_hand.data["states"].to_dataset()["phase"].isel(time=-1).values.reshape(2)
    true = 9.0 * 2 + 1.0 + np.array([-1, 1]) * delta[-1] / 2
    apart = np.angle(np.exp(1j * (phases - true)))
    assert np.isclose(float(found.error_along[0, -1]), np.sqrt(np.mean(apart**2)), rtol=1e-4)
    assert np.isclose(float(found.worst_along[0, -1]), np.abs(apart).max(), rtol=1e-4)


def test_evaluations_steps_and_drift(tmp_path: Path) -> None:
    found = compared(
        tmp_path, simulation("sphere"), integrators=["projected_euler", "geodesic_euler", "rk4", "dopri5"],
        step_sizes=[0.1, 0.05], tolerances=[1e-4],
    )  # fmt: skip
    rows = found.set_index(setting="label")
    assert rows.evaluations.sel(setting="rk4, step 0.05") == 160
    assert rows.evaluations.sel(setting="projected_euler, step 0.1") == rows.steps.sel(
        setting="projected_euler, step 0.1"
    )
    assert np.isnan(rows.rejected.sel(setting="rk4, step 0.1"))
    assert rows.rejected.sel(setting="dopri5, rtol 0.0001") >= 0
    coarse, fine = (float(rows.drift.sel(setting=f"projected_euler, step {h}")) for h in (0.1, 0.05))
    assert 3 < coarse / fine < 5  # |x + h v| - 1 is h^2 v^2 / 2
    assert (found.where(found.integrator == "geodesic_euler", drop=True).drift < 1e-14).all()
    assert 0 < float(rows.drift.sel(setting="dopri5, rtol 0.0001")) < 1e-3
    assert (found.seconds > 0).all()
    assert found.energy.dims == ("setting", "sample", "time")
    assert found.error.attrs["units"] == "rad"


def test_an_ensemble_is_compared_as_one_batch_and_samples_are_spread_over_it(tmp_path: Path) -> None:
    spec = simulation()
    spec["task"]["ensemble"] = {"seeds": 2, "vary": {"network.layers.0.coupling.strength": [0.5, 1.0, 2.0]}}
    both = compared(tmp_path, spec, integrators=["heun"], step_sizes=[0.1])
    assert both.strength.values.tolist() == [0.5, 0.5, 1.0, 1.0, 2.0, 2.0]
    some = compared(tmp_path, spec, integrators=["heun"], step_sizes=[0.1], samples=2)
    assert some.strength.values.tolist() == [0.5, 2.0]
    assert some.seed.values.tolist() == [0, 1]
    assert np.allclose(some.energy.values, both.energy.values[:, [0, 5]])


def test_delays_have_a_reference_of_given_steps(tmp_path: Path) -> None:
    found = compared(tmp_path, simulation("delays"), integrators=["heun", "rk4"], step_sizes=[0.1, 0.05, 0.025])
    assert found.attrs["reference"].startswith("rk4")
    assert found.attrs["reference_step_size"] == 0.025 / 8
    assert "energy" not in found
    rk4 = found.where(found.integrator == "rk4", drop=True)
    # Delays are whole numbers of steps here, so that kinks lie between them, and methods keep their order.
    assert abs(float(found.observed_order[0]) - 2) < 0.15
    assert abs(float(rk4.observed_order[0]) - 4) < 0.3
    assert found.attrs["reference_error"] < float(rk4.error.min()) / 100


def test_float32_shows_its_rounding(tmp_path: Path) -> None:
    found = compared(
        tmp_path, simulation(), integrators=["rk4", "dopri5"], step_sizes=[0.05, 0.00625], precision="float32"
    )
    assert found.attrs["precision"] == "float32"
    assert found.rtol.min() == 1e-5
    assert 1e-8 < float(found.error.sel(setting=1)) < 1e-5


def test_methods_of_torchdiffeq_and_integrators_with_fields_of_their_own(tmp_path: Path) -> None:
    found = compared(
        tmp_path, simulation(), tolerances=[1e-5], step_sizes=[0.1, 0.05],
        integrators=[
            "torchdiffeq.bosh3", "torchdiffeq.midpoint", {"kind": "rk4", "step_size": 0.2},
            {"kind": "torchdiffeq", "method": "explicit_adams", "substeps": 4},
        ],
    )  # fmt: skip
    assert found.label.values.tolist() == [
        "torchdiffeq.bosh3, rtol 1e-05", "torchdiffeq.midpoint, step 0.1", "torchdiffeq.midpoint, step 0.05",
        "rk4, step 0.2", "torchdiffeq.explicit_adams(substeps=4), step 0.1",
        "torchdiffeq.explicit_adams(substeps=4), step 0.05",
    ]  # fmt: skip
    assert found.order.values.tolist() == [3, 2, 2, 4, 3, 3]
    assert (found.evaluations > 0).all()
    assert (found.error < 1e-2).all()


def test_what_fails_is_marked_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = simulation("plane", potential={"kind": "quartic", "mu": 40.0, "saturation": 10.0})
    found = compared(tmp_path, spec, integrators=["projected_euler", "rk4", "dopri5"], step_sizes=[0.1, 0.01],
                     horizon=2.0, tolerances=[1e-6])  # fmt: skip
    assert "diverged before t =" in str(found.failure.values[0])
    assert [bool(text) for text in found.failure.values] == [True, False, True, False, False]
    assert np.isfinite(found.error.values[[1, 3, 4]]).all()
    assert np.isnan(found.error.values[[0, 2]]).all()
    assert "projected_euler, step 0.1 failed" in capsys.readouterr().out
    assert comparison_figure(found) is not None


def test_figures_can_be_drawn(tmp_path: Path) -> None:
    few: dict[str, Any] = {"integrators": ["heun", "dopri5"], "horizon": 0.8}
    found = compared(tmp_path, simulation("sphere"), **few)
    for draw in (comparison_figure, comparison_course_figure):
        figure = draw(found)
        assert figure is not None
        figure.savefig(tmp_path / "figure.png", dpi=50)
        assert draw(found.assign(error=found.error * np.nan)) is None
    delayed = comparison_course_figure(compared(tmp_path, simulation("delays"), integrators=["heun"], horizon=0.8))
    assert delayed is not None
    assert len(delayed.axes) == 1  # neither energy nor drift


def test_a_killed_comparison_goes_on_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"integrators": ["heun", "rk4"], "step_sizes": [0.1, 0.05]}
    whole = compared(tmp_path, simulation(), **settings)
    plain, parts = SimulatedComparison.answer, []

    def interrupted(self: SimulatedComparison, part: int, advance: Any, check: Any) -> Any:
        if part == 3 and 3 not in parts:
            parts.append(part)
            raise KeyboardInterrupt
        parts.append(part)
        return plain(self, part, advance, check)

    monkeypatch.setattr(SimulatedComparison, "answer", interrupted)
    with pytest.raises(RunInterrupted) as stopped:
        compared(tmp_path, simulation(), **settings)
    again = oscillo.resume(stopped.value.path).data["comparison"].to_dataset().load()
    assert parts == [0, 1, 2, 3, 3, 4, 5]
    assert whole.drop_vars("seconds").equals(again.drop_vars("seconds"))
    assert not (stopped.value.path / "answers").exists()


def test_a_reference_that_fails_ends_the_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(self: SimulatedComparison, advance: Any, check: Any) -> Any:
        raise FloatingPointError("dopri5 could not advance")

    monkeypatch.setattr(SimulatedComparison, "_solve", stuck)
    failed = (
        r"the reference solution .* failed.*; try a shorter `horizon`, or {}\. The reason: dopri5 could not advance"
    )
    with pytest.raises(RunFailed, match=failed.format("another `reference_tolerance`")):
        compared(tmp_path, simulation(), integrators=["rk4"])
    with pytest.raises(RunFailed, match=failed.format("shorter `step_sizes`")):
        compared(tmp_path, simulation("delays"), integrators=["rk4"])


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown": ({}, {"integrators": ["rk5"]}, "did you mean `rk4`"),
    "method": ({}, {"integrators": ["torchdiffeq.bosh"]}, "did you mean `bosh3`"),
    "map": ({}, {"integrators": ["map"]}, "follows no flow"),
    "foreign": ({}, {"integrators": ["semi_implicit_euler"]}, "no `inertia`"),
    "noise": ({"noise": {"strength": 0.1}, "integrator": {"kind": "heun"}}, {}, "follows another path"),
    "of_a_map": (
        {"manifold": {"kind": "sphere", "dimension": 4}, "frequency": {"kind": "none"}, "integrator": {"kind": "map"}},
        {}, "a map follows no flow",
    ),
    "tolerances": ({}, {"integrators": ["rk4"], "tolerances": [1e-3]}, "none of rk4 does"),
    "step_sizes": ({}, {"integrators": ["dopri5"], "step_sizes": [0.1]}, "`step_sizes` are for integrators with"),
    "uneven": ({}, {"step_sizes": [0.3], "horizon": 1.0}, "0.333333333333 does"),
    "long": ({}, {"step_sizes": [3.0], "horizon": 1.0}, "longer than the horizon"),
    "negative": ({}, {"step_sizes": [-0.1]}, "must be greater than 0"),
    "horizon": ({}, {"horizon": 1.234}, "no whole number of the spec's steps"),
    "loose": ({}, {"tolerances": [1e-11], "integrators": ["dopri5"]}, "ten times tighter"),
    "tight": ({}, {"reference_tolerance": 1e-15}, "finer than float64 can keep"),
    "samples": ({}, {"samples": 2}, "take at most 1"),
    "evaluation": ({}, {"evaluation": "id"}, "`evaluation` is for a trained network"),
    "fine_for_float32": ({}, {"precision": "float32", "integrators": ["dopri5"], "tolerances": [1e-8]}, "`rtol` 1e-08"),
    "ablation": (
        {"manifold": {"kind": "sphere"}, "frequency": {"kind": "none"},
         "integrator": {"kind": "projected_euler", "project": False}}, {}, "no step along a flow",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused_before_anything_runs(case: str, tmp_path: Path) -> None:
    layer, settings, words = REFUSED[case]
    assert words in refused(tmp_path, simulation(**layer), **settings)


def test_delays_refuse_what_they_cannot_have(tmp_path: Path) -> None:
    spec = simulation("delays")
    assert "chooses its own steps" in refused(tmp_path, spec, integrators=["dopri5"])
    assert "the shortest delay is 0.4" in refused(tmp_path, spec, integrators=["rk4"], step_sizes=[0.5])
    assert "leave `reference_tolerance` out" in refused(tmp_path, spec, reference_tolerance=1e-6)


def test_orders_are_told_only_where_slopes_have_settled() -> None:
    h = np.array([0.4, 0.2, 0.1])
    assert np.isclose(observed_order(h, h**2 + 0.3 * h**3), 2, atol=0.02)
    assert np.isclose(observed_order(h[:2], h[:2] ** 3), 3)
    assert np.isnan(observed_order(h, [2.0, 1.9, 0.1]))  # too large steps, then one that is stable
    assert np.isnan(observed_order(h, [1e-3, 1e-9, 1e-12], floor=1e-8))
    assert np.isclose(observed_order(h, [np.nan, 4e-2, 1e-2]), 2)
    assert np.isclose(observed_order(h, [1.2, 4e-2, 1e-2], ceiling=0.1), 2)
    assert np.isnan(observed_order(h, [1.9, 1.7, 1.6], ceiling=0.1))


def test_errors_are_saturated_from_a_tenth_of_the_distance_of_unrelated_states_on() -> None:
    draws = torch.Generator().manual_seed(1)
    phases = 2 * torch.pi * torch.rand(8, 2, 1, 5000, generator=draws, dtype=torch.float64)
    assert np.isclose(saturated_error(CircleSpec().build(), phases), 0.1 * np.pi / np.sqrt(3), rtol=0.02)
    points = 7 + 3 * torch.randn(8, 2, 2, 5000, generator=draws, dtype=torch.float64)
    assert np.isclose(saturated_error(PlaneSpec().build(), points), 0.1 * 3 * 2, rtol=0.02)
    assert np.isclose(saturated_error(CircleSpec().build(), torch.tensor([0.0, 1.5]).reshape(2, 1, 1, 1)), 0.15)


def test_no_order_is_told_where_chaos_has_saturated_the_errors(tmp_path: Path) -> None:
    spec = simulation("sphere", coupling=DENSE | {"strength": 10.0}, oscillators=12)
    found = compared(
        tmp_path, spec, integrators=["projected_euler", "rk4"], step_sizes=[0.1, 0.05], horizon=4.0,
        reference_tolerance=1e-9,
    )  # fmt: skip
    assert found.attrs["reference_error"] < 1e-3, "else errors are not resolved either"
    assert (found.error > found.attrs["saturated_error"]).all()
    assert np.isnan(found.observed_order).all()


def test_a_horizon_that_is_not_the_duration_of_the_spec_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(steps: int, **settings: Any) -> str:
        spec = simulation()
        spec["task"]["steps"] = steps
        Compare.model_validate(settings).study(read_source(written(tmp_path, spec)))
        return capsys.readouterr().out.replace("\n", " ")

    assert "up to t = 4, beyond the spec's duration of 2" in told(20, horizon=4.0)
    assert "up to t = 20, the first 200 of the spec's 400 steps; `--horizon 40`" in told(400)
    assert "compared" not in told(20) + told(20, horizon=2.0) + told(400, horizon=1.0)


def test_settings_survive_in_the_record_of_the_run(tmp_path: Path) -> None:
    question = Compare.model_validate({"integrators": ["torchdiffeq.bosh3", {"kind": "rk4", "step_size": 0.2}]})
    again = Compare.model_validate(question.model_dump(mode="json"))
    assert again == question
    source = read_source(written(tmp_path, simulation()))
    assert [one.label for one in again.study(source).settings][-1] == "rk4, step 0.2"  # pyright: ignore


def test_initial_states_and_network_are_those_of_the_simulation(tmp_path: Path) -> None:
    spec: dict[str, Any] = simulation("sphere") | {"precision": "float32"}
    question = Compare.model_validate({"integrators": ["projected_euler"], "step_sizes": [0.1]})
    study = question.study(read_source(written(tmp_path, spec)))
    assert isinstance(study, SimulatedComparison)
    spec["recording"] = {"observables": {"state": {}}}
    run = oscillo.run(written(tmp_path, spec), runs=tmp_path / "own")
    states = [
        state["x"].clone() for state, _ in study.flow.follow(study.settings[0].build(torch.float64), lambda: None)
    ]
    stored = torch.from_numpy(run.data["states"]["state"].transpose("time", "sample", "component", "oscillator").values)
    assert torch.allclose(torch.stack(states).float(), stored, atol=2e-6)
