"""Stimuli that jump: every integrator takes in what they bring, however long its steps would be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from flows import layer_of
from hypothesis import given
from hypothesis import strategies as st

from oscillo.integrators.loop import advance

SOLVER = {"kind": "dopri5", "rtol": 1e-9, "atol": 1e-9}


def reached(stimulus: dict[str, Any], integrator: dict[str, Any], *, dtype: torch.dtype = torch.float64) -> float:
    """Where a number goes that nothing moves but a velocity."""
    layer = layer_of({
        "manifold": {"kind": "euclidean"}, "oscillators": 1, "coupling": {"kind": "mean_field", "strength": 0.0},
        "stimulus": {"acts_on": "velocity", **stimulus}, "integrator": integrator,
    }, dtype=dtype)  # fmt: skip
    state = layer.initial_state(torch.zeros(2, 1, 1, dtype=dtype))
    with torch.no_grad():
        state = advance(layer, state, None, steps=layer.integrator.steps, dt=layer.dt)
    return float(state["x"][1])


@given(st.floats(0.1, 80), st.floats(0.01, 5), st.sampled_from([0.1, 1.0, 100.0]))
def test_dopri5_does_not_step_over_a_pulse(start: float, width: float, step: float) -> None:
    steps = math.ceil((start + width) / step) + 1
    pulse = {"kind": "pulse", "start": start, "width": width}
    assert reached(pulse, SOLVER | {"step_size": step, "steps": steps}) == pytest.approx(width, abs=1e-4)


def test_dopri5_sees_every_one_of_many_pulses() -> None:
    pulses = {"kind": "pulse", "start": 5.0, "width": 0.3, "period": 1.0}
    assert reached(pulses, SOLVER | {"step_size": 60.0, "steps": 1}) == pytest.approx(55 * 0.3, abs=1e-3)


def test_dopri5_sees_ramps_and_bumps_that_come_late(tmp_path: Any) -> None:
    ramp = {"kind": "ramp", "start": 30.0, "end": 31.0}
    assert reached(ramp, SOLVER | {"step_size": 60.0, "steps": 1}) == pytest.approx(29.5, abs=1e-8)
    bump = np.zeros(200)
    bump[100] = 1.0
    np.save(tmp_path / "bump.npy", bump)
    series = {"kind": "series", "file": str(tmp_path / "bump.npy"), "interval": 0.5}
    assert reached(series, SOLVER | {"step_size": 60.0, "steps": 1}) == pytest.approx(0.5, abs=1e-8)


def test_steps_end_at_jumps_and_are_long_between_them() -> None:
    layer = layer_of({
        "manifold": {"kind": "circle"}, "coupling": {"kind": "mean_field", "strength": 0.5},
        "stimulus": {"kind": "pulse", "start": 3.0, "width": 4.0, "amplitude": 2.0},
        "integrator": SOLVER | {"step_size": 20.0, "steps": 1},
    })  # fmt: skip
    state = layer.initial_state(torch.tensor([[[0.3, -1.0, 2.0, 0.9]]], dtype=torch.float64))
    state, _ = layer(state, None, torch.zeros((), dtype=torch.float64), layer.dt)
    fine = layer_of({
        "manifold": {"kind": "circle"}, "coupling": {"kind": "mean_field", "strength": 0.5},
        "stimulus": {"kind": "pulse", "start": 3.0, "width": 4.0, "amplitude": 2.0},
        "integrator": {"kind": "rk4", "step_size": 0.001, "steps": 20000},
    })  # fmt: skip
    other = fine.initial_state(torch.tensor([[[0.3, -1.0, 2.0, 0.9]]], dtype=torch.float64))
    with torch.no_grad():
        other = advance(fine, other, None, steps=20000, dt=fine.dt)
    # The fine steps take a jump for one of their own length, which moves by about the square of it.
    assert (state["x"] - other["x"]).abs().max() < 1e-5
    assert int(state["rejected"][0]) < 10 and int(state["accepted"][0]) < 150


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("step", "width"), [(0.7, 0.7), (0.01, 0.05), (0.9, 1.8), (0.7, 4.9), (0.1, 0.3)])
def test_a_pulse_lasts_as_long_as_declared(step: float, width: float, dtype: torch.dtype) -> None:
    euler = {"kind": "projected_euler", "step_size": step, "steps": 20}
    for start in (0.0, 3 * step):
        pulse = {"kind": "pulse", "start": start, "width": width}
        assert reached(pulse, euler, dtype=dtype) == pytest.approx(width, rel=1e-5)
