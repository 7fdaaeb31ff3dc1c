from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from small_simulations import STRENGTH, record, refused, small, variant

import oscillo
from oscillo.draws import Draws, normal
from oscillo.running import RunInterrupted
from oscillo.simulation import Simulation


def starting(initial, name="kuramoto", **task):
    """The small spec with another start, whose states are kept."""
    spec = variant(name, task__steps=2, recording__observables={"state": {}}, task__initial=initial)
    spec["task"] |= task
    return spec


def first_states(folder, spec):
    """States at time 0, [sample, component, oscillator], or phases [sample, oscillator]."""
    states = record(folder, spec)["states"].isel(time=0)
    return states["phase"].values if "phase" in states else states["state"].values


def test_uniform_states_are_spread_over_the_manifold(tmp_path):
    many = {"ensemble": {"seeds": 400}}
    angles = first_states(tmp_path / "circle", starting({"kind": "uniform"}, **many))
    assert np.histogram(angles, 4, (-math.pi, math.pi))[0] == pytest.approx(500, rel=0.15)
    near = first_states(tmp_path / "near", starting({"kind": "uniform", "scale": 0.1}, **many))
    np.testing.assert_allclose(near, 0.1 * angles, atol=1e-12)
    points = first_states(tmp_path / "sphere", starting({"kind": "uniform"}, "sphere", **many))
    np.testing.assert_allclose((points**2).sum(1), 1)
    np.testing.assert_allclose(points.mean((0, 2)), 0, atol=0.05)
    disk = first_states(tmp_path / "plane", starting({"kind": "uniform", "scale": 2.0}, "plane", **many))
    radii = np.hypot(*disk.transpose(1, 0, 2))
    assert radii.max() <= 2 and (radii < 1).mean() == pytest.approx(0.25, abs=0.04)


def test_uniform_states_are_keyed_by_the_seed(tmp_path):
    found = first_states(tmp_path / "a", starting({"kind": "uniform"}, ensemble={"seeds": [7, 2]}))
    assert (found[1] == first_states(tmp_path / "b", starting({"kind": "uniform"}, ensemble={"seeds": [2]}))[0]).all()


def test_states_and_frequencies_of_one_seed_are_strangers(tmp_path):
    spec = small(
        seed=0, network__layers__0__oscillators=1000, task__steps=1, recording__observables__state={"every": 1}
    )
    spec["network"]["layers"][0]["frequency"] = {"kind": "drawn", "seed": 0}
    theta = first_states(tmp_path, spec)[0]
    omega = oscillo.load(spec).network.build(()).layers[0].oscillators.frequency.omega.flatten().numpy()
    assert abs(np.corrcoef(theta, omega)[0, 1]) < 4.5 / math.sqrt(1000)


def test_a_scale_on_a_sphere_is_refused(tmp_path):
    text = refused(tmp_path, starting({"kind": "uniform", "scale": 0.5}, "sphere"))
    assert text.startswith("task.initial.scale: on a sphere all points are as far from the origin; leave `scale` out")


def test_given_states_come_from_a_number_a_list_or_a_file(tmp_path):
    x = np.array([0.1, -0.2, 0.3, 3.0, -3.0])
    np.savez(tmp_path / "start.npz", x=x, full=x[None], vectors=np.arange(1.0, 21.0).reshape(4, 5))
    for given in (x.tolist(), f"{tmp_path}/start.npz:x", f"{tmp_path}/start.npz:full"):
        found = first_states(tmp_path / str(len(list(tmp_path.iterdir()))), starting({"kind": "given", "x": given}))
        np.testing.assert_array_equal(found, x[None])
    assert (first_states(tmp_path / "number", starting({"kind": "given", "x": 0.5})) == 0.5).all()
    vectors = first_states(tmp_path / "v", starting({"kind": "given", "x": f"{tmp_path}/start.npz:vectors"}, "sphere"))
    expected = np.arange(1.0, 21.0).reshape(4, 5)
    np.testing.assert_allclose(vectors[0], expected / np.linalg.norm(expected, axis=0), rtol=1e-14)


def test_angles_beyond_half_a_turn_keep_their_turns(tmp_path):
    states = record(tmp_path, starting({"kind": "given", "x": 7.0}))["states"].isel(time=0)
    np.testing.assert_allclose(states["phase"] + 2 * math.pi * states["winding"], 7.0, rtol=1e-14)
    assert (states["winding"] == 1).all()


def test_noise_on_a_given_state_is_each_seeds_own(tmp_path):
    spec = starting({"kind": "given", "x": 0.5, "noise": 0.1}, ensemble={"seeds": 300})
    found = first_states(tmp_path, spec) - 0.5
    assert found.std() == pytest.approx(0.1, rel=0.05) and abs(found.mean()) < 0.01
    drawn = normal(3, torch.arange(300), (1, 5), purpose=1).double().numpy()[:, 0]
    np.testing.assert_allclose(found, 0.1 * drawn, atol=1e-12)


def test_velocities_are_given_to_oscillators_with_inertia(tmp_path):
    v = [0.5, -0.5, 0.0, 1.0, 2.0]
    spec = starting({"kind": "given", "x": 0.0, "v": v}, "inertial", ensemble={"seeds": 2})
    states = record(tmp_path / "given", spec)["states"].isel(time=0)
    np.testing.assert_array_equal(states["velocity"], [v, v])
    rest = record(tmp_path / "rest", starting({"kind": "given", "x": 0.0}, "inertial"))["states"]
    assert (rest["velocity"].isel(time=0) == 0).all() and (rest["velocity"].isel(time=1) != 0).any()
    text = refused(tmp_path, starting({"kind": "given", "x": 0.0, "v": v}))
    assert "task.initial.v: velocities are part of the state with `inertia` only; leave `v` out" in text


@pytest.mark.parametrize(("x", "words"), [
    ("nowhere.npz:x", r"task\.initial\.x: there is no file nowhere\.npz"),
    ("{}/start.npz", r"task\.initial\.x: .*holds several arrays: name one"),
    ("{}/start.npz:y", r"task\.initial\.x: .*start\.npz"),
    ("{}/start.npz:nan", r"task\.initial\.x: .*start\.npz:nan holds something that is not a finite number"),
    ("{}/start.npz:words", r"task\.initial\.x: .*start\.npz:words holds something that is not a finite number"),
    ("{}/start.npz:short", r"task\.initial\.x: .*start\.npz:short is \[4\], and a state is \[1, 5\]"),
    ("{}/start.npz:turned", r"task\.initial\.x: .*start\.npz:turned is \[5, 1\], and a state is \[1, 5\]"),
    ([0.1, 0.2], r"task\.initial\.x: the list is \[2\], and a state is \[1, 5\]"),
    (math.inf, r"task\.initial\.x: inf is not finite"),
    (math.nan, r"task\.initial\.x: nan is not finite"),
    ([0.1, math.nan, 0.2, 0.3, 0.4], r"task\.initial\.x: the list holds something that is not a finite number"),
])  # fmt: skip
def test_given_states_that_do_not_fit_are_refused(x, words, tmp_path):
    np.savez(
        tmp_path / "start.npz", nan=np.array([1, 2, 3, math.nan, 5]), short=np.zeros(4), turned=np.zeros((5, 1)),
        words=np.array(["a"] * 5),
    )  # fmt: skip
    x = x.format(tmp_path) if isinstance(x, str) else x
    assert re.search(words, refused(tmp_path, starting({"kind": "given", "x": x})))


def test_a_vector_of_zeros_is_no_point_of_a_sphere(tmp_path):
    text = refused(tmp_path, starting({"kind": "given", "x": 0.0}, "sphere"))
    assert "task.initial.x: on a sphere a vector of zeros points nowhere" in text
    found = first_states(tmp_path, starting({"kind": "given", "x": 0.0, "noise": 0.1}, "sphere"))
    np.testing.assert_allclose((found**2).sum(1), 1)


@pytest.mark.parametrize("turns", [0, 1, -2])
def test_twisted_states_wind_around_a_ring(turns, tmp_path):
    found = first_states(tmp_path / "circle", starting({"kind": "twisted", "turns": [turns]}))
    np.testing.assert_allclose(np.exp(1j * found), np.exp(2j * math.pi * turns * np.arange(5) / 5)[None], atol=1e-12)
    plane = first_states(tmp_path / "plane", starting({"kind": "twisted", "turns": [turns]}, "plane"))
    np.testing.assert_allclose(plane[0], [np.cos(found[0]), np.sin(found[0])], atol=1e-12)


def test_twisted_states_wind_along_the_axes_of_a_grid(tmp_path):
    spec = starting({"kind": "twisted", "turns": [1, -2], "noise": 0.0})
    spec["network"] |= {"sites": [4, 6]}
    spec["network"]["layers"][0] |= {"oscillators": 2, "frequency": {"kind": "none"}}
    found = first_states(tmp_path, spec)
    y, x = np.mgrid[:4, :6]
    expected = np.exp(2j * math.pi * (y / 4 - 2 * x / 6))
    np.testing.assert_allclose(np.exp(1j * found[0]), expected[..., None].repeat(2, -1), atol=1e-12)


def test_twisted_states_that_do_not_fit_are_refused(tmp_path):
    assert "task.initial.turns: 2 numbers, and a ring has one axis" in refused(
        tmp_path, starting({"kind": "twisted", "turns": [1, 1]})
    )
    spec = starting({"kind": "twisted"})
    spec["network"] |= {"sites": [4, 6]}
    assert "task.initial.turns: 1 numbers, and the grid has 2 axes" in refused(tmp_path, spec)
    assert "task.initial: twisted states are made of phases, and vectors of 4 components have none" in refused(
        tmp_path, starting({"kind": "twisted"}, "sphere")
    )


def test_a_run_goes_on_from_where_another_one_ended(tmp_path):
    spec = variant("inertial", task__steps=20, recording__observables={"state": {}})
    whole = oscillo.run(spec, runs=tmp_path / "runs").data["states"].to_dataset()
    half = oscillo.run(spec, ["task.steps=10"], runs=tmp_path / "runs")
    rest = oscillo.run(
        spec, ["task.steps=10", f"task.initial={{kind: run, path: {half.path}}}"], runs=tmp_path / "runs"
    ).data["states"].to_dataset()  # fmt: skip
    for name in ("phase", "velocity"):
        np.testing.assert_array_equal(rest[name], whole[name][:, 10:])
    assert (rest["winding"][:, 0] == 0).all()


def test_members_start_from_the_member_of_their_number_or_all_from_one(tmp_path):
    spec = starting({"kind": "uniform"}, ensemble={"seeds": 3})
    former = oscillo.run(spec, runs=tmp_path)
    last = former.data["states"]["phase"].isel(time=-1).values
    again = spec | {"task": spec["task"] | {"initial": {"kind": "run", "path": str(former.path)}}}
    np.testing.assert_array_equal(first_states(tmp_path / "each", again), last)
    again["task"]["initial"]["sample"] = 1
    np.testing.assert_array_equal(first_states(tmp_path / "one", again), last[[1, 1, 1]])
    one = oscillo.run(starting({"kind": "uniform"}), runs=tmp_path)
    again["task"]["initial"] = {"kind": "run", "path": str(one.path)}
    np.testing.assert_array_equal(
        first_states(tmp_path / "all", again), one.data["states"]["phase"].isel(time=-1).values[[0, 0, 0]]
    )


def test_former_runs_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    former = oscillo.run(starting({"kind": "uniform"}, ensemble={"seeds": 3}), runs=tmp_path / "former").path

    def started(name="kuramoto", ensemble=None, **initial):
        spec = starting({"kind": "run", "path": str(former)} | initial, name)
        return refused(tmp_path, spec | {"task": spec["task"] | {"ensemble": ensemble or {}}})

    assert f"task.initial: {former} has 3 samples, and there are 2; choose one" in started(ensemble={"seeds": 2})
    assert "task.initial.sample: " in started(sample=3) and "no sample 3" in started(sample=3)
    assert f"task.initial.path: the states of {former} are [1, 5], and a state is [4, 5]" in started("sphere")
    assert "task.initial.path: nowhere is not a run: there is no such folder" in started(path="nowhere")
    with monkeypatch.context() as patch:
        patch.setattr(Simulation, "run", _interrupted)
        with pytest.raises(RunInterrupted) as stop:
            oscillo.run(small(), runs=tmp_path / "former")
    assert "has no state to start from: it is no simulation, or it has not begun" in started(path=str(stop.value.path))
    newest = sorted((former / "checkpoints").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:100])
    assert "task.initial.path: " in started(sample=0) and "cannot be read" in started(sample=0)


def _interrupted(*args, **rest):
    raise KeyboardInterrupt


@pytest.mark.parametrize("initial", [
    {"kind": "given", "x": 0.5, "noise": 0.1}, {"kind": "given", "x": 0.5}, {"kind": "twisted", "noise": 0.1},
    {"kind": "uniform"},
])  # fmt: skip
def test_states_begin_where_their_draws_are(initial):
    """On a GPU noise is drawn there, and is added to numbers that were read on the CPU."""
    loaded = oscillo.load(starting(initial))
    design = loaded.task.design(loaded.network, loaded.sites, loaded.recording)
    layer = design.layer(design.ensemble.members).to("meta")
    state = design.initial.states(layer, Draws(3, torch.arange(4, device="meta")))
    assert state["x"].device.type == "meta" and state["x"].shape == (4, 1, 5)


def test_a_former_run_that_diverged_is_refused_where_it_did(tmp_path):
    spec = variant("plane", task__ensemble={"vary": {STRENGTH: [1.0, 1e5]}}, recording__observables={})
    spec["network"]["layers"][0]["integrator"] = {"kind": "projected_euler", "step_size": 0.1}
    former = oscillo.run(spec, runs=tmp_path / "former").path
    again = spec | {
        "task": spec["task"] | {"ensemble": {}, "initial": {"kind": "run", "path": str(former), "sample": 1}}
    }
    assert f"task.initial: {former} has diverged; choose a sample that has not by `sample`" in refused(tmp_path, again)
    again["task"]["initial"]["sample"] = 0
    assert oscillo.run(again, runs=tmp_path).state == "done"
