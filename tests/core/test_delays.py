from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dynamics import numbers
from flows import MANIFOLDS, last, layer_of, normals, start, whereabouts
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import DenseCoupling, GraphCoupling, Past
from oscillo.couplings.delays import Delays
from oscillo.integrators.loop import Unrolling, advance
from oscillo.layout import State
from oscillo.network import OscillatorLayerSpec
from oscillo.network.oscillator_layer import OscillatorLayer

pytestmark = pytest.mark.usefixtures("in_double")

N = 5
OMEGA = {"kind": "per_oscillator", "init": [0.9, -0.4, 0.3, 0.1, 0.6]}
INTEGRATORS = ["projected_euler", "heun", "rk4"]


def network(folder: Path, lengths: Tensor, kind: str = "graph", **fields: Any) -> dict[str, Any]:
    """A coupling of N oscillators with weights, and a length for each link."""
    w = numbers(N, N, key=1) * (numbers(N, N, key=2) > -0.5)
    file = folder / "network.npz"
    np.savez(file, weights=w.numpy(), lengths=lengths.numpy())
    fields = {"kind": kind, "delay": {"speed": 1.0}} | fields
    if kind == "graph":
        return {"file": str(file), "directed": True, "signed": True} | fields
    return {"weights": f"{file}:weights", "lengths": f"{file}:lengths"} | fields


def delayed(
    coupling: dict[str, Any], *, integrator: str = "rk4", dt: float = 1 / 16, steps: int = 16, **more: Any
) -> OscillatorLayer:
    """Oscillators with natural frequencies on the circle, unless something else is said."""
    stepping = {"kind": integrator, "step_size": dt, "steps": steps}
    return layer_of(MANIFOLDS["circle"] | {
        "oscillators": N, "frequency": OMEGA, "coupling": coupling, "integrator": stepping,
    } | more)  # fmt: skip


def end(layer: OscillatorLayer, samples: int = 2) -> Tensor:
    """Where all are after the declared steps."""
    return whereabouts(last(layer, start(layer, samples), layer.steps))


def past_of(seen: Any, rates: Any, *, knots: int, dt: float, t: float, slots: int = 12) -> Past:
    """A history whose knots have been laid down one after the other in a ring of slots."""
    ring = seen(torch.zeros(())).unsqueeze(1).repeat(1, slots, 1, 1)
    slopes = torch.zeros_like(ring)
    for k in range(knots):
        time = torch.tensor(k * dt)
        ring[:, k % slots], slopes[:, k % slots] = seen(time), rates(time)
    return Past(ring, slopes, knots, dt, t)


@given(
    key=st.integers(0, 1000), dt=st.floats(0.01, 2), knots=st.integers(1, 40), stage=st.floats(0, 1),
    shares=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)  # fmt: skip
def test_cubic_histories_are_interpolated_exactly(
    key: int, dt: float, knots: int, stage: float, shares: list[float]
) -> None:
    c = numbers(4, 2, 2, 3, key=key)
    seen = lambda t: c[0] + t * (c[1] + t * (c[2] + t * c[3]))  # noqa: E731
    rates = lambda t: c[1] + t * (2 * c[2] + 3 * t * c[3])  # noqa: E731
    now = (knots - 1 + stage) * dt  # a stage of the step that begins at the last knot
    past = past_of(seen, rates, knots=knots, dt=dt, t=now)
    delays = torch.tensor([stage * dt + share * 10 * dt for share in shares])
    expected = torch.stack([seen(max(now - float(delay), 0.0)) for delay in delays], -1)
    near = {"rtol": 1e-9, "atol": 1e-9 * float(expected.abs().max())}
    for number, delay in enumerate(delays.tolist()):
        assert_close(past.at(delay), expected[..., number], **near)
    sources = torch.tensor([2, 0, 1])
    links = Delays(delays.numpy())
    for _ in range(2):  # the second time along routes that are known
        assert_close(links.along(past, sources), expected[..., sources, torch.arange(3)], **near)


@pytest.mark.parametrize(
    ("omega", "strength", "tau", "integrator"),
    [(1.0, 0.5, 0.75, "heun"), (0.7, -0.4, 3.0, "rk4"), (2.0, 0.3, 3.5, "heun")],
)
def test_two_phases_lock_at_the_frequency_of_the_delay(
    omega: float, strength: float, tau: float, integrator: str
) -> None:
    # In step, theta(t) = Omega t solves Omega = omega - K sin(Omega tau); it is stable where K cos(Omega tau) > 0
    # (Schuster and Wagner 1989).
    dt, steps = 1 / 8, 600
    layer = delayed(
        {"kind": "graph", "generator": "path_graph", "strength": strength, "delay": {"time": tau}}, oscillators=2,
        frequency={"kind": "shared", "init": omega}, integrator=integrator, dt=dt,
    )  # fmt: skip
    before = last(layer, layer.initial_state(torch.tensor([[[0.3, -0.4]]])), steps)
    with torch.no_grad():
        after, _ = layer(before, None, steps * layer.dt, layer.dt)
    turned = (whereabouts(after) - whereabouts(before)) / dt
    locked = float(turned.mean())
    assert_close(turned, torch.full_like(turned, locked), rtol=0, atol=1e-5)
    assert float((before["x"][..., 0] - before["x"][..., 1]).abs()) < 1e-5
    rest = lambda frequency: omega - strength * math.sin(frequency * tau) - frequency  # noqa: E731
    brackets = np.arange(omega - 1, omega + 1, 0.01)
    roots = [brentq(rest, a, a + 0.01) for a in brackets if rest(a) * rest(a + 0.01) < 0]
    assert min(abs(locked - root) for root in roots if strength * math.cos(root * tau) > 0) < 1e-4


@pytest.mark.parametrize("kind", ["graph", "dense"])
@pytest.mark.parametrize("manifold", ["circle", "sphere_4", "plane", "inertia"])
def test_order_of_convergence(tmp_path: Path, kind: str, manifold: str) -> None:
    lengths = torch.arange(1, N * N + 1).reshape(N, N).remainder(7).add(1) / 8.0  # multiples of every step
    coupling = network(tmp_path, lengths, kind, strength=0.5)
    extras = {"inertia": {"mass": 0.8, "damping": 0.4}} if manifold == "inertia" else {}
    here = MANIFOLDS["circle" if manifold == "inertia" else manifold] | extras

    def after(integrator: str, steps: int) -> Tensor:
        return end(delayed(coupling, integrator=integrator, dt=1 / steps, steps=round(1.25 * steps), **here))

    true = after("rk4", 128)
    for integrator, order, steps in (("projected_euler", 1, 128), ("heun", 2, 64), ("rk4", 4, 32)):
        errors = [float((after(integrator, n) - true).abs().max()) for n in (steps // 2, steps)]
        assert abs(math.log2(errors[0] / errors[1]) - order) < 0.15, integrator


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize("kind", ["graph", "dense"])
@pytest.mark.parametrize("form", ["additive", "diffusive"])
def test_equal_delays_of_links_are_one_delay(tmp_path: Path, integrator: str, kind: str, form: str) -> None:
    given = {"form": form, "rotation": 0.3, "offset": [0.2, -0.1]}
    each = network(tmp_path, torch.full((N, N), 0.6), kind, delay={"speed": 2.0, "time": 0.1}, **given)
    one = each | {"delay": {"time": 0.4}}
    one.pop("lengths", None)
    assert_close(
        end(delayed(each, integrator=integrator)), end(delayed(one, integrator=integrator)), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize("form", ["additive", "diffusive"])
def test_a_graph_with_delays_is_dense_with_delays(tmp_path: Path, integrator: str, form: str) -> None:
    lengths = 0.1 + numbers(N, N, key=3).abs()
    graph, dense = (network(tmp_path, lengths, kind, form=form, strength=1.3) for kind in ("graph", "dense"))
    assert_close(end(delayed(graph, integrator=integrator)), end(delayed(dense, integrator=integrator)))


def test_the_delayed_field_by_hand(tmp_path: Path) -> None:
    # Constant frequencies and no strength: phases are straight lines, and what was shown is known.
    lengths = 0.2 + numbers(N, N, key=3).abs()
    layer = delayed(network(tmp_path, lengths, strength=0.0), dt=1 / 64, steps=200)
    state = start(layer, 2)
    first = state["x"][:, 0]
    state = last(layer, state, layer.steps)
    layer.oscillators.coupling.strength.fill_(1.0)
    now = layer.steps / 64
    y = layer.oscillators.evaluate(state, None, now).y
    links = np.load(tmp_path / "network.npz")
    w, omega = torch.from_numpy(links["weights"]), torch.tensor(OMEGA["init"])
    then = first[:, None] + omega * (now - lengths).clamp_min(0)  # [sample, oscillator, oscillator that is felt]
    expected = torch.stack([(w * then.cos()).sum(-1), (w * then.sin()).sum(-1)], dim=1)
    assert_close(y, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("manifold", [name for name in MANIFOLDS if name != "euclidean"])
@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_before_the_start_all_stood_still(tmp_path: Path, manifold: str, integrator: str) -> None:
    # Delays as long as the run: what is felt stays what was shown at first, which is a constant stimulus.
    coupling = network(tmp_path, 1 + numbers(N, N, key=3).abs(), kind="dense")
    layer = delayed(coupling, integrator=integrator, **MANIFOLDS[manifold])
    state = start(layer, 2)
    with torch.no_grad():
        felt = layer.oscillators.coupling(layer.oscillators.manifold.embed(state["x"]))
    undelayed = coupling | {"delay": None, "lengths": None, "strength": 0.0}
    alone = delayed(undelayed, integrator=integrator, **MANIFOLDS[manifold])
    driven = advance(alone, start(alone, 2), felt, steps=16, dt=alone.dt)
    assert_close(whereabouts(last(layer, state, 16)), whereabouts(driven), rtol=0, atol=1e-13)


def test_terms_of_a_sum_have_delays_of_their_own(tmp_path: Path) -> None:
    lengths = 0.1 + numbers(N, N, key=3).abs()
    terms = [network(tmp_path, lengths), {"kind": "mean_field"}, network(tmp_path, lengths, "dense", strength=-1.0)]
    together, alone = delayed({"kind": "sum", "terms": terms}), delayed({"kind": "mean_field"})
    assert together.oscillators.coupling.delay_range == (float(lengths.min()), float(lengths.max()))
    assert_close(end(together), end(alone))


@pytest.mark.parametrize("kind", ["graph", "dense"])
def test_another_step_size_finds_its_own_places(tmp_path: Path, kind: str) -> None:
    coupling = network(tmp_path, 0.1 + numbers(N, N, key=3).abs(), kind)
    layer, fresh = delayed(coupling), delayed(coupling, dt=1 / 32)
    end(layer)
    layer.integrator.step_size.fill_(1 / 32)
    assert end(layer).equal(end(fresh))


def test_samples_keep_their_own_past(tmp_path: Path) -> None:
    layer = delayed(network(tmp_path, 0.1 + numbers(N, N, key=3).abs()))
    state = start(layer, 3)
    together = whereabouts(last(layer, start(layer, 3), 40))
    for sample in range(3):
        own = last(layer, layer.initial_state(state["x"][sample : sample + 1]), 40)
        assert_close(whereabouts(own)[0], together[sample], rtol=0, atol=1e-13)
    turned = last(layer, layer.initial_state(state["x"].flip(0)), 40)
    assert_close(whereabouts(turned).flip(0), together, rtol=0, atol=1e-13)


def test_a_run_goes_on_from_its_state(tmp_path: Path) -> None:
    layer = delayed(network(tmp_path, 0.1 + numbers(N, N, key=3).abs()))
    state = last(layer, start(layer), 23)
    kept: State = {name: value.clone() for name, value in state.items()}
    with torch.no_grad():
        for k in range(23, 40):
            kept, _ = layer(kept, None, k * layer.dt, layer.dt)
    assert whereabouts(kept).equal(whereabouts(last(layer, start(layer), 40)))


@pytest.mark.parametrize("kind", ["graph", "dense"])
@pytest.mark.parametrize("integrator", ["heun", "rk4"])
@pytest.mark.parametrize("recompute_every", [0, 3])
def test_gradients_through_the_past(tmp_path: Path, kind: str, integrator: str, recompute_every: int) -> None:
    lengths = 0.1 + numbers(N, N, key=3).abs()
    layer = delayed(network(tmp_path, lengths, kind, learn=True), integrator=integrator, steps=20)
    coupling = layer.oscillators.coupling
    assert isinstance(coupling, DenseCoupling | GraphCoupling)
    x, probe = start(layer, 2)["x"], normals(layer, 2, key=8)

    def value(x: Tensor, weights: Tensor) -> Tensor:
        coupling.weights.data.copy_(weights)
        rolled = advance(
            layer, layer.initial_state(x), None, steps=20, dt=layer.dt, unrolling=Unrolling(0, recompute_every)
        )
        return (layer.oscillators.manifold.embed(rolled["x"]) * probe).sum()

    weights = coupling.weights.detach().clone()
    coupling.weights.requires_grad_()
    x.requires_grad_()
    of_x, of_weights = torch.autograd.grad(value(x, weights), (x, coupling.weights))
    h, along_x, along_weights = 1e-6, torch.randn_like(x), torch.randn_like(weights)
    with torch.no_grad():
        ends = [value(x + s * h * along_x, weights + s * h * along_weights) for s in (1, -1)]
    expected = (of_x * along_x).sum() + (of_weights * along_weights).sum()
    assert_close((ends[0] - ends[1]) / (2 * h), expected, rtol=1e-6, atol=1e-8)


def problems(coupling: dict[str, Any], **integrator: Any) -> list[str]:
    spec = OscillatorLayerSpec.model_validate({
        "manifold": {"kind": "circle"}, "oscillators": N, "coupling": coupling, "integrator": integrator,
    })  # fmt: skip
    return [text for _, text in spec.problems(())]


@pytest.mark.parametrize("kind", ["graph", "dense"])
def test_delays_shorter_than_a_step_are_refused(tmp_path: Path, kind: str) -> None:
    lengths = 0.5 + numbers(N, N, key=3).abs()
    network(tmp_path, lengths)
    i, j = np.argwhere(np.load(tmp_path / "network.npz")["weights"])[3]
    lengths[i, j] = 0.125
    coupling = network(tmp_path, lengths, kind)
    assert problems(coupling, kind="rk4", step_size=0.125) == []
    (problem,) = problems(coupling, kind="rk4", step_size=0.2)
    assert "the shortest delay is 0.125, less than a step of 0.2" in problem
    (problem,) = problems({"kind": "sum", "terms": [coupling, {"kind": "mean_field"}]}, kind="heun", step_size=0.2)
    assert "0.125" in problem
    (problem,) = problems(coupling, kind="heun", step_size=0.1, learn_step_size=True)
    assert "leave out `learn_step_size`" in problem


@pytest.mark.parametrize(
    "integrator", [{"kind": "dopri5"}, {"kind": "torchdiffeq"}, {"kind": "torchdiffeq", "method": "rk4"}]
)
def test_solvers_that_choose_their_own_steps_are_refused(tmp_path: Path, integrator: dict[str, Any]) -> None:
    (problem,) = problems(network(tmp_path, torch.ones(N, N)), step_size=0.1, **integrator)
    assert "not kept for delays; take `rk4`" in problem


@pytest.mark.parametrize("kind", ["graph", "dense"])
@pytest.mark.parametrize("lengths", [1.0, None])
def test_no_energy_is_promised_with_delays(tmp_path: Path, kind: str, lengths: float | None) -> None:
    even = network(tmp_path, torch.ones(N, N), kind)
    np.savez(tmp_path / "network.npz", weights=np.ones((N, N)), lengths=np.ones((N, N)))
    if lengths is None:
        even.pop("lengths", None)
    late = even | ({"delay": {"time": 0.5}} if lengths is None else {})
    at_once = {key: value for key, value in even.items() if key != "lengths"} | {"delay": None}
    assert not delayed(late).oscillators.coupling.symmetric
    assert delayed(at_once).oscillators.coupling.symmetric


@pytest.mark.parametrize("kind", ["graph", "dense"])
def test_what_looks_back_is_not_compiled(tmp_path: Path, kind: str) -> None:
    # The place of the past in memory is another number at every step, and each would be compiled for itself.
    coupling = network(tmp_path, torch.ones(N, N), kind)
    assert not delayed(coupling).compilable
    assert not delayed({"kind": "sum", "terms": [{"kind": "mean_field"}, coupling]}).compilable


def test_links_that_are_not_there_have_no_delay(tmp_path: Path) -> None:
    lengths = torch.full((N, N), 0.5)
    weights = torch.zeros(N, N)
    weights[0, 1] = 1.0
    lengths[1, 0] = 0.01
    np.savez(tmp_path / "one.npz", weights=weights.numpy(), lengths=lengths.numpy())
    source = {"weights": f"{tmp_path}/one.npz:weights", "lengths": f"{tmp_path}/one.npz:lengths"}
    layer = delayed({"kind": "dense", "delay": {"speed": 1.0}, **source})
    assert layer.oscillators.coupling.delay_range == (0.5, 0.5)
    none = delayed({"kind": "graph", "generator": "empty_graph", "delay": {"time": 0.2}})
    assert "history" not in start(delayed({"kind": "mean_field"})) and torch.isfinite(end(none)).all()
