from __future__ import annotations

import numpy as np
import pytest
import torch
from small_simulations import STRENGTH, record, refused, small, variant, with_parameter

import oscillo
from oscillo.network.oscillator_layer import OscillatorLayerSpec
from oscillo.simulation import EnsembleSpec, Member, ensemble
from oscillo.simulation.ensemble import layer_of

COUPLING = "network.layers.0.coupling"


def told(folder, vary=None, seeds=1, **changes):
    """What an ensemble is refused with."""
    return refused(folder, small(task__ensemble={"seeds": seeds, "vary": vary or {}}, **changes))


def test_members_are_all_combinations_the_seeds_fastest():
    spec = EnsembleSpec.model_validate({"seeds": [4, 2], "vary": {"network.a": [1, 2], "network.b": [5.0]}})
    a, b = "network.a", "network.b"
    assert spec.members == [Member(s, {a: x, b: 5.0}) for x in (1, 2) for s in (4, 2)]
    assert spec.size == 4 and spec.ends == [spec.members[0], spec.members[-1]]
    assert EnsembleSpec().members == EnsembleSpec().ends == [Member(0, {})]
    assert [member.seed for member in EnsembleSpec(seeds=3).members] == [0, 1, 2]


def test_ranges_hold_both_their_ends():
    values = lambda **fields: ensemble.Range(**fields).values  # noqa: E731
    assert values(first=0, last=4, count=5) == [0, 1, 2, 3, 4]
    assert values(first=1, last=-1, count=3) == [1, 0, -1]
    assert values(first=0.01, last=100, count=5, spacing="log") == pytest.approx([0.01, 0.1, 1, 10, 100], rel=1e-14)


@pytest.mark.parametrize(("keys", "names"), [
    (["network.layers.0.coupling.strength"], ["strength"]),
    (["network.layers.0.coupling.strength", "network.layers.0.noise.strength"],
     ["coupling_strength", "noise_strength"]),
    (["network.layers.0.coupling.terms.0.strength", "network.layers.0.coupling.terms.1.strength"],
     ["terms_0_strength", "terms_1_strength"]),
    (["network.layers.0.coupling.matrix.0.1"], ["matrix_0_1"]),
    (["network.layers.0.stimulus.amplitude"], ["stimulus_amplitude"]),
])  # fmt: skip
def test_coordinates_have_the_shortest_names_that_tell_them_apart(keys, names):
    spec = EnsembleSpec.model_validate({"vary": {key: [1.0] for key in keys}})
    assert list(spec.names({"amplitude", "seed"}).values()) == names


def test_no_coordinate_takes_the_name_of_what_is_recorded(tmp_path):
    spec = variant("driven", recording__observables={"amplitude": {}, "speed": {}})
    spec["network"]["layers"][0] |= {
        "manifold": {"kind": "plane"}, "potential": {"kind": "quartic"},
        "coupling": {"kind": "graph", "generator": "cycle_graph", "strength": 1.0, "delay": {"time": 0.2}},
    }  # fmt: skip
    spec["task"]["ensemble"] = {"seeds": 2, "vary": {"network.layers.0.stimulus.amplitude": [0.5, 1.0]}}
    series = record(tmp_path, spec)["series"].to_dataset()
    assert set(series.data_vars) == {"amplitude", "speed"}
    assert series.coords["stimulus_amplitude"].values.tolist() == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(("key", "words"), [
    (f"{COUPLING}.strenght", f"`{COUPLING}` has no `strenght`; did you mean `strength`?"),
    (f"{COUPLING}.zzz", f"`{COUPLING}` has no `zzz`; it has strength, learn_strength, rotation"),
    ("network.layers.1.coupling.strength", "`network.layers` has no `1`; its items are numbered from 0 to 0"),
    ("network.layers.first.coupling", "`network.layers` has no `first`; its items are numbered from 0 to 0"),
    ("layers.0.coupling.strength", "is no place in the network; it begins with `network.`; did you mean `network"),
    ("task.initial.scale", "`task.initial.scale` is no place in the network; it begins with `network.`"),
    ("precision", "`precision` is no place in the network"),
    (f"{COUPLING}.strength.more", f"`{COUPLING}.strength` is 1.5, and has no `more`"),
    (f"{COUPLING}.kind", f"`{COUPLING}.kind` is 'mean_field', and not a number that could vary"),
    (f"{COUPLING}.rotation", f"`{COUPLING}.rotation` is null, and not a number that could vary"),
    (f"{COUPLING}.learn_strength", f"`{COUPLING}.learn_strength` is false, and not a number"),
    (COUPLING, f"`{COUPLING}` is a mapping, and not a number that could vary"),
    ("network.layers.0.frequency.distribution.deviation.x", "`network.layers.0.frequency.distribution.deviation` is 1"),
])  # fmt: skip
def test_parameters_that_are_not_there_are_told(key, words, tmp_path):
    text = told(tmp_path, {key: [1.0, 2.0]})
    assert text.startswith(f"task.ensemble.vary.{key}: ") and words in text, text


@pytest.mark.parametrize(("key", "values", "words"), [
    ("network.layers.0.frequency.distribution.deviation", [1.0, -2.0], "must be at least 0, not -2"),
    ("network.layers.0.oscillators", [5.5, 6], "takes an integer, not 5.5"),
    ("network.layers.0.integrator.step_size", [0.1, 0.2], "cannot vary within one batch: `integrator.step_size`"),
    ("network.layers.0.integrator.steps", [5, 6], "cannot vary within one batch: `"),
    ("network.layers.0.oscillators", [5, 6], "cannot vary within one batch: `"),
])  # fmt: skip
def test_values_that_cannot_be_are_told(key, values, words, tmp_path):
    text = told(tmp_path, {key: values})
    assert text.startswith(f"task.ensemble.vary.{key}: ") and words in text, text
    if "batch" in words:
        assert "make a run for each value" in text


def test_what_is_wrong_with_the_network_is_told_once(tmp_path):
    text = told(tmp_path, {STRENGTH: [1.0, 2.0]}, seeds=2, network__layers__0__coupling__matrix=[[1.0]])
    assert text.startswith("network.layers.0.coupling: the component matrix is 1 x 1") and "ensemble" not in text


def test_a_value_that_is_of_another_make_is_told_also_where_it_was_not_tried(tmp_path, monkeypatch):
    spec = small(task__ensemble={"vary": {"network.layers.0.integrator.step_size": [0.1, 0.2]}})
    monkeypatch.setattr(ensemble, "_try", lambda *args: None)  # as where there are too many values to try them all
    text = refused(tmp_path, spec)
    assert text.startswith("task.ensemble: its members cannot run as one batch: `integrator.step_size` would")


def test_shear_may_vary_from_none(tmp_path):
    shear = "network.layers.0.frequency.shear"
    whole = record(tmp_path / "whole", variant("plane", task__ensemble={"vary": {shear: [0.0, 0.5, -1.0]}}))["series"]
    for number, value in enumerate((0.0, 0.5, -1.0)):
        spec = with_parameter(variant("plane"), shear, value)
        alone = record(tmp_path / str(number), spec)["series"]
        for name in ("order_parameter", "speed"):
            np.testing.assert_allclose(alone[name].values[0], whole[name].values[number], rtol=1e-12)


def test_seeds_that_draw_what_cannot_differ_are_told(tmp_path):
    spec = variant("sphere", task__ensemble={"seeds": 2}, recording__observables={})
    spec["network"] |= {"sites": [4, 4]}
    spec["network"]["layers"][0]["coupling"] = {"kind": "convolution", "kernel_size": 3}
    text = refused(tmp_path, spec)
    assert text.startswith(
        "task.ensemble.seeds: every seed has its own numbers, and they cannot differ within one batch"
    )
    assert "coupling.weight" in text and "make a run for each seed" in text
    assert oscillo.run(spec, ["task.ensemble.seeds=1"], runs=tmp_path).state == "done"


def test_values_that_are_sound_one_by_one_and_not_together_are_told(tmp_path):
    distribution = {"kind": "uniform", "low": 0.0, "high": 3.0}
    keys = [f"network.layers.0.frequency.distribution.{name}" for name in ("low", "high")]
    text = told(
        tmp_path, {keys[0]: [0.0, 2.0], keys[1]: [1.0, 3.0]}, network__layers__0__frequency__distribution=distribution
    )
    assert text.startswith("task.ensemble.vary: ") and text.endswith(", with 2, 1"), text


@pytest.mark.parametrize(("fields", "words"), [
    ({"seeds": 0}, "seeds: must be at least 1, not 0"),
    ({"seeds": []}, "seeds: needs at least 1 items, has 0"),
    ({"seeds": [0, -1]}, "must be at least 0, not -1"),
    ({"seeds": [0, 2**40]}, "must be less than 2147483648, not 1099511627776"),
    ({"seeds": [3, 4, 3]}, "task.ensemble.seeds: 3 is there twice"),
    ({"seeds": 10**7}, "seeds: must be at most 1000000, not 10000000"),
    ({"seeds": 2000, "vary": {STRENGTH: {"first": 0, "last": 1, "count": 1000}}}, "2,000,000 members are too many"),
    ({"vary": {STRENGTH: []}}, "needs at least 1 items, has 0"),
    ({"vary": {STRENGTH: [1.0, 1.0]}}, f"task.ensemble.vary.{STRENGTH}: 1 is there twice"),
    ({"vary": {STRENGTH: [1.0, float("nan")]}}, "must be finite, not nan"),
    ({"vary": {STRENGTH: 3.0}}, "takes a list or a mapping, not 3"),
    ({"vary": {STRENGTH: {"first": 0, "last": 1, "count": 1}}}, "count: must be at least 2, not 1"),
    ({"vary": {STRENGTH: {"first": 0, "last": 1, "count": 3, "spacing": "log"}}}, "take `spacing: linear`"),
    ({"vary": {STRENGTH: {"first": 0, "last": 1, "counts": 3}}}, "counts: unknown key; did you mean `count`?"),
    ({"sed": 3}, "task.ensemble.sed: unknown key; did you mean `seeds`?"),
])  # fmt: skip
def test_ensembles_that_are_none_are_told(fields, words, tmp_path):
    assert words in refused(tmp_path, small(task__ensemble=fields))


def test_an_override_of_what_varies_is_given_as_a_whole(tmp_path):
    change = f"task.ensemble.vary={{{STRENGTH}: [0.5, 1.0]}}"
    assert oscillo.load(small(), [change]).task.ensemble.size == 2
    text = refused(tmp_path, small(), f"task.ensemble.vary.{STRENGTH}=[0.5,1.0]")
    assert "the place of a parameter is one key, dots and all: `task.ensemble.vary={network.layers.0." in text


def test_where_nothing_is_drawn_one_layer_serves_all_seeds(monkeypatch):
    built, build = [], OscillatorLayerSpec.build
    monkeypatch.setattr(OscillatorLayerSpec, "build", lambda self, *rest: (built.append(0), build(self, *rest))[1])
    for frequency, count in (({"kind": "shared"}, 3), ({"kind": "drawn"}, 12)):
        built.clear()
        spec = oscillo.load(small(network__layers__0__frequency=frequency))
        members = EnsembleSpec.model_validate({"seeds": 4, "vary": {STRENGTH: [1.0, 2.0, 3.0]}}).members
        built.clear()
        layer = layer_of(spec.network, (), members, 3, torch.float64)
        assert len(built) == count
        strengths = layer.oscillators.coupling.strength  # pyright: ignore[reportAttributeAccessIssue]
        assert strengths.flatten().tolist() == [m.parameters[STRENGTH] for m in members]


def test_a_grid_of_parameters_finds_its_way_back(tmp_path):
    mass = "network.layers.0.inertia.mass"
    spec = variant("inertial", recording__observables={"speed": {}}, task__initial={"kind": "given", "x": 0.3})
    spec["network"]["layers"][0]["frequency"] = {"kind": "shared", "init": 1.0}
    spec["task"]["ensemble"] = {"vary": {mass: [1.0, 2.0], STRENGTH: [0.5, 1.0]}}
    data = record(tmp_path, spec)["series"].to_dataset()
    grid = data.set_index(sample=["mass", "strength"]).unstack("sample")["speed"]
    assert dict(grid.sizes) == {"time": 21, "mass": 2, "strength": 2}
    early = grid.isel(time=1).values
    np.testing.assert_allclose(early[0] / early[1], 2.0, rtol=0.02)  # all in phase: only the mass counts


@pytest.mark.parametrize("run_seed", [0, 7, 2**32, 2**40 + 5])
def test_every_seed_draws_numbers_of_its_own_and_the_same_for_all_parameters(run_seed):
    spec = oscillo.load(small(network__layers__0__frequency={"kind": "drawn"}))
    draw = lambda **fields: layer_of(  # noqa: E731
        spec.network, (), EnsembleSpec.model_validate(fields).members, run_seed, torch.float64
    ).oscillators.frequency.omega.flatten(1)  # pyright: ignore
    omega = draw(seeds=4, vary={STRENGTH: [1.0, 2.0]})
    assert len(omega.unique(dim=0)) == 4 and torch.equal(omega[:4], omega[4:])
    assert torch.equal(draw(seeds=[3])[0], omega[3]) and torch.equal(draw()[0], omega[0])


def test_seeds_of_members_do_not_meet():
    seeds = [ensemble.seed_of(5, member) for member in range(100_000)]
    assert len(set(seeds)) == len(seeds) and max(seeds) < 2**32
    assert ensemble.seed_of(5, 0) == 5 and ensemble.seed_of(2**32, 0) != ensemble.seed_of(0, 0)


@pytest.mark.parametrize(("key", "values"), [
    ("network.layers.0.readout.channels", [4.0, 8.0]), (STRENGTH, [1.0, 1.0 + 1e-9]),
])  # fmt: skip
def test_what_varies_without_effect_is_told(key, values, tmp_path):
    spec = small(network__layers__0__readout={"kind": "norm", "channels": 4})
    spec["task"]["ensemble"] = {"vary": {key: values}}
    assert "has no effect on a simulation" in refused(tmp_path, spec)


def test_seeds_without_anything_drawn_are_told(tmp_path):
    still = {"task__initial": {"kind": "given", "x": 0.3}, "network__layers__0__frequency": {"kind": "shared"}}
    assert "all seeds would give the same; leave `seeds` out" in told(tmp_path, seeds=3, **still)
    disturbed = still | {"task__initial": {"kind": "given", "x": 0.3, "noise": 0.1}}
    assert oscillo.load(small(task__ensemble={"seeds": 3}, **disturbed)).task.ensemble.size == 3
    noisy = {"network__layers__0__noise": {"strength": 0.1}, "network__layers__0__integrator": {"kind": "heun"}}
    assert oscillo.load(small(task__ensemble={"seeds": 3}, **still, **noisy)).task.ensemble.size == 3
