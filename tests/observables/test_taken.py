"""What is kept of observables, against the same done by hand with the whole state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from observed_layers import FLAVOURS, SAMPLES, built, declared, moment, numbers, observable, taken

from oscillo.couplings import Attention
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.observables import indices
from oscillo.spec import LocatedError, registered

SITES = (3, 4)
GRID = {"coupling": {"kind": "convolution", "kernel_size": 3, "learn": False}}
SERIES: dict[str, tuple[dict[str, Any], tuple[int, ...], dict[str, Any]]] = {
    "sphere": ({}, (), {"kind": "state"}),
    "grid": (GRID, SITES, {"kind": "state"}),
    "circle": (FLAVOURS["circle"], (), {"kind": "state"}),
    "inertial": (FLAVOURS["inertial"], (), {"kind": "state"}),
    "phases": (FLAVOURS["plane"], (), {"kind": "phase"}),
    "phases on a grid": (FLAVOURS["circle"] | GRID, SITES, {"kind": "phase"}),
    "speeds": (FLAVOURS["circle"], (), {"kind": "speed", "each": True}),
    "stimulus": (GRID | {"stimulus": {"kind": "conditional"}}, SITES, {"kind": "stimulus"}),
    "energies": (FLAVOURS["plane"], (), {"kind": "energy", "per": "oscillator"}),
    "energies of sites": (GRID, SITES, {"kind": "energy", "per": "site"}),
    "readout": (GRID | {"readout": {"kind": "state"}}, SITES, {"kind": "readout"}),
}  # fmt: skip
"""Series of arrays: the layer, its sites, the observable."""

LAYERS = {name: built(declared(**layer), sites) for name, (layer, sites, _) in SERIES.items()}


def chosen(length: int) -> st.SearchStrategy[int | str | list[int]]:
    """Selections of so many entries in all their forms."""
    first = st.integers(1, length)
    several = st.lists(st.integers(0, length - 1), min_size=1, unique=True)
    return first | several | st.integers(0, length - 1).map(lambda start: f"{start}:") | st.just("::2")


@given(data=st.data(), name=st.sampled_from(sorted(SERIES)), precision=st.sampled_from(["float16", "float32", None]))
@settings(max_examples=60)
def test_what_is_kept_is_a_part_of_the_whole(data: st.DataObject, name: str, precision: str | None) -> None:
    layer, observed = LAYERS[name], SERIES[name][2]
    whole, here = taken(layer, **observed), moment(layer, stimulated=name == "stimulus")
    fields: dict[str, Any] = {"precision": precision}
    common = set.intersection(*(set(variable.dims) for variable in whole.variables))
    sizes = dict(zip(whole.variables[0].dims, whole.variables[0].shape, strict=True))
    if "oscillator" in common and data.draw(st.booleans()):
        fields["oscillators"] = data.draw(chosen(sizes["oscillator"]))
    if {"y", "x"} <= common:
        fields["sites"] = {dim: data.draw(chosen(sizes[dim])) for dim in ("y", "x") if data.draw(st.booleans())} or None
    part = taken(layer, **observed, **fields)
    values, found = whole.measure(here), part.measure(here)
    places = {"oscillator": fields.get("oscillators"), **(fields.get("sites") or {})}
    for variable in part.variables:
        known = values[variable.name].numpy()
        for axis, dim in enumerate(variable.dims, 1):
            known = known.take(indices(places.get(dim), known.shape[axis], dim), axis)
        got = found[variable.name].numpy()
        assert got.shape[1:] == variable.shape and str(got.dtype) == variable.dtype
        if got.dtype.kind == "f":
            assert variable.dtype == (precision or "float64")
        np.testing.assert_array_equal(got, known.astype(got.dtype))
    for dim, given_one in places.items():
        assert part.coordinates.get(dim) == (None if given_one is None else indices(given_one, sizes[dim], dim))


def test_whole_turns_stay_whole_numbers() -> None:
    layer = LAYERS["circle"]
    kept = taken(layer, kind="state", precision="float16")
    assert {variable.name: variable.dtype for variable in kept.variables} == {"phase": "float16", "winding": "int32"}


@pytest.mark.parametrize("reduce", [
    {"kind": "mean", "over": ["oscillators"]}, {"kind": "histogram", "bins": 5, "range": [-1.0, 1.0]},
    {"kind": "projection", "vectors": numbers(2, 4, key=7).tolist()},
])  # fmt: skip
def test_a_part_is_chosen_before_it_is_reduced(reduce: dict[str, Any]) -> None:
    layer, part = LAYERS["sphere"], [4, 1, 2]
    found = taken(layer, kind="state", oscillators=part, reduce=reduce, precision="float32").measure(moment(layer))
    x = moment(layer).state["x"].numpy()[..., part]
    if reduce["kind"] == "mean":
        known = x.mean(-1)
    elif reduce["kind"] == "histogram":
        known = np.stack([[np.histogram(row, 5, (-1, 1))[0] / 3 for row in one] for one in x])
    else:
        known = np.einsum("dc,sco->sod", np.array(reduce["vectors"]), x)
    np.testing.assert_allclose(found["state"], known, rtol=1e-6, atol=1e-7)


def test_what_is_left_behind_a_reduction_says_which_entries_it_is_of() -> None:
    """Along a dimension that is gone nothing is told."""
    spec = {"kind": "state", "oscillators": [4, 1], "sites": {"y": [2]}, "reduce": {"kind": "mean", "over": ["sites"]}}
    kept = taken(LAYERS["grid"], **spec)
    assert kept.coordinates == {"oscillator": [4, 1]} and kept.variables[0].dims == ("component", "oscillator")


@given(data=st.data(), of_moment=st.integers(1, 3))
def test_the_order_of_a_part_of_the_oscillators(data: st.DataObject, of_moment: int) -> None:
    name = data.draw(st.sampled_from(["phases on a grid", "circle"]))
    layer = LAYERS[name]
    here = moment(layer)
    fields: dict[str, Any] = {"oscillators": data.draw(chosen(layer.shape.oscillators))}
    if layer.shape.sites:
        fields["sites"] = {"y": data.draw(chosen(3)), "x": data.draw(chosen(4))}
    found = taken(layer, kind="order_parameter", moment=of_moment, **fields).measure(here)["order_parameter"]
    theta = here.state["x"].squeeze(-2).numpy()
    for axis, one in enumerate([*(fields.get("sites") or {}).values(), fields["oscillators"]], 1):
        theta = theta.take(indices(one, theta.shape[axis], "entries"), axis)
    known = abs(np.exp(1j * of_moment * theta.reshape(SAMPLES, -1)).mean(1))
    np.testing.assert_allclose(found, known, rtol=1e-12, atol=1e-14)


COUPLINGS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "dense": ({"distribution": {"kind": "normal"}, "seed": 1}, ()),
    "graph": ({"generator": "cycle_graph"}, ()),
    "ring": ({"range": 2}, ()),
    "mean_field": ({}, ()),
    "self": ({"strength": 0.5}, ()),
    "triadic": ({"generator": "complete_graph"}, ()),
    "convolution": ({"kernel_size": 3}, SITES),
    "attention": ({"heads": 2, "position": "gta"}, SITES),
    "sum": ({"terms": [{"kind": "mean_field"}, {"kind": "graph", "generator": "cycle_graph", "strength": 0.3}]}, ()),
    "energy_attention": ({"heads": 2}, SITES),
}
"""A coupling of each kind, with the sites of a layer that it fits."""


def test_energies_of_all_couplings_are_tried() -> None:
    assert set(COUPLINGS) == set(registered("coupling")["coupling"])


@pytest.mark.parametrize("kind", sorted(set(COUPLINGS) - {"energy_attention"}))
@pytest.mark.parametrize("stimulated", [False, True])
def test_shares_of_an_energy_add_up_to_it(kind: str, stimulated: bool) -> None:
    fields, sites = COUPLINGS[kind]
    tried = 0
    for flavour in FLAVOURS.values():
        stimulus = {"stimulus": {"kind": "conditional" if stimulated else "none"}}
        spec = declared(**flavour, **stimulus, coupling={"kind": kind, **fields})
        if spec.problems(sites):
            continue
        layer = built(spec, sites)
        here, tried = moment(layer, stimulated=stimulated), tried + 1
        energy = taken(layer, kind="energy").measure(here)["energy"]
        each = taken(layer, kind="energy", per="oscillator").measure(here)["energy"]
        assert each.shape == (SAMPLES, *sites, 6) and len(each.flatten().unique()) > 1
        torch.testing.assert_close(each.flatten(1).sum(1), energy, rtol=1e-10, atol=1e-10)
        if sites:
            of_sites = taken(layer, kind="energy", per="site").measure(here)["energy"]
            torch.testing.assert_close(of_sites, each.sum(-1))
        else:
            assert observable(kind="energy", per="site").unfit(spec, sites) == [
                "there are no sites; take `per: oscillator`"
            ]
    assert tried


def test_a_share_is_what_one_oscillator_has_alone() -> None:
    """Half of what it has with each of the others, its stimulus, its potential, and its motion."""
    layer = built(declared(
        manifold={"kind": "plane"}, potential={"kind": "quartic", "mu": 0.75}, inertia={"mass": 0.75},
        stimulus={"kind": "conditional"}, coupling={"kind": "graph", "generator": "cycle_graph", "strength": 1.5},
    ))  # fmt: skip
    here = moment(layer, stimulated=True)
    x, v, c = here.state["x"].numpy(), here.state["v"].numpy(), here.stimulus.numpy()
    pull = 1.5 * (np.roll(x, 1, -1) + np.roll(x, -1, -1))
    square = (x**2).sum(-2)
    own = -0.75 / 2 * square + square**2 / 4
    known = -0.5 * (x * pull).sum(-2) - (x * c).sum(-2) + own + 0.375 * (v**2).sum(-2)
    each = taken(layer, kind="energy", per="oscillator").measure(here)["energy"]
    np.testing.assert_allclose(each, known, rtol=1e-12, atol=1e-12)


def test_an_energy_that_is_no_sum_over_oscillators_is_refused() -> None:
    fields, sites = COUPLINGS["energy_attention"]
    attention = {"kind": "energy_attention", **fields}
    for coupling in (attention, {"kind": "sum", "terms": [{"kind": "self"}, {"kind": "sum", "terms": [attention]}]}):
        spec = declared(coupling=coupling)
        layer = built(spec, sites)
        for per in ("site", "oscillator"):
            with pytest.raises(LocatedError, match="no sum over oscillators; take `per: layer`") as refused:
                taken(layer, kind="energy", per=per)
            assert refused.value.path == ("per",)
        assert taken(layer, kind="energy").measure(moment(layer))["energy"].isfinite().all()


@pytest.mark.parametrize("position", ["none", "gta"])
def test_attention_weights_are_shares_of_what_is_felt(position: str) -> None:
    layer = built(declared(oscillators=4, coupling={"kind": "attention", "heads": 2, "position": position}), SITES)
    here, coupling = moment(layer), layer.oscillators.coupling
    assert isinstance(coupling, Attention)
    weights = taken(layer, kind="attention_weights").measure(here)["attention_weights"]
    assert weights.shape == (SAMPLES, 2, 12, 12) and (weights > 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(SAMPLES, 2, 12, dtype=torch.float64))
    tokens = here.seen.flatten(1, 2).flatten(2)
    blocks = None if coupling.position is None else coupling.position.on_grid(SITES)
    values = coupling._queries_keys_values(tokens, blocks)[2]  # [sample, position, head, channel]
    felt = torch.einsum("shij,sjhc->sihc", weights, values)
    if blocks is not None:
        from oscillo.couplings.multi_head import turned

        felt = turned(blocks[3], felt)
    else:
        torch.testing.assert_close(
            values.flatten(2), tokens @ coupling.qkv.weight[32:].T + coupling.qkv.bias[32:]
        )  # fmt: skip
    field = felt.flatten(2) @ coupling.out.weight.T + coupling.out.bias
    torch.testing.assert_close(field.view(here.seen.shape), coupling(here.seen), rtol=1e-8, atol=1e-10)


def test_weights_of_the_attention_in_a_sum() -> None:
    terms = [{"kind": "self"}, {"kind": "attention", "heads": 2}]
    layer = built(declared(oscillators=4, coupling={"kind": "sum", "terms": terms}), SITES)
    found = taken(layer, kind="attention_weights").measure(moment(layer))["attention_weights"]
    (attention,) = [part for part in layer.modules() if isinstance(part, Attention)]
    torch.testing.assert_close(found, attention.weights(moment(layer).seen))


@pytest.mark.parametrize(("name", "fields", "place", "words"), [
    ("sphere", {"sites": {"y": 2}}, ("sites", "y"), "the layer has no axis `y`: it has no sites"),
    ("grid", {"sites": {"z": 2}}, ("sites", "z"), "the layer has no axis `z`: its axes are y, x"),
    ("grid", {"sites": {"x": [4]}}, ("sites", "x"), "4 is asked for, and there are 4 sites along x, 0 to 3"),
    ("sphere", {"oscillators": 7}, ("oscillators",), "the first 7 are asked for, and there are 6 oscillators"),
    ("sphere", {"reduce": {"kind": "histogram"}}, ("reduce",), "the bins of `state` need their `range`"),
    ("sphere", {"reduce": {"kind": "mean", "over": ["sites"]}}, ("reduce",), "there are no sites in `state`"),
    ("energies of sites", {"oscillators": 2}, ("oscillators",), "`energy` (y, x) has no oscillators to choose from"),
])  # fmt: skip
def test_what_cannot_be_kept_is_told(name: str, fields: dict[str, Any], place: tuple[str, ...], words: str) -> None:
    layer: OscillatorLayer = LAYERS[name]
    with pytest.raises(LocatedError) as error:
        taken(layer, **SERIES[name][2], **fields)
    assert error.value.path == place and str(error.value).startswith(words)


def test_one_number_of_a_layer_has_nothing_to_choose_from() -> None:
    with pytest.raises(LocatedError, match=r"`energy` \(one number of the whole layer\) has no oscillators"):
        taken(LAYERS["sphere"], kind="energy", oscillators=2)
