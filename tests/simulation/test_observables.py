from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_simulations import STRENGTH, record, refused, small, variant

import oscillo
from oscillo.observables import Moment, Observable, ObservableSpec
from oscillo.spec import registered

GRID = {"kind": "convolution", "kernel_size": 3, "learn": False}


def observing(observables, name="kuramoto", **task):
    spec = variant(name, recording__observables=observables | {"state": {"every": 1}})
    spec["task"] |= task
    return spec


def on_grid(sites, observables, **layer):
    spec = small(network__sites=list(sites), recording__observables=observables)
    spec["network"]["layers"][0] |= {"coupling": {"kind": "mean_field"}, "oscillators": 2} | layer
    return spec


def phasors(data):
    """exp(i theta) of all that is kept, [sample, time, ...]."""
    states = data["states"].to_dataset()
    if "phase" in states:
        return np.exp(1j * states["phase"].values)
    x = states["state"].values
    return x[..., 0, :] + 1j * x[..., 1, :]


def test_higher_order_parameters_are_daidos(tmp_path):
    observables = {"order_parameter": {}} | {f"r{m}": {"kind": "order_parameter", "moment": m} for m in (2, 3)}
    for name in ("kuramoto", "plane"):
        data = record(tmp_path / name, observing(observables, name))
        z = phasors(data)
        series, directions = data["series"], z / abs(z)
        np.testing.assert_allclose(series["order_parameter"], abs(z.mean(2)), rtol=1e-12)
        for m in (2, 3):
            np.testing.assert_allclose(series[f"r{m}"], abs((directions**m).mean(2)), atol=1e-12)


def test_amplitude_and_speed_are_means(tmp_path):
    data = record(tmp_path, observing({"amplitude": {}, "speed": {}}, "plane"))
    np.testing.assert_allclose(data["series"]["amplitude"], abs(phasors(data)).mean(2), rtol=1e-12)
    each = record(tmp_path / "each", observing({"speed": {"each": True}}, "plane"))["series"]["speed"]
    np.testing.assert_allclose(data["series"]["speed"], each.mean("oscillator"), rtol=1e-12)
    moved = abs(np.diff(phasors(data), axis=1)) / 0.1
    np.testing.assert_allclose(moved, (each.values[:, 1:] + each.values[:, :-1]) / 2, rtol=0.1, atol=0.01)


def test_energy_falls_where_nothing_turns(tmp_path):
    spec = observing({"energy": {}})
    spec["network"]["layers"][0]["frequency"] = {"kind": "none"}
    energy = record(tmp_path, spec)["series"]["energy"].values[0]
    assert (np.diff(energy) < 0).all() and energy[-1] == pytest.approx(-1.5 * 5 / 2, rel=0.02)


def test_local_order_is_the_mean_over_a_window(tmp_path):
    data = record(tmp_path / "ring", observing({"local_order": {"radius": 1}}))
    z = phasors(data)
    expected = abs(z + np.roll(z, 1, 2) + np.roll(z, -1, 2)) / 3
    np.testing.assert_allclose(data["series"]["local_order"], expected, rtol=1e-12)
    assert data["series"]["local_order"].dims == ("sample", "time", "oscillator")
    spec = on_grid((4, 5), {"local_order": {"radius": 1}, "state": {}})
    data = record(tmp_path / "grid", spec)
    z = phasors(data)
    expected = abs(sum(np.roll(z, (dy, dx), (2, 3)) for dy in (-1, 0, 1) for dx in (-1, 0, 1))) / 9
    np.testing.assert_allclose(data["series"]["local_order"], expected, rtol=1e-10)
    assert data["series"]["local_order"].dims == ("sample", "time", "y", "x", "oscillator")


def test_a_cut_counts_the_links_between_the_sides(tmp_path):
    coupling = {"kind": "sum", "terms": [
        {"kind": "self", "strength": 0.5, "matrix": [[1, 0], [0, 0]]},
        {"kind": "graph", "generator": "complete_graph", "strength": -1.0},
    ]}  # fmt: skip
    spec = observing({"cut": {}}, ensemble={"seeds": 4})
    spec["network"]["layers"][0] |= {"coupling": coupling, "frequency": {"kind": "none"}}
    data = record(tmp_path, spec)
    up = (phasors(data).real > 0).sum(2)
    np.testing.assert_array_equal(data["series"]["cut"], up * (5 - up))


def on_edges(folder, lines, **graph):
    """A cut of five oscillators, of which the second alone is on the other side, at the start."""
    file = folder / "edges.txt"
    file.write_text("\n".join(lines))
    spec = observing({"cut": {}}, initial={"kind": "given", "x": [0.1, 3.0, -0.2, 0.3, 1.0]})
    spec["network"]["layers"][0]["coupling"] = {"kind": "graph", "file": str(file)} | graph
    return spec


@pytest.mark.parametrize("lines", [
    ["0 1 2.5", "1 2 0.25", "2 3 7"], ["1 0 2.5", "2 1 0.25", "2 3 7"], ["1 0 2.5", "1 2 0.25", "3 2 7", "4 4 3"],
])  # fmt: skip
def test_a_cut_does_not_depend_on_how_edges_are_written(lines, tmp_path):
    assert record(tmp_path, on_edges(tmp_path, lines))["series"]["cut"].values[0, 0] == 2.75


def test_a_cut_of_directed_or_normalised_links_is_refused(tmp_path):
    lines = ["0 1", "1 2"]
    text = refused(tmp_path, on_edges(tmp_path, lines, directed=True))
    assert text == (
        "recording.observables.cut: `cut` is about edges without a direction, and those of this graph have one; leave "
        "`cut` out"
    )
    assert oscillo.load(on_edges(tmp_path, [*lines, "1 0", "2 1"], directed=True))  # both ways is no direction
    text = refused(tmp_path, on_edges(tmp_path, lines, normalization="degree"))
    assert text.endswith("divides them, each end otherwise; take `normalization: none`")
    nested = on_edges(tmp_path, lines, directed=True)
    graph = nested["network"]["layers"][0]["coupling"]
    inner = {"kind": "sum", "terms": [graph, {"kind": "mean_field"}]}
    nested["network"]["layers"][0]["coupling"] = {"kind": "sum", "terms": [inner]}
    assert "edges without a direction" in refused(tmp_path, nested)


def test_a_cut_stays_on_its_device_and_keeps_what_is_no_number(tmp_path):
    loaded = oscillo.load(on_edges(tmp_path, ["0 1", "1 2"]))
    layer = designed(loaded).layer(loaded.task.ensemble.members)
    x = torch.tensor([[[0.0, 3.0, 0.0, 0.0, 0.0]], [[0.0, 3.0, math.nan, 0.0, 0.0]]])
    for device in ("cpu", "meta"):
        cut = loaded.recording.chosen["cut"].build(layer.to(device), 0.1)
        found = cut.measure(Moment(layer, {"x": x.to(device)}, None, torch.zeros(())))["cut"]
        assert found.device.type == device and found.shape == (2,)
        if device == "cpu":
            assert found[0] == 2 and found[1].isnan()


@pytest.mark.parametrize("sites", [(4, 5), (2, 3, 4)])
def test_everything_is_observed_on_grids_as_well(sites, tmp_path):
    kinds = ["order_parameter", "energy", "speed", "mean_frequency", "phase_locking"]
    spec = on_grid(sites, {kind: {} for kind in kinds} | {"state": {"every": 4}})
    spec["task"] |= {"ensemble": {"seeds": 2, "vary": {STRENGTH: [0.5, 1.0]}}, "batch": 3}
    data = record(tmp_path, spec)
    places = ("y", "x") if len(sites) == 2 else ("site0", "site1", "site2")
    assert data["summary"]["mean_frequency"].dims == ("sample", *places, "oscillator")
    assert data["states"]["phase"].shape == (4, 6, *sites, 2)
    assert data["summary"]["phase_locking"].shape == (4, 2 * math.prod(sites))
    turned = data["states"]["phase"] + 2 * math.pi * data["states"]["winding"]
    rates = (turned.isel(time=-1) - turned.isel(time=0)) / 2.0
    np.testing.assert_allclose(data["summary"]["mean_frequency"], rates, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", registered("observable")["observable"])
def test_every_kind_fills_what_it_names(kind):
    """A kind that is new stands in this test by itself, on a plane with a graph."""
    spec = small(recording__observables={"own": {"kind": kind} | ({"radius": 1} if kind == "local_order" else {})})
    spec["network"]["layers"][0] |= {
        "manifold": {"kind": "plane"}, "coupling": {"kind": "graph", "generator": "cycle_graph"},
        "stimulus": {"kind": "sine", "acts_on": "field"},
    }  # fmt: skip
    if kind == "attention_weights":
        spec["network"] |= {"sites": [2, 3]}
        spec["network"]["layers"][0] |= {"oscillators": 4, "coupling": {"kind": "attention", "heads": 2}}
    if kind == "answer":
        with pytest.raises(oscillo.SpecError, match="own: a simulation has no task that answers; leave it out"):
            oscillo.load(spec)
        return
    loaded = oscillo.load(spec)
    declared = loaded.recording.chosen["own"]
    assert isinstance(declared, ObservableSpec) and type(declared).__doc__
    layer = designed(loaded).layer(loaded.task.ensemble.members)
    built = declared.build(layer, 0.1)
    assert isinstance(built, Observable)
    assert all(variable.name and variable.long_name and variable.description for variable in built.variables)


def designed(loaded):
    return loaded.task.design(loaded.network, loaded.sites, loaded.recording)


@pytest.mark.parametrize(("observable", "name", "words"), [
    ({"kind": "amplitude"}, "kuramoto", "on a circle all amplitudes are one; leave `amplitude` out"),
    ({"kind": "amplitude"}, "sphere", "on a sphere all amplitudes are one"),
    ({"kind": "mean_frequency"}, "sphere", "`mean_frequency` is about phases, and a sphere of 4 components has none"),
    ({"kind": "phase_locking"}, "sphere", "`phase_locking` is about phases, and a sphere of 4 components has none"),
    ({"kind": "order_parameter", "moment": 2}, "sphere", "`order_parameter with moment 2` is about phases"),
    ({"kind": "cut"}, "kuramoto", "`cut` is about the edges of a graph, and the coupling is mean_field"),
    ({"kind": "energy"}, "delayed", "with delays there is no energy of the state alone; leave `energy` out"),
    ({"kind": "local_order", "radius": 3}, "kuramoto", "a window of 7 is longer than the ring, 5"),
    ({"kind": "local_order", "radius": 1, "boundary": "zero"}, "kuramoto", "a ring has no edge; leave out `boundary`"),
])  # fmt: skip
def test_what_cannot_be_observed_is_told(observable, name, words, tmp_path):
    text = refused(tmp_path, observing({"order_parameter": {}, "mine": observable}, name))
    assert text.startswith("recording.observables.mine: ") and words in text


@pytest.mark.parametrize("to", ["pairs", "mean_field"])
def test_one_oscillator_alone_cannot_lock(to, tmp_path):
    spec = small(network__layers__0__oscillators=1, recording__observables={"phase_locking": {"to": to}})
    words = "recording.observables.phase_locking: one oscillator has no other to lock to; leave `phase_locking` out"
    assert refused(tmp_path, spec) == words


def test_delays_of_a_term_leave_no_energy(tmp_path):
    graph = {"kind": "graph", "generator": "cycle_graph", "delay": {"time": 0.3}}
    spec = observing({"energy": {}})
    spec["network"]["layers"][0]["coupling"] = {"kind": "sum", "terms": [{"kind": "mean_field"}, graph]}
    assert "with delays there is no energy" in refused(tmp_path, spec)


def test_a_map_has_no_speed(tmp_path):
    spec = observing({"speed": {}}, "sphere")
    spec["network"]["layers"][0] |= {"frequency": {"kind": "none"}, "integrator": {"kind": "map"}}
    assert refused(tmp_path, spec) == "recording.observables.speed: a map jumps from state to state; leave `speed` out"
    spec["recording"]["observables"] = {"energy": {}}
    assert record(tmp_path, spec)["series"]["time"].values.tolist() == list(range(21))


def test_what_cannot_be_observed_on_a_grid_is_told(tmp_path):
    local = {"local_order": {"radius": 2}}
    assert "a window of 5 is longer than the grid, 4" in refused(tmp_path, on_grid((4, 9), local))
    assert "and the sites are [4, 9, 9]" in refused(tmp_path, on_grid((4, 9, 9), local))
    text = refused(tmp_path, on_grid((60, 60), {"phase_locking": {"to": "pairs"}}))
    assert "all pairs of 7200 oscillators are 51840000 numbers for each sample; take `to: mean_field`" in text


def test_one_kind_may_be_observed_several_times_by_names_of_its_own(tmp_path):
    kinds = {"speed": {}, "each": {"kind": "speed", "each": True}, "narrow": {"kind": "local_order", "radius": 1},
             "wide": {"kind": "local_order", "radius": 2}, "again": {"kind": "speed"}}  # fmt: skip
    series = record(tmp_path, observing(kinds))["series"].to_dataset()
    assert set(series.data_vars) == set(kinds)
    np.testing.assert_allclose(series["each"].mean("oscillator"), series["speed"], rtol=1e-12)
    np.testing.assert_array_equal(series["again"], series["speed"])
    assert not np.allclose(series["narrow"], series["wide"])


@pytest.mark.parametrize(("kinds", "name", "words"), [
    ({"phase_locking": {}, "mine": {"kind": "phase_locking", "to": "pairs"}}, "mine",
     "fills the array `phase_locking`, and `phase_locking` fills it; leave it out, or give it another name"),
    ({"mean_frequency": {}, "other": {"kind": "mean_frequency"}}, "other", "array `mean_frequency`, and `mean_fre"),
    ({"phase_locking": {"kind": "order_parameter"}, "locked": {"kind": "phase_locking"}}, "phase_locking",
     "fills the array `phase_locking_mean`, and `locked` fills it"),
    ({"time": {"kind": "order_parameter"}}, "time", "fills the array `time`, and it is always there; leave it out"),
    ({"seed": {"kind": "order_parameter"}}, "seed", "fills the array `seed`, and it is always there"),
    ({"diverged_at": {"kind": "order_parameter"}}, None, ""),
])  # fmt: skip
def test_what_would_fill_the_same_array_is_told(kinds, name, words, tmp_path):
    if name is None:
        assert record(tmp_path, small(recording__observables=kinds))["series"]["diverged_at"].sizes["time"] == 21
        return
    text = refused(tmp_path, small(recording__observables=kinds))
    assert text.startswith(f"recording.observables.{name}: ") and words in text, text


@pytest.mark.parametrize(("task", "words"), [
    ({"duration": 1.05}, "task.duration: 1.05 is no whole number of steps of 0.1; the nearest is 1"),
    ({"duration": 1e-9}, "task.duration: 1e-09 is no whole number of steps of 0.1; the nearest is 0.1"),
    ({"duration": 100000.02}, "task.duration: 100000.02 is no whole number of steps of 0.1; the nearest is 100000"),
    ({"duration": -1.0}, "task.duration: must be greater than 0, not -1"),
    ({"duration": 1.0, "steps": 5}, "task: give `duration` or `steps`, and not both"),
    ({"steps": 0}, "task.steps: must be at least 1, not 0"),
    ({"steps": 10, "transient": 1.0}, "task.transient: 1 leaves nothing of the 1 that are simulated"),
    ({"steps": 10, "transient": 0.33}, "task.transient: 0.33 is no whole number of steps of 0.1; the nearest is 0.3"),
    ({"steps": 10, "batch": 0}, "task.batch: must be at least 1, not 0"),
    ({"steps": 10, "initial": {"kind": "unifrom"}}, "did you mean `uniform`?"),
    ({"steps": 10, "every": 5}, "task.every: unknown key"),
    ({"steps": 10, "input": "nowhere.npz:stimulus"}, "task.input: makes the stimulus `conditional`, and the layer's"),
])  # fmt: skip
def test_lengths_that_cannot_be_are_told_at_their_place(task, words, tmp_path):
    text = refused(tmp_path, small(task={"kind": "simulate"} | task))
    assert text.startswith(words) or (not words.startswith("task") and words in text), text


@pytest.mark.parametrize(("task", "recording", "words"), [
    ({}, {"every": 11}, "recording.every: 11 steps are more than the 10 that are recorded"),
    ({"transient": 0.8, "keep_transient": True}, {"every": 5},
     "recording.every: with 5 steps between them fewer than two observations lie in the 2 steps behind the transient"),
    ({"transient": 0.8}, {"every": 3}, "recording.every: 3 steps are more than the 2 that are recorded"),
    ({}, {"observables": {"state": {"every": 11}}},
     "recording.observables.state.every: 11 steps are more than the 10 that are recorded"),
    ({"transient": 0.5}, {"observables": {"state": {"at": [0, 5]}}},
     "recording.observables.state.at: step 0 never comes: steps 5 to 10 are recorded"),
])  # fmt: skip
def test_cadences_that_never_come_are_told_at_their_place(task, recording, words, tmp_path):
    spec = small(task={"kind": "simulate", "steps": 10} | task)
    spec["recording"] |= recording
    assert refused(tmp_path, spec).startswith(words)


def test_steps_come_from_the_integrator_where_the_task_says_none(tmp_path):
    spec = small(
        task={"kind": "simulate"}, network__layers__0__integrator={"kind": "rk4", "steps": 7, "step_size": 0.1}
    )
    assert record(tmp_path, spec)["series"].sizes["time"] == 8
    spec["network"]["layers"][0]["integrator"]["steps"] = 0
    assert "task: no step is taken; give a `duration`, or `steps`" in refused(tmp_path, spec)


@pytest.mark.parametrize(("content", "words"), [
    (None, "there is no file"), (np.zeros((4, 6)), r"is float64 [4, 6], and numbers [4, 5] are wanted"),
    (np.full((4, 5), np.nan), "has a number that is not finite"), (np.array([["a"] * 5] * 4), "is <U1 [4, 5], and"),
])  # fmt: skip
def test_inputs_that_do_not_fit_are_told(content, words, tmp_path):
    if content is not None:
        np.savez(tmp_path / "given.npz", stimulus=content)
    spec = observing({}, "sphere", input=f"{tmp_path}/given.npz:stimulus")
    spec["network"]["layers"][0]["stimulus"] = {"kind": "conditional"}
    text = refused(tmp_path, spec)
    assert text.startswith("task.input: ") and words in text, text


@pytest.mark.parametrize(("changes", "words"), [
    ({"training": {"steps": 5, "batch_size": 2}}, "training: the task `simulate` trains nothing; leave `training` out"),
    ({"recording": {"training": {"every": 2}}}, "recording.training: the task `simulate` trains nothing; leave `rec"),
    ({"precision": "bfloat16"}, "precision: the task `simulate` runs in `float32` or `float64`"),
    ({"precision": "float16"}, "precision: takes"),
    ({"device": "cuda:99"}, "device: device 'cuda:99' is not to be had here"),
])  # fmt: skip
def test_what_simulations_have_no_use_for_is_told(changes, words, tmp_path):
    assert refused(tmp_path, small() | changes).startswith(words)


def test_compiling_what_does_not_compile_is_told(tmp_path, monkeypatch):
    spec = variant("kuramoto", compile="on")
    spec["network"]["layers"][0]["integrator"] = {"kind": "torchdiffeq", "step_size": 0.1}
    assert "compile: this integrator or coupling is not made of operations that compile" in refused(tmp_path, spec)
    monkeypatch.setattr("oscillo.preparation.missing_for_compiling", lambda: "no compiler is there")
    text = refused(tmp_path, small(compile="on"))
    assert text.startswith("compile: steps cannot be compiled: no compiler is there")


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    observables = {"amplitude": {}, "order_parameter": {"at": [11]}}
    spec = small(task__steps=10, recording={"every": 20, "observables": observables}, precision="tf32")
    spec["task"] |= {"initial": {"kind": "given", "x": [1.0]}, "ensemble": {"vary": {STRENGTH + "s": [1.0]}}}
    spec["training"] = {"steps": 3}
    places = [line.partition(": ")[0] for line in refused(tmp_path, spec).splitlines()]
    assert sorted(places) == sorted([
        "precision", "training", "task.initial.x", f"task.ensemble.vary.{STRENGTH}s",
    ])  # fmt: skip
    spec["task"] |= {"initial": {"kind": "uniform"}, "ensemble": {}}
    text = refused(tmp_path, {name: value for name, value in spec.items() if name not in ("training", "precision")})
    assert {line.partition(": ")[0] for line in text.splitlines()} == {
        "recording.observables.amplitude", "recording.every", "recording.observables.order_parameter.at",
    }  # fmt: skip


@pytest.mark.parametrize(("layer", "sites", "words"), [
    ({"coupling": {"kind": "graph", "generator": "cycle_graph"}}, [4, 4],
     "network.layers.0.coupling: a graph couples the oscillators of a layer without sites, and the sites are [4, 4]"),
    ({"coupling": {"kind": "graph", "generator": "circulant_graph", "parameters": {"n": 7, "offsets": [1]}}}, [],
     "network.layers.0.coupling: "),
    ({"coupling": {"kind": "attention", "heads": 2}}, [], "network.layers.0.coupling: "),
    ({"coupling": {"kind": "convolution", "kernel_size": 3}}, [], "network.layers.0.coupling: "),
    ({"coupling": {"kind": "graph", "generator": "cycle_graph", "delay": {"time": 0.05}}}, [],
     "network.layers.0.integrator: the shortest delay is 0.05, less than a step of 0.1"),
    ({"coupling": {"kind": "graph", "generator": "cycle_graph", "delay": {"time": 0.5}},
      "integrator": {"kind": "dopri5"}}, [], "network.layers.0.integrator: `dopri5` "),
    ({"noise": {"strength": 0.1}}, [], "network.layers.0.integrator: `rk4` "),
    ({}, None, "network.sites: the network has no `sites`: give the grid"),
])  # fmt: skip
def test_networks_that_cannot_be_are_told_at_their_place(layer, sites, words, tmp_path):
    spec = small(network__sites=sites)
    spec["network"]["layers"][0] |= layer
    if sites is None:
        del spec["network"]["sites"]
    assert refused(tmp_path, spec).startswith(words)


def test_one_layer_of_oscillators_is_simulated_and_nothing_else(tmp_path):
    spec = small()
    spec["network"]["layers"] *= 2
    words = "task: a simulation integrates one layer of oscillators; give the network one layer, of that kind"
    assert words in refused(tmp_path, spec)
    for kind in registered("block")["block"]:
        spec["network"]["layers"] = [{"kind": "block", "channels": 16, "block": {"kind": kind}}]
        assert words in refused(tmp_path, spec | {"network": spec["network"] | {"sites": [4, 4]}})
