from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from made_tensors import MadeTensors
from small_simulations import (
    STRENGTH,
    VARIANTS,
    identical,
    layer_by_hand,
    loop_by_hand,
    record,
    small,
    variant,
    with_parameter,
)

import oscillo
from oscillo.integrators.loop import time_of
from oscillo.simulation import simulation as module


def turned(states, member=0):
    """Angles with whole turns, [time, oscillator]."""
    return states["phase"][member].values + 2 * math.pi * states["winding"][member].values


def differing(one, other):
    """The largest distance between all numbers of two data sets along the sample that each has left."""
    return max(
        (float(abs(one[name] - other[name]).max()) for name in one.data_vars if not name.startswith("diverged")),
        default=0.0,
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_recorded_is_what_a_loop_by_hand_gives(name, tmp_path):
    observables = {"state": {}, "order_parameter": {}, "speed": {"each": True}}
    spec = variant(name, recording__observables=observables | ({} if name == "delayed" else {"energy": {}}))
    data = record(tmp_path, spec)
    layer, states = loop_by_hand(spec, 20)
    oscillators, dt = layer.oscillators, layer.dt
    kept = data["states"]
    recorded = kept["phase"].values[:, :, None] if "phase" in kept else kept["state"].values
    np.testing.assert_allclose(recorded[0], np.concatenate([state["x"] for state in states]), rtol=0, atol=1e-13)
    if "v" in states[0]:
        velocities = np.concatenate([state["v"] for state in states])[:, 0]
        np.testing.assert_allclose(kept["velocity"].values[0], velocities, rtol=0, atol=1e-13)
    series = data["series"].to_dataset()
    np.testing.assert_array_equal(series["time"], [round(k * 0.1, 12) for k in range(21)])  # as declared
    for k, state in enumerate(states):
        here = oscillators.evaluate(state, None, time_of(k, dt))
        seen = oscillators.manifold.embed(state["x"])
        found = {
            "order_parameter": seen.mean(-1).norm(), "energy": oscillators.energy(state, None, here.y)[0],
            "speed": here.velocity.expand_as(state["x"]).norm(dim=-2)[0],
        }  # fmt: skip
        for one in series.data_vars:
            value = found[str(one)]
            np.testing.assert_allclose(series[one].values[0, k], value, rtol=1e-12, atol=1e-12, err_msg=f"{one} at {k}")


@pytest.mark.parametrize("name", ["sphere", "dopri5"])
def test_only_what_was_measured_is_told(name, tmp_path):
    """A drift of 0 that nobody has looked for would say that a step never leaves the manifold."""
    summary = record(tmp_path, variant(name))["summary"].to_dataset()
    told = {"steps", "evaluations", "diverged_at", "diverged_oscillator"}
    assert told <= set(summary) and (told | {"drift", "rejected"} <= set(summary)) == (name == "dopri5")


@pytest.mark.parametrize(("name", "batch"), [("kuramoto", None), *((name, 3) for name in VARIANTS)])
def test_members_are_what_runs_of_their_own_are(name, batch, tmp_path):
    seeds, strengths = [0, 2], [0.5, 3.0]
    spec = variant(name, recording__observables__state={"every": 1}, task__batch=batch)
    if name == "sphere":
        spec["recording"]["observables"]["energy"] = {}
    spec["task"]["ensemble"] = {"seeds": seeds, "vary": {STRENGTH: strengths}}
    together = record(tmp_path / "together", spec)
    assert together["series"]["seed"].values.tolist() == [0, 2, 0, 2]
    assert together["series"]["strength"].values.tolist() == [0.5, 0.5, 3.0, 3.0]
    for member, (strength, seed) in enumerate([(a, s) for a in strengths for s in seeds]):
        alone = with_parameter(spec, STRENGTH, strength)
        alone["task"] |= {"ensemble": {"seeds": [seed]}, "batch": None}
        one = record(tmp_path / str(member), alone)
        for group in ("series", "states", "summary"):
            ours = together[group].to_dataset().isel(sample=member)
            assert differing(ours, one[group].to_dataset().isel(sample=0)) < 1e-12, group


def test_batches_of_any_size_leave_the_same(tmp_path):
    for name in ("delayed", "noisy", "dopri5"):
        found = []
        for batch in (1, 4, None):
            spec = variant(name, task__batch=batch, task__ensemble={"seeds": 6, "vary": {STRENGTH: [1.0, 2.0]}})
            found.append(record(tmp_path / f"{name}{batch}", spec))
        for other in found[1:]:
            for group in ("series", "summary"):
                assert differing(found[0][group].to_dataset(), other[group].to_dataset()) < 1e-13


@pytest.mark.parametrize("batch", [None, 2])
def test_a_run_does_not_copy_what_delays_remember(tmp_path, batch):
    made = []
    for steps in (20, 60):
        spec = variant("delayed", task__steps=steps, task__batch=batch, task__ensemble={"seeds": 4})
        spec["network"]["layers"][0]["coupling"]["delay"]["time"] = 50.0
        with MadeTensors(2 * 500 * 2 * 5) as counter:  # the past of a batch of two
            record(tmp_path / str(steps), spec)
        made.append(counter.count)
    assert made[0] == made[1]


def test_a_seed_starts_at_the_same_place_for_every_value(tmp_path):
    spec = small(
        recording__observables__state={"every": 20},
        task__ensemble={"seeds": [4, 1], "vary": {STRENGTH: [0.0, 1.0, 2.0]}},
    )
    first = record(tmp_path, spec)["states"]["phase"].isel(time=0)
    by_seed = first.values.reshape(3, 2, 5)
    assert (by_seed == by_seed[:1]).all() and (by_seed[0, 0] != by_seed[0, 1]).all()


def test_another_seed_of_the_run_draws_all_anew(tmp_path):
    spec = small(recording__observables__state={"every": 20}, task__ensemble={"seeds": 2})
    one, again, other = (record(tmp_path / str(i), spec | {"seed": seed}) for i, seed in enumerate((3, 3, 4)))
    assert identical(one, again)
    assert not np.isin(one["states"]["phase"].isel(time=0), other["states"]["phase"].isel(time=0)).any()


def test_what_lies_in_the_transient_is_not_kept_unless_asked_for(tmp_path):
    task = {"duration": 2.0, "transient": 0.5}
    small_one = small(recording__every=3, recording__observables__state={"every": 5})
    plain = record(tmp_path / "plain", small_one | {"task": {"kind": "simulate"} | task})
    np.testing.assert_allclose(plain["series"]["time"], [0.5, 0.8, 1.1, 1.4, 1.7, 2.0])
    np.testing.assert_allclose(plain["states"]["time"], [0.5, 1.0, 1.5, 2.0])
    kept = record(tmp_path / "kept", small_one | {"task": {"kind": "simulate", "keep_transient": True} | task})
    np.testing.assert_allclose(kept["series"]["time"], [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8])
    np.testing.assert_allclose(kept["states"]["time"], [0.0, 0.5, 1.0, 1.5, 2.0])
    np.testing.assert_array_equal(kept["states"]["phase"][:, 1:], plain["states"]["phase"])
    for data in (plain, kept):
        behind = data["series"]["order_parameter"].where(data["series"]["time"] > 0.49, drop=True)
        summary = data["summary"].to_dataset()
        np.testing.assert_allclose(summary["order_parameter_mean"], behind.mean("time"), rtol=1e-12)
        np.testing.assert_allclose(summary["order_parameter_std"], behind.std("time", ddof=1), rtol=1e-12)


def test_turns_that_were_not_seen_are_not_guessed(tmp_path):
    """Ten radians per time, seen every half unit of time: 5 radians look like -1.28."""
    spec = variant("plane", recording__observables={"mean_frequency": {}})
    spec["network"]["layers"][0] |= {
        "frequency": {"kind": "per_oscillator", "init": [10.0, 1.0, -1.0, -10.0, 0.0]},
        "coupling": {"kind": "mean_field", "strength": 0.0}, "integrator": {"kind": "rk4", "step_size": 0.01},
    }  # fmt: skip
    spec["task"] |= {"steps": 1000}
    spec["recording"]["every"] = 50
    found = record(tmp_path / "seldom", spec)["summary"]["mean_frequency"].values[0]
    np.testing.assert_allclose(found, [np.nan, 1.0, -1.0, np.nan, 0.0], atol=1e-4)
    spec["recording"]["every"] = 10
    found = record(tmp_path / "often", spec)["summary"]["mean_frequency"].values[0]
    np.testing.assert_allclose(found, [10.0, 1.0, -1.0, -10.0, 0.0], atol=1e-4)


@pytest.mark.parametrize(("name", "step"), [("kuramoto", 0.1), ("kuramoto", 2.0), ("plane", 0.1)])
def test_the_mean_frequency_is_the_angle_turned_through(name, step, tmp_path):
    spec = variant(name, recording__observables__state={"every": 1}, task__ensemble={"seeds": 2})
    spec["network"]["layers"][0]["integrator"]["step_size"] = step
    spec["task"] |= {"transient": 5 * step, "steps": 60}
    data = record(tmp_path, spec)
    states = data["states"].to_dataset()
    for member in range(2):
        if name == "plane":
            angles = np.unwrap(np.arctan2(*states["state"].values[member].transpose(1, 0, 2)[::-1]), axis=0)
        else:
            angles = turned(states, member)
        rates = (angles[-1] - angles[0]) / (55 * step)
        np.testing.assert_allclose(data["summary"]["mean_frequency"].values[member], rates, rtol=1e-12, atol=1e-12)


def test_phase_locking_is_the_length_of_the_mean_phasor(tmp_path):
    task = {"kind": "simulate", "steps": 40, "transient": 1.0, "ensemble": {"seeds": 3}}
    for to in ("pairs", "mean_field"):
        recording = {"every": 2, "observables": {"phase_locking": {"to": to}, "state": {}}}
        data = record(tmp_path / to, small(task=task, recording=recording))
        z = np.exp(1j * data["states"]["phase"].values)
        if to == "pairs":
            expected = abs(np.einsum("sti,stj->sij", z, z.conj())) / z.shape[1]
            mean = (expected.sum((1, 2)) - 5) / 20
        else:
            field = z.mean(2, keepdims=True)
            expected = abs((z * (field / abs(field)).conj()).mean(1))
            mean = expected.mean(1)
        np.testing.assert_allclose(data["summary"]["phase_locking"], expected, rtol=1e-12)
        np.testing.assert_allclose(data["summary"]["phase_locking_mean"], mean, rtol=1e-12)


def test_what_varies_reaches_what_is_observed(tmp_path):
    """A cut has the graph's weights, and an energy the strength of each member."""
    graph = {"kind": "graph", "generator": "cycle_graph", "strength": 1.0}
    spec = small(network__layers__0__coupling=graph, task__ensemble={"vary": {STRENGTH: [1.0, -2.0]}})
    spec["recording"]["observables"] = {"cut": {}, "energy": {}}
    data = record(tmp_path, spec)["series"].to_dataset()
    np.testing.assert_allclose(data["energy"][1, 0], -2 * data["energy"][0, 0], rtol=1e-12)
    assert data["cut"].values[0, 0] == data["cut"].values[1, 0]
    _, states = loop_by_hand(spec, 0)
    up = states[0]["x"].cos().flatten() > 0
    assert data["cut"].values[0, 0] == int((up != up.roll(1)).sum())


def test_noise_belongs_to_the_seed_and_the_step(tmp_path):
    layer = {"frequency": {"kind": "none"}, "coupling": {"kind": "mean_field", "strength": 0.0}}
    spec = variant(
        "noisy",
        recording__observables__state={"every": 1},
        task__ensemble={"seeds": [5, 0], "vary": {STRENGTH: [0.0, 1e-9]}},
    )
    spec["network"]["layers"][0] |= layer
    states = record(tmp_path / "all", spec)["states"].to_dataset()
    kicks = np.stack([np.diff(turned(states, member), axis=0) for member in range(4)])
    np.testing.assert_allclose(kicks[0], kicks[2], atol=1e-7)  # the same seed with another strength
    assert abs(np.corrcoef(kicks[0].ravel(), kicks[1].ravel())[0, 1]) < 0.5
    assert kicks.std() == pytest.approx(0.3 * math.sqrt(0.1), rel=0.2)
    spec["recording"]["every"] = 7
    task = spec["task"] | {"ensemble": {"seeds": [0]}, "steps": 30}
    longer = record(tmp_path / "longer", with_parameter(spec, STRENGTH, 0.0) | {"task": task})
    ours = turned(longer["states"].to_dataset())[:21]
    np.testing.assert_allclose(ours, turned(states, 1), atol=1e-13)


def test_a_stimulus_follows_time(tmp_path):
    stimulus = {"kind": "sine", "acts_on": "velocity", "amplitude": 0.6, "frequency": 2.0, "phase": 0.4}
    spec = small(
        task__steps=60, recording__observables__state={"every": 1}, network__layers__0__frequency={"kind": "none"}
    )
    spec["network"]["layers"][0] |= {"stimulus": stimulus, "coupling": {"kind": "mean_field", "strength": 0.0}}
    key = "network.layers.0.stimulus"
    spec["task"]["ensemble"] = {"vary": {f"{key}.amplitude": [0.6, -1.0], f"{key}.frequency": [2.0, 0.5]}}
    for name in ("rk4", "dopri5"):
        exact = {"rtol": 1e-9, "atol": 1e-9} if name == "dopri5" else {}
        spec["network"]["layers"][0]["integrator"] = {"kind": name, "step_size": 0.05} | exact
        for batch in (None, 1):
            states = record(tmp_path / f"{name}{batch}", spec | {"task": spec["task"] | {"batch": batch}})["states"]
            t = states["time"].values
            for member, (a, w) in enumerate([(0.6, 2.0), (0.6, 0.5), (-1.0, 2.0), (-1.0, 0.5)]):
                moved = a / w * (math.cos(0.4) - np.cos(w * t + 0.4))
                angles = turned(states, member)
                np.testing.assert_allclose(angles - angles[:1], moved[:, None].repeat(5, 1), atol=1e-7)


def test_a_conditional_stimulus_comes_from_a_file(tmp_path):
    stimulus = np.random.default_rng(0).normal(size=(3, 2, 4, 5))
    np.savez(tmp_path / "given.npz", stimulus=stimulus)
    spec = variant("sphere", network__sites=[3, 2], task__input=f"{tmp_path}/given.npz:stimulus")
    spec["network"]["layers"][0] |= {
        "stimulus": {"kind": "conditional"}, "coupling": {"kind": "convolution", "kernel_size": 1, "learn": False},
    }  # fmt: skip
    spec["recording"]["observables"] = {"energy": {}, "state": {"every": 20}}
    data = record(tmp_path / "run", spec)
    assert data["states"]["state"].dims == ("sample", "time", "y", "x", "component", "oscillator")
    layer, x = layer_by_hand(spec), torch.from_numpy(data["states"]["state"].values[:, 0])
    y = layer.oscillators.coupling(x)
    energy = layer.oscillators.energy({"x": x}, torch.from_numpy(stimulus)[None], y)
    assert data["series"]["energy"].values[0, 0] == pytest.approx(float(energy[0]), rel=1e-12)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_numbers_are_as_exact_as_asked_for(precision, tmp_path):
    spec = small(
        recording__observables__state={"every": 1}, network__layers__0__coupling={"kind": "mean_field", "strength": 0.1}
    )
    spec["network"]["layers"][0]["frequency"] = {"kind": "per_oscillator", "init": [0.1, 0.2, 0.3, 0.4, 0.5]}
    data = record(tmp_path, spec | {"precision": precision})
    assert data["series"]["order_parameter"].dtype == data["states"]["phase"].dtype == precision
    assert data["summary"]["order_parameter_mean"].dtype == data["series"]["time"].dtype == "float64"
    exact = record(tmp_path / "exact", spec)["states"]["phase"]
    wrong = abs(data["states"]["phase"].astype("float64") - exact).max()
    assert 1e-9 < wrong < 1e-5 if precision == "float32" else wrong == 0


def test_a_long_run_in_float32_counts_its_turns(tmp_path):
    frequencies = [0.001, 0.3, 1.0, 2.0, -2.7]
    spec = small(precision="float32", network__layers__0__frequency={"kind": "per_oscillator", "init": frequencies})
    spec["network"]["layers"][0] |= {
        "coupling": {"kind": "mean_field", "strength": 0.0},
        "integrator": {"kind": "projected_euler", "step_size": 1.0},
    }  # fmt: skip
    spec["task"]["steps"] = 20_000
    spec["recording"] = {"every": 5000, "observables": {"mean_frequency": {}}}
    found = record(tmp_path, spec)["summary"]["mean_frequency"].values[0]
    np.testing.assert_allclose(found, np.float32(frequencies), rtol=0, atol=1e-7)


def test_a_simulation_may_observe_nothing_but_its_end(tmp_path):
    for number, observables in enumerate(({}, {"mean_frequency": {}})):
        data = record(tmp_path / str(number), small(recording__observables=observables))
        assert set(data.children) == {"summary"}
        assert data["summary"]["steps"].values.tolist() == [20]
        assert data["summary"]["evaluations"].values.tolist() == [80]


def test_how_many_steps_are_taken_at_once_changes_nothing(tmp_path, monkeypatch):
    spec = variant("noisy", recording__every=7, task__ensemble={"seeds": 3}, task__batch=2)
    whole = record(tmp_path / "whole", spec)
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LOOKS", 0.0)
    assert identical(record(tmp_path / "single", spec), whole)


def test_a_run_has_its_summary_as_metrics_and_is_read_by_name(tmp_path):
    run = oscillo.run(small(task__ensemble={"seeds": 2, "vary": {STRENGTH: [1.0, 2.0]}}), runs=tmp_path)
    assert run.state == "done"
    mean = float(run.data["summary"]["order_parameter_mean"].mean())
    assert float(run.metrics["order_parameter_mean"][-1]) == pytest.approx(mean)
    chosen = run.data["series"].to_dataset().set_xindex("strength").sel(strength=2.0)
    assert chosen["seed"].values.tolist() == [0, 1] and chosen["order_parameter"].sizes == {"sample": 2, "time": 21}
    oscillo.resume(run.path)  # done, and stays as it is


def test_a_constant_stimulus_may_vary(tmp_path):
    """Of oscillators that feel nothing else the energy is minus what the stimulus does to them."""
    spec = small(network__layers__0__coupling__strength=0.0, recording__observables={"energy": {}, "speed": {}})
    spec["network"]["layers"][0] |= {"stimulus": {"kind": "constant"}, "frequency": {"kind": "none"}}
    amplitudes = [0.5, 1.0, -1.0]
    spec["task"]["ensemble"] = {"vary": {"network.layers.0.stimulus.amplitude": amplitudes}}
    for batch in (None, 2):
        series = record(tmp_path / str(batch), spec | {"task": spec["task"] | {"batch": batch}})["series"]
        energy, speed = series["energy"].values[:, 0], series["speed"].values[:, 0]
        np.testing.assert_allclose(energy, np.array(amplitudes) * energy[1], rtol=1e-12)
        np.testing.assert_allclose(speed, abs(np.array(amplitudes)) * speed[1], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kuramoto", "noisy", "dopri5"])
def test_compiled_steps_take_the_same_way(name, tmp_path):
    spec = variant(name, task__batch=3, task__ensemble={"seeds": 2, "vary": {STRENGTH: [0.5, 2.0]}})
    plain, compiled = (record(tmp_path / way, spec | {"compile": way}) for way in ("off", "on"))
    for group in ("series", "summary"):
        assert differing(plain[group].to_dataset(), compiled[group].to_dataset()) < 1e-12
