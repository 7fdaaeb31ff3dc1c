"""What states hold of the past: they stay what they were, and no module knows more than they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dynamics import numbers
from flows import layer_of, start, whereabouts
from made_tensors import MadeTensors
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import LinkCoupling
from oscillo.integrators.loop import Unrolling, advance, plain_steps
from oscillo.layout import State
from oscillo.network.oscillator_layer import OscillatorLayer

pytestmark = pytest.mark.usefixtures("in_double")

N = 5
KINDS = ["graph", "dense"]


def delayed(
    folder: Path, kind: str = "graph", *, lengths: Tensor | None = None, weights: Tensor | None = None,
    dt: float = 1 / 16, **fields: Any,
) -> OscillatorLayer:  # fmt: skip
    """Phases coupled by weights, each link with a length that its signal takes at speed one."""
    w = numbers(N, N, key=1) if weights is None else weights
    lengths = 0.1 + numbers(N, N, key=3).abs() if lengths is None else lengths
    file = folder / "network.npz"
    np.savez(file, weights=w.numpy(), lengths=lengths.numpy())
    source = {"file": str(file), "directed": True, "signed": True}
    if kind == "dense":
        source = {"weights": f"{file}:weights", "lengths": f"{file}:lengths"}
    return layer_of({
        "manifold": {"kind": "circle"}, "oscillators": N, "frequency": {"kind": "shared", "init": 0.5},
        "coupling": {"kind": kind, "delay": {"speed": 1.0}, **source, **fields},
        "integrator": {"kind": "rk4", "step_size": dt},
    })  # fmt: skip


def coupling_of(layer: OscillatorLayer) -> LinkCoupling:
    coupling = layer.oscillators.coupling
    assert isinstance(coupling, LinkCoupling)
    return coupling


@torch.no_grad()
def by_calls(layer: OscillatorLayer, state: State, steps: range) -> State:
    for k in steps:
        state, _ = layer(state, None, k * layer.dt, layer.dt)
    return state


@torch.no_grad()
def by_the_loop(layer: OscillatorLayer, state: State, steps: range) -> State:
    return plain_steps(layer, state, None, layer.dt, steps)


@torch.no_grad()
def observed(layer: OscillatorLayer, state: State, steps: range) -> State:
    return advance(layer, state, None, steps=len(steps), dt=layer.dt, observe=lambda *told: None)


def with_gradients(layer: OscillatorLayer, state: State, steps: range) -> State:
    plan = Unrolling(lead_in=7, recompute_every=4)
    return advance(layer, state, None, steps=len(steps) - 7, dt=layer.dt, unrolling=plan)


def end(layer: OscillatorLayer, steps: int = 30) -> Tensor:
    return whereabouts(by_the_loop(layer, start(layer), range(steps)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", [by_calls, by_the_loop, observed, with_gradients])
def test_a_state_stays_what_it_was(tmp_path: Path, kind: str, way: Callable[..., State]) -> None:
    layer = delayed(tmp_path, kind)
    state = start(layer)
    before = {name: value.clone() for name, value in state.items()}
    first = way(layer, state, range(30))
    for name, value in state.items():
        assert value.equal(before[name]), name
    assert whereabouts(way(layer, state, range(30))).equal(whereabouts(first))
    assert_close(whereabouts(first), whereabouts(by_calls(layer, before, range(30))), rtol=0, atol=1e-14)


def test_one_can_go_on_from_any_state_that_was_observed(tmp_path: Path) -> None:
    layer, kept = delayed(tmp_path), []
    with torch.no_grad():
        advance(
            layer, start(layer), None, steps=30, dt=layer.dt, observe=lambda step, state, measures: kept.append(state)
        )
    for step in (0, 3, 17, 29):
        assert whereabouts(by_calls(layer, kept[step], range(step, 30))).equal(whereabouts(kept[30])), step


@pytest.mark.parametrize(("spent", "copies"), [(False, 2), (True, 0)])
def test_a_stretch_of_steps_copies_the_past_at_most_once(tmp_path: Path, spent: bool, copies: int) -> None:
    layer = delayed(tmp_path, lengths=torch.full((N, N), 40.0))
    state = start(layer)
    with torch.no_grad(), MadeTensors(state["history"].numel()) as made:
        plain_steps(layer, state, None, layer.dt, range(12), spent=spent)
    assert made.count == copies  # values and slopes


def doubled(layer: OscillatorLayer, other: OscillatorLayer) -> None:
    coupling_of(layer).delays.times.mul_(2)


def doubled_behind(layer: OscillatorLayer, other: OscillatorLayer) -> None:
    coupling_of(layer).delays.times.data.mul_(2)


def loaded(layer: OscillatorLayer, other: OscillatorLayer) -> None:
    layer.load_state_dict(other.state_dict())


def assigned(layer: OscillatorLayer, other: OscillatorLayer) -> None:
    layer.load_state_dict(other.state_dict(), assign=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [doubled, doubled_behind, loaded, assigned])
def test_other_delays_are_those_that_count(tmp_path: Path, kind: str, change: Callable[..., None]) -> None:
    lengths = 0.1 + numbers(N, N, key=3).abs()
    layer, other = delayed(tmp_path, kind, lengths=lengths), delayed(tmp_path, kind, lengths=2 * lengths)
    before, expected = end(layer), end(other)
    change(layer, other)
    assert end(layer).equal(expected) and not expected.equal(before)
    assert layer.oscillators.coupling.delay_range == other.oscillators.coupling.delay_range


def test_other_links_are_those_that_count(tmp_path: Path) -> None:
    weights = numbers(N, N, key=1) * torch.ones(N, N).triu()
    layer, other = (delayed(tmp_path, weights=w, form="diffusive") for w in (weights, weights.T.contiguous()))
    before, expected = end(layer), end(other)
    layer.load_state_dict(other.state_dict())
    assert end(layer).equal(expected) and not expected.equal(before)


@pytest.mark.parametrize("kind", KINDS)
def test_loaded_delays_shorter_than_a_step_are_refused(tmp_path: Path, kind: str) -> None:
    lengths = 0.5 + numbers(N, N, key=3).abs()
    layer, other = delayed(tmp_path, kind, lengths=lengths), delayed(tmp_path, kind, lengths=lengths / 10, dt=1 / 64)
    coupling_of(layer).load_state_dict(coupling_of(other).state_dict())
    with pytest.raises(ValueError, match="the shortest delay is "):
        start(layer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("learn", [True, False])
def test_links_that_learn_may_begin_at_zero(tmp_path: Path, kind: str, learn: bool) -> None:
    lengths, weights = 0.3 + numbers(N, N, key=3).abs(), torch.ones(N, N)
    weights[0, 1], lengths[0, 1] = 0.0, 0.1
    if kind == "graph":  # of which a link without weight is a line with a zero
        rows = [f"{j} {i} {weights[i, j]} {lengths[i, j]:.17g}" for i in range(N) for j in range(N)]
        (tmp_path / "edges.txt").write_text("\n".join(rows))
    more = {"file": str(tmp_path / "edges.txt")} if kind == "graph" else {}
    layer = delayed(tmp_path, kind, lengths=lengths, weights=weights, learn=learn, **more)
    others = lengths[weights != 0]
    assert layer.oscillators.coupling.delay_range == (0.1 if learn else float(others.min()), float(lengths.max()))


def test_a_diagonal_that_stays_empty_has_no_delays(tmp_path: Path) -> None:
    lengths = 0.3 + numbers(N, N, key=3).abs()
    lengths.fill_diagonal_(0.01)
    others = lengths[~torch.eye(N, dtype=torch.bool)]
    for learn in (True, False):
        layer = delayed(tmp_path, "dense", lengths=lengths, self_coupling=False, learn=learn)
        assert layer.oscillators.coupling.delay_range == (float(others.min()), float(others.max()))


@pytest.mark.parametrize("length", [1e-3, 1e3])
def test_delays_of_links_without_weight_do_nothing(tmp_path: Path, length: float) -> None:
    lengths, weights = 0.3 + numbers(N, N, key=3).abs(), numbers(N, N, key=1)
    weights[1, 3] = weights[2, 2] = 0.0
    expected = end(delayed(tmp_path, "dense", lengths=lengths, weights=weights))
    lengths[1, 3] = lengths[2, 2] = length
    assert end(delayed(tmp_path, "dense", lengths=lengths, weights=weights)).equal(expected)


def each(*values: float) -> Tensor:
    return torch.tensor(values).reshape(-1, 1, 1)


@pytest.mark.parametrize(
    ("t", "dt", "complaint"),
    [
        (20 / 16, 1 / 32, "all steps are of one size: the past lies in steps of 0.0625, not 0.03125"),
        (20 / 16, each(1 / 16, 1 / 32), "`dt` is 0.03125 for one and 0.0625 for one"),
        (each(20 / 16, 21 / 16), 1 / 16, "`t` is 1.25 for one and 1.3125 for one"),
        (0.0, 1 / 16, "the past goes up to t = 1.1875 in steps of 0.0625, and t is 0"),
        (25 / 16, 1 / 16, "and t is 1.5625"),
    ],
)
def test_steps_that_do_not_fit_the_past_are_refused(tmp_path: Path, t: Any, dt: Any, complaint: str) -> None:
    layer = delayed(tmp_path)
    state = by_calls(layer, start(layer), range(20))
    with torch.no_grad(), pytest.raises(ValueError, match=complaint):
        layer(state, None, t, dt)


def test_samples_that_stand_elsewhere_are_refused(tmp_path: Path) -> None:
    layer = delayed(tmp_path)
    state = start(layer)
    after = by_calls(layer, state, range(3))
    mixed = {name: torch.cat((value[:1], after[name][1:])) for name, value in state.items()}
    with pytest.raises(ValueError, match="`knots` is 0 for one and 3 for one"):
        layer(mixed, None, 0.0, layer.dt)


def test_equal_times_of_samples_are_one_time(tmp_path: Path) -> None:
    layer = delayed(tmp_path)
    state, dt = start(layer), each(1 / 16, 1 / 16)
    with torch.no_grad():
        for k in range(20):
            state, _ = layer(state, None, k * dt, dt)
    assert whereabouts(state).equal(end(layer, 20))


@pytest.mark.parametrize("kind", KINDS)
def test_links_with_and_without_delays_add_up(tmp_path: Path, kind: str) -> None:
    late = delayed(tmp_path, kind)
    declared = {"kind": kind, "weights": f"{tmp_path}/network.npz:weights"}
    if kind == "graph":
        declared = {"kind": kind, "file": f"{tmp_path}/network.npz", "directed": True, "signed": True}
    lengths = {"lengths": f"{tmp_path}/network.npz:lengths"} if kind == "dense" else {}
    terms = [declared | lengths | {"delay": {"speed": 1.0}}, declared]
    both = layer_of({
        "manifold": {"kind": "circle"}, "oscillators": N, "coupling": {"kind": "sum", "terms": terms},
        "frequency": {"kind": "shared", "init": 0.5}, "integrator": {"kind": "rk4", "step_size": 1 / 16},
    })  # fmt: skip
    state = by_calls(both, start(both), range(25))
    t = 25 / 16
    y = both.oscillators.evaluate(state, None, t).y
    at_once = both.oscillators.coupling.terms[1](both.oscillators.manifold.embed(state["x"]))
    assert_close(y, late.oscillators.evaluate(state, None, t).y + at_once, rtol=0, atol=1e-14)
