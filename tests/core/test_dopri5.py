"""dopri5 gives every sample its own steps, keeps its tolerance, and says what it cannot do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from flows import SINE, last, layer_of, population_on, start, true, whereabouts
from scipy.integrate import solve_ivp
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import Coupling, GraphCouplingSpec
from oscillo.integrators.loop import advance
from oscillo.layout import State
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.stacking import Stack

MEAN = {"kind": "mean_field", "strength": 0.9}


def solver(**more: Any) -> dict[str, Any]:
    return {"integrator": {"kind": "dopri5", "step_size": 0.5, "rtol": 1e-7, "atol": 1e-9} | more}


def chosen(state: State, samples: Any) -> State:
    """Some samples of a state."""
    return {name: value[samples] for name, value in state.items()}


# Every sample for itself.


@pytest.fixture
def graded() -> tuple[OscillatorLayer, State, Tensor]:
    """Twelve samples, from easy ones to a stiff one, which is pulled to a direction a thousand times as hard."""
    layer = layer_of(population_on("sphere_4", coupling=MEAN) | solver())
    state = start(layer, 12)
    pull = 10 ** torch.linspace(-1, 2, 12, dtype=torch.float64)
    return layer, state, pull[:, None, None] * state["x"].roll(1, 0).mean(-1, keepdim=True).expand_as(state["x"])


@torch.no_grad()
def moved(layer: OscillatorLayer, state: State, stimulus: Tensor, steps: int = 4) -> State:
    return advance(layer, state, stimulus, steps=steps, dt=layer.dt)


@pytest.mark.parametrize("samples", [[0], [5], [11], [11, 0], [3, 4, 5, 6, 7, 8, 9], list(range(11, -1, -1))])
def test_a_sample_is_the_same_in_every_batch_to_the_last_bit(graded: Any, samples: list[int]) -> None:
    layer, state, stimulus = graded
    together = moved(layer, state, stimulus)
    apart = moved(layer, chosen(state, samples), stimulus[samples])
    for name in ("x", "accepted", "rejected", "evaluations", "reached", "step", "drift"):
        assert torch.equal(apart[name], together[name][samples]), name


def test_a_matrix_product_changes_a_sample_by_rounding_only() -> None:
    layer = layer_of(population_on("circle", oscillators=4, inertia=True) | solver())
    state = start(layer, 9)
    together = last(layer, state, 4)
    for sample in range(9):
        alone = last(layer, chosen(state, slice(sample, sample + 1)), 4)
        assert_close(alone["x"][0], together["x"][sample], rtol=0, atol=1e-12)
        assert_close(alone["v"][0], together["v"][sample], rtol=0, atol=1e-12)


def test_samples_with_parameters_of_their_own_take_them_along() -> None:
    strengths = [0.1 * 2.0**k for k in range(10)]
    layers = [
        layer_of(population_on("circle", coupling={"kind": "mean_field", "strength": strength}) | solver())
        for strength in strengths
    ]
    stack = Stack(layers[0])
    for layer in layers[1:]:
        stack.add(layer)
    state = start(layers[0], len(layers))
    together = last(stack.module(axes=3), state, 4)
    assert together["evaluations"].unique().numel() > 4
    for sample, layer in enumerate(layers):
        alone = last(layer, chosen(state, slice(sample, sample + 1)), 4)
        assert torch.equal(alone["x"][0], together["x"][sample])


def test_a_stiff_sample_works_alone(graded: Any) -> None:
    layer, state, stimulus = graded
    sizes, evaluate = [], layer.oscillators.evaluate

    def told(state: State, *of: Any, **more: Any) -> Any:
        sizes.append(len(state["x"]))
        return evaluate(state, *of, **more)

    layer.oscillators.evaluate = told  # pyright: ignore[reportAttributeAccessIssue]
    after = moved(layer, state, stimulus)
    evaluations = after["evaluations"].tolist()
    assert evaluations[-1] > 5 * evaluations[0]
    assert set(sizes) == {12, 6}  # halves, and no further below the smallest batch
    assert sum(sizes) < 0.8 * 12 * max(evaluations)


# What it is asked for.


@pytest.mark.parametrize("case", ["circle", "sphere_4-inertia", "plane", "euclidean-driven"])
def test_the_error_follows_the_tolerance(case: str) -> None:
    manifold, _, kind = case.partition("-")
    declaration = population_on(manifold, inertia=kind == "inertia", **({"stimulus": SINE} if kind == "driven" else {}))
    tolerances, errors = [10.0**-k for k in range(4, 11)], []
    expected = true(reference := layer_of(declaration), start(reference), 2.0)
    for tolerance in tolerances:
        layer = layer_of(declaration | solver(rtol=tolerance, atol=tolerance / 10))
        errors.append(float((whereabouts(last(layer, start(layer), 4)) - expected).square().mean().sqrt()))
    assert all(error < 10 * tolerance for error, tolerance in zip(errors, tolerances, strict=True))
    assert np.polyfit(np.log(tolerances), np.log(errors), 1)[0] == pytest.approx(1, abs=0.25)


def test_no_step_is_longer_than_allowed() -> None:
    layer = layer_of(population_on("circle") | solver(rtol=1e-2, atol=1e-2, max_step=0.03))
    after = last(layer, start(layer), 4)
    assert (after["step"] <= 0.03).all()
    assert (after["accepted"] >= 2.0 / 0.03).all()


def test_states_between_steps_are_of_fourth_order() -> None:
    # One step over h, read at several places inside: an interpolation of order 4 is off by h^5 and so is the step.
    errors = []
    for h in (1 / 8, 1 / 16, 1 / 32):
        inside = {"rtol": 1e-6, "atol": 1e3, "max_step": h, "step_size": h / 5}
        layer = layer_of(population_on("sphere_4") | solver(**inside))
        state, worst = start(layer), 0.0
        for steps in (1, 2, 3, 4):
            after = last(layer, state, steps)
            assert after["accepted"].tolist() == [1, 1]
            worst = max(worst, float((whereabouts(after) - true(layer, state, steps * h / 5)).norm()))
        errors.append(worst)
    assert math.log2(errors[-2] / errors[-1]) == pytest.approx(5, abs=0.15)


@pytest.mark.parametrize("step", [0.2, 3.0])
def test_turns_are_counted_within_and_between_steps(step: float) -> None:
    turning = {"kind": "per_oscillator", "init": [14.0, -9.0, 3.0, 0.1]}
    layer = layer_of(population_on("circle", frequency=turning, coupling=MEAN) | solver(step_size=step))
    state, steps = start(layer), round(6 / step)
    after = last(layer, state, steps)
    assert after["winding"].dtype == torch.int32
    assert after["x"].abs().max() <= math.pi
    assert after["winding"].abs().max() > 10
    assert_close(whereabouts(after), true(layer, state, 6.0, 1e-9), rtol=0, atol=1e-5)


def test_turns_are_counted_where_a_step_is_many_turns_long() -> None:
    free = {"kind": "self", "strength": 0.0}
    turning = {"kind": "per_oscillator", "init": [40.0, -25.0, 3.0, 0.1]}
    layer = layer_of(population_on("circle", frequency=turning, coupling=free) | solver(step_size=0.7))
    state = start(layer)
    after = last(layer, state, 100)
    assert (after["accepted"] < 10).all()
    expected = state["x"] + 70 * torch.tensor(turning["init"], dtype=torch.float64)
    assert_close(whereabouts(after), expected.flatten(1), rtol=0, atol=1e-10)


def test_long_times_are_not_rounded_to_float32() -> None:
    # The drive at t = 10,000 would jump by a thousandth, and the steps would shrink for that.
    driven = {"kind": "sine", "amplitude": 1.0, "frequency": 6.25, "acts_on": "velocity"}
    still = {"coupling": {"kind": "self", "strength": 0.0}, "frequency": {"kind": "none"}}
    declaration = population_on("circle", stimulus=driven, **still) | solver(rtol=1e-5, atol=1e-6)
    layer = layer_of(declaration, dtype=torch.float32)
    state, t0 = start(layer), 10_000.0
    after = state
    with torch.no_grad():
        for k in range(4):
            after, _ = layer(after, None, torch.tensor(t0 + 0.5 * k, dtype=torch.float64), layer.dt)
    way = (math.cos(6.25 * t0) - math.cos(6.25 * (t0 + 2))) / 6.25
    assert_close(whereabouts(after), (state["x"].double() + way).flatten(1), rtol=0, atol=1e-4)
    assert (after["accepted"] < 25).all()


# What it cannot do.


class Cubic(Coupling):
    """y = x^3: from x0 > 0 a state is infinite at t = 1 / (2 x0^2)."""

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        return neighbours**3


@pytest.fixture
def explosive() -> tuple[OscillatorLayer, State]:
    """Twelve samples, of which number 9 ends in infinity at t = 2, and no other one before t = 50."""
    layer = layer_of({"manifold": {"kind": "euclidean"}, "coupling": MEAN, "oscillators": 3} | solver())
    layer.oscillators.coupling = Cubic()
    x = torch.linspace(-0.1, 0.1, 36, dtype=torch.float64).reshape(12, 1, 3).clone()
    x[9, 0, 1] = 0.5
    return layer, layer.initial_state(x)


def test_a_sample_that_cannot_go_on_stops_everything_and_is_named(explosive: Any) -> None:
    layer, state = explosive
    with pytest.raises(FloatingPointError) as raised:
        last(layer, state, 6)
    words = str(raised.value)
    assert "sample 9" in words
    assert "t = 2:" in words
    assert "larger rtol and atol" in words
    assert "without bound" in words


def test_or_it_becomes_nan_and_the_others_go_on(explosive: Any) -> None:
    layer, state = explosive
    layer.integrator.raises = False
    others = [sample for sample in range(12) if sample != 9]
    before, after = last(layer, state, 3), last(layer, state, 6)
    assert torch.isfinite(before["x"]).all()
    assert after["x"][9].isnan().all()
    x = state["x"][others]
    expected = x / (1 - 2 * 3.0 * x.square()).sqrt()
    assert_close(after["x"][others], expected, rtol=1e-6, atol=1e-9)
    assert torch.equal(after["x"][others], last(layer, chosen(state, others), 6)["x"])
    later = last(layer, state, 12)
    assert later["x"][9].isnan().all()
    assert torch.isfinite(later["x"][others]).all()


def test_numbers_that_are_not_finite_are_no_steps() -> None:
    layer = layer_of(population_on("sphere_4") | solver())
    state = start(layer)
    stimulus = torch.zeros_like(state["x"])
    stimulus[1, 0, 0] = math.nan
    with pytest.raises(FloatingPointError, match="sample 1 from t = 0"):
        moved(layer, state, stimulus)


# Beside another implementation.


def test_a_graph_of_a_thousand_oscillators_goes_where_scipy_goes() -> None:
    n, parameters = 1000, {"k": 8, "p": 0.1, "seed": 3}
    coupling = {"kind": "graph", "generator": "watts_strogatz_graph", "parameters": parameters}
    declaration = {
        "manifold": {"kind": "circle"}, "oscillators": n, "coupling": coupling | {"strength": 0.3},
        "frequency": {"kind": "drawn", "spacing": "quantiles"},
    }  # fmt: skip
    layer = layer_of(declaration | solver(step_size=5.0))
    state = start(layer, 2)
    after = last(layer, state, 2)
    matrix = 0.3 * GraphCouplingSpec.model_validate(coupling).read(n).matrix(n)
    omega = layer.oscillators.frequency.omega.flatten().numpy()

    def slope(t: float, theta: np.ndarray) -> np.ndarray:
        sine, cosine = np.sin(theta), np.cos(theta)
        return omega + cosine * (matrix @ sine) - sine * (matrix @ cosine)

    for sample in range(2):
        theta = state["x"][sample, 0].numpy()
        expected = solve_ivp(slope, (0, 10), theta, "DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
        assert np.abs(whereabouts(after)[sample].numpy() - expected).max() < 1e-4
