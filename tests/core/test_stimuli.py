from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flows import MANIFOLDS, last, layer_of, normals, start, whereabouts
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from oscillo.layout import StateShape
from oscillo.network import NetworkSpec
from oscillo.network.trajectory import integrate
from oscillo.spec import registered
from oscillo.stimuli import Drive, StimulusSpec
from oscillo.testing import check_component

pytestmark = pytest.mark.usefixtures("in_double")

N = 3
SHAPE = StateShape((), 2, N)
TABLE = np.array([[0.0, 1.0, -1.0], [2.0, 3.0, 1.0], [1.0, -1.0, 0.0]])


@pytest.fixture
def table(tmp_path: Path) -> str:
    np.savez(tmp_path / "input.npz", current=TABLE, one=TABLE[:, 0], words=np.array(["a", "b"]))
    return str(tmp_path / "input.npz")


def declared(kind: str, **fields: Any) -> StimulusSpec:
    spec = registered("stimulus")["stimulus"][kind].model_validate(fields)
    assert isinstance(spec, StimulusSpec)
    return spec


def drive_of(kind: str, *, shape: StateShape = SHAPE, **fields: Any) -> Drive:
    spec = declared(kind, **fields)
    assert not spec.problems(shape)
    drive = spec.build(shape).drive
    assert drive is not None
    return drive


def felt(drive: Drive, t: float | Tensor, *sizes: int) -> Tensor:
    """The stimulus at a time, of the shape of a state."""
    return drive(t).expand(*(sizes or (1, 2, N)))


FACTORS: dict[str, tuple[dict[str, Any], list[tuple[float, float]]]] = {
    "sine": (
        {"frequency": 0.5, "phase": math.pi / 6},
        [(0.0, 0.5), (2 * math.pi / 3, 1.0), (math.pi, math.sqrt(3) / 2), (5 * math.pi / 3, 0.0)],
    ),
    "pulse": (
        {"start": 1.0, "width": 0.5},
        [(0.0, 0.0), (0.999, 0.0), (1.0, 1.0), (1.499, 1.0), (1.5, 0.0), (100.0, 0.0)],
    ),
    "pulses": (
        {"start": 1.0, "width": 0.5, "period": 2.0},
        [(0.0, 0.0), (1.25, 1.0), (1.75, 0.0), (3.0, 1.0), (3.5, 0.0), (101.25, 1.0), (-0.75, 0.0)],
    ),
    "ramp": (
        {"start": 1.0, "end": 3.0, "first": -1.0, "last": 2.0},
        [(0.0, -1.0), (1.0, -1.0), (2.0, 0.5), (3.0, 2.0), (50.0, 2.0)],
    ),
    "series": ({"interval": 2.0}, [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 1.5), (4.0, 1.0), (9.0, 1.0)]),
    "constant": ({}, [(0.0, 1.0), (3.0, 1.0)]),
}  # fmt: skip
"""Fields, and the factor at some times."""


def timed(name: str, table: str, **more: Any) -> Drive:
    fields = FACTORS[name][0] | more
    if name == "series":
        fields = fields | {"file": f"{table}:one"}
    if name == "constant":
        fields = fields | {"acts_on": "velocity"}  # as a field it is no function of time
    return drive_of("pulse" if name == "pulses" else name, **fields)


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("samples_differ", [True, False])
def test_functions_of_time_at_known_times(table: str, name: str, samples_differ: bool) -> None:
    amplitude, direction = [0.5, 2.0, -1.0], [0.6, -0.8]
    drive = timed(name, table, amplitude=amplitude, direction=direction)
    pattern = torch.tensor(direction)[:, None] * torch.tensor(amplitude)
    times, factors = (torch.tensor(column) for column in zip(*FACTORS[name][1], strict=True))
    expected = factors[:, None, None] * pattern
    if samples_differ:
        assert_close(felt(drive, times.reshape(-1, 1, 1), len(times), 2, N), expected, rtol=1e-14, atol=1e-14)
    else:
        for t, value in zip(times, expected, strict=True):
            assert_close(felt(drive, t)[0], value, rtol=1e-14, atol=1e-14)
            assert_close(felt(drive, float(t))[0], value, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", [*FACTORS, "rotating", "matrix"])
@pytest.mark.parametrize("sites", [(), (2, N), (4, 5)])
def test_a_time_for_each_sample_is_that_sample_alone(table: str, name: str, sites: tuple[int, ...]) -> None:
    match name:
        case "rotating":
            drive = drive_of("sine", rotating=True, amplitude=[1.0, 2.0, 0.0])
        case "matrix":
            drive = drive_of("series", file=f"{table}:current")
        case _:
            drive = timed(name, table)
    times = torch.tensor([0.3, 1.2, 2.9, 3.0])
    one, each = (1, *sites, 2, N), (4, *sites, 2, N)
    together = felt(drive, times.reshape(-1, *(1,) * (len(sites) + 2)), *each)
    for sample, t in enumerate(times):
        assert_close(together[sample], felt(drive, t, *one)[0], rtol=1e-14, atol=1e-14)


def test_a_series_has_numbers_for_all_or_for_each(table: str) -> None:
    each, one = drive_of("series", file=f"{table}:current"), drive_of("series", file=f"{table}:one")
    for k in range(3):
        assert_close(felt(each, float(k))[0, 0], torch.from_numpy(TABLE[k]))
        assert_close(felt(one, float(k))[0, 0], torch.full((N,), TABLE[k, 0]))
    between = torch.from_numpy(TABLE[0] + 0.25 * (TABLE[1] - TABLE[0]))
    assert_close(felt(each, 0.25)[0, 0], between)
    np.savez(table, one=TABLE[:1, 0])
    assert felt(drive_of("series", file=f"{table}:one", amplitude=2.0), 7.0).eq(2 * TABLE[0, 0]).all()


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 100))
def test_a_rotating_field_pulls_to_its_phase(frequency: float, phase: float, t: float) -> None:
    drive = drive_of("sine", rotating=True, frequency=frequency, phase=phase, amplitude=[0.5, 1.0, -2.0])
    angle = frequency * t + phase
    turning = torch.tensor([[math.cos(angle)], [math.sin(angle)]])
    assert_close(felt(drive, t)[0], turning * torch.tensor([0.5, 1.0, -2.0]), rtol=0, atol=1e-12)


def test_long_times_keep_their_phase() -> None:
    # A million turns in float32 states: time is counted in double precision.
    torch.set_default_dtype(torch.float32)
    t = 2 * math.pi * 1e6 + 0.25
    for rotating in (True, False):
        value = drive_of("sine", rotating=rotating)(torch.tensor(t, dtype=torch.float64))
        assert value.dtype == torch.float32
        assert abs(float(value[0 if not rotating else 1, 0]) - math.sin(0.25)) < 1e-6


@pytest.mark.parametrize("kind", ["constant", "sine"])
def test_chosen_oscillators_feel_it_and_no_others(kind: str) -> None:
    spec = declared(kind, amplitude=[1.0, 2.0, 3.0], oscillators=[2, 0], **({"phase": 1.0} if kind == "sine" else {}))
    stimulus = spec.build(SHAPE)
    value = stimulus(torch.zeros(2, 2, N)) if stimulus.drive is None else felt(stimulus.drive, 0.0)
    assert value is not None
    factor = math.sin(1.0) if kind == "sine" else 1.0
    assert_close(value[0], torch.tensor([[factor, 0.0, 3 * factor], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("manifold", ["circle", "sphere_2"])
def test_a_field_pulls_phases_to_its_direction(manifold: str) -> None:
    layer = free(manifold, {"kind": "sine", "amplitude": 0.8, "direction": [0.0, 1.0], "phase": math.pi / 2})
    state = start(layer)
    velocity, x = layer.oscillators.velocity(state, None, 0.0), state["x"]
    if manifold == "circle":
        assert_close(velocity, 0.8 * x.cos())
    else:
        assert_close(x[:, :1] * velocity[:, 1:] - x[:, 1:] * velocity[:, :1], 0.8 * x[:, :1])


def free(manifold: str, stimulus: dict[str, Any], **more: Any) -> Any:
    """Oscillators that feel nothing from each other."""
    return layer_of(MANIFOLDS[manifold] | {
        "oscillators": N, "coupling": {"kind": "mean_field", "strength": 0.0}, "stimulus": stimulus,
    } | more)  # fmt: skip


def test_a_velocity_turns_phases() -> None:
    omega, amplitude = [0.3, -1.0, 2.0], [1.0, 0.5, 0.0]
    given = {"kind": "sine", "amplitude": amplitude, "frequency": 2.0, "phase": 0.4, "acts_on": "velocity"}
    layer = free("circle", given, frequency={"kind": "per_oscillator", "init": omega})
    state = start(layer)
    for t in (0.0, 0.7, 10.0):
        expected = torch.tensor(omega) + torch.tensor(amplitude) * math.sin(2 * t + 0.4)
        velocity = layer.oscillators.velocity(state, None, t)
        assert_close(velocity.expand_as(state["x"]), expected.expand_as(state["x"]))


@pytest.mark.parametrize(("integrator", "order"), [("projected_euler", 1), ("heun", 2), ("rk4", 4)])
@pytest.mark.parametrize("samples_differ", [True, False])
def test_a_forced_free_oscillator_follows_the_closed_form(integrator: str, order: int, samples_differ: bool) -> None:
    # d theta = omega + A sin(w t + p):  theta = theta_0 + omega t + A (cos p - cos(w t + p)) / w
    omega, amplitude, w, p, until = 0.3, 2.5, 4.0, 0.5, 3.0
    given = {"kind": "sine", "amplitude": amplitude, "frequency": w, "phase": p, "acts_on": "velocity"}
    frequency = {"kind": "shared", "init": omega}

    def error(steps: int) -> float:
        layer = free("circle", given, frequency=frequency, integrator={"kind": integrator, "step_size": until / steps})
        state = start(layer)
        expected = whereabouts(state) + omega * until + amplitude * (math.cos(p) - math.cos(w * until + p)) / w
        if not samples_differ:
            return float((whereabouts(last(layer, state, steps)) - expected).abs().max())
        dt = layer.dt.reshape(1, 1, 1).expand(2, 1, 1)
        with torch.no_grad():
            for k in range(steps):
                state, _ = layer(state, None, k * dt, dt)
        return float((whereabouts(state) - expected).abs().max())

    errors = [error(steps) for steps in (60, 120)]
    assert abs(math.log2(errors[0] / errors[1]) - order) < 0.1
    assert errors[-1] < {1: 0.1, 2: 1e-3, 4: 1e-6}[order]


@pytest.mark.parametrize("integrator", ["rk4", "dopri5", "torchdiffeq"])
def test_inertia_feels_a_velocity_as_a_force(integrator: str) -> None:
    # m dv = -g v + A, from rest: v = A / g (1 - exp(-g t / m))
    layer = free(
        "circle", {"kind": "constant", "amplitude": 1.2, "acts_on": "velocity"},
        inertia={"mass": 0.5, "damping": 0.4}, integrator={"kind": integrator, "step_size": 0.1},
    )  # fmt: skip
    state = last(layer, layer.initial_state(torch.zeros(1, 1, N)), 20)
    assert_close(state["v"], torch.full((1, 1, N), 3 * (1 - math.exp(-0.8 * 2))), rtol=1e-5, atol=1e-6)


def test_a_constant_field_is_part_of_the_energy() -> None:
    direction, amplitude = [0.6, -0.8], [1.0, 2.0, 0.5]
    given = {"kind": "constant", "amplitude": amplitude, "direction": direction}
    layer = layer_of(MANIFOLDS["sphere_2"] | {
        "oscillators": N, "stimulus": given, "integrator": {"kind": "rk4", "step_size": 0.05},
        "coupling": {"kind": "mean_field"},
    })  # fmt: skip
    assert layer.oscillators.drive is None and layer.oscillators.has_energy
    stimulus = layer.stimulus_of(torch.zeros(2, 2 * N))
    state, energies = start(layer), []
    pattern = torch.tensor(direction)[:, None] * torch.tensor(amplitude)
    for k in range(20):
        x = state["x"]
        by_hand = -0.5 * (x * x.mean(-1, keepdim=True)).sum((1, 2)) - (x * pattern).sum((1, 2))
        with torch.no_grad():
            state, measures = layer(state, stimulus, k * layer.dt, layer.dt, measure=True)
        assert_close(measures["energy"], by_hand)
        energies.append(by_hand)
    assert (torch.stack(energies).diff(dim=0) < 0).all()


def test_no_energy_is_promised_where_time_drives() -> None:
    for stimulus in ({"kind": "sine"}, {"kind": "constant", "acts_on": "velocity"}, {"kind": "ramp", "end": 1.0}):
        assert not free("circle", stimulus).oscillators.has_energy


def test_a_network_needs_no_input_for_it() -> None:
    layer = {
        "manifold": {"kind": "circle"}, "oscillators": N, "coupling": {"kind": "mean_field", "strength": 0.0},
        "stimulus": {"kind": "constant"}, "integrator": {"kind": "rk4", "step_size": 0.25, "steps": 80},
        "readout": {"kind": "state"},
    }  # fmt: skip
    network = NetworkSpec.model_validate({"layers": [layer]}).build(())
    phases = integrate(network, torch.zeros(4, 2 * N))["layer0"]["phase"]
    assert float(abs(phases[:, -1]).max()) < 1e-3 < float(abs(phases[:, 0]).max())


@pytest.mark.parametrize("kind", ["constant", "sine", "pulse", "ramp", "series"])
@pytest.mark.parametrize("acts_on", ["field", "velocity"])
def test_contract(table: str, kind: str, acts_on: str) -> None:
    torch.set_default_dtype(torch.float32)
    more = {"ramp": {"end": 1.0}, "series": {"file": f"{table}:current"}}.get(kind, {})
    check_component(declared(kind, acts_on=acts_on, **more), SHAPE)
    drive = declared(kind, acts_on=acts_on, **more).build(SHAPE).drive
    if drive is not None:
        assert drive(0.5).dtype == torch.float32 and drive.double()(0.5).dtype == torch.float64
        assert not any(p.requires_grad for p in drive.parameters())


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        ("sine", {"amplitude": [1.0, 2.0]}, "the list has 2 numbers, and there are 3 oscillators"),
        ("constant", {"amplitude": "nowhere.npy"}, "nowhere.npy"),
        ("pulse", {"oscillators": [0, 3]}, "there is no oscillator 3; they are numbered from 0 to 2"),
        ("pulse", {"oscillators": [-1]}, "there is no oscillator -1"),
        ("sine", {"direction": [1.0, 0.0, 0.0]}, "`direction` has 3 components, and 2 are wanted"),
        ("sine", {"rotating": True, "direction": [1.0, 0.0]}, "without a `direction`"),
        ("sine", {"rotating": True, "acts_on": "velocity"}, "a field of two components"),
        ("series", {"file": "nowhere.npy"}, "nowhere.npy"),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, fields: dict[str, Any], complaint: str) -> None:
    (problem,) = declared(kind, **fields).problems(SHAPE)
    assert complaint in problem


def test_a_turning_vector_lies_in_a_plane() -> None:
    (problem,) = declared("sine", rotating=True).problems(StateShape((), 4, N))
    assert "two components" in problem


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros((5, 2)), "is [5, 2], and [time] or [time, 3] is wanted"),
        (np.zeros((5, 3, 1)), "is [5, 3, 1]"),
        (np.zeros(0), "is [0]"),
        (np.float64(1.0), "is []"),
        (np.array(["a", "b"]), "is wanted"),
        (np.array([0.0, np.nan]), "not finite"),
    ],
)
def test_series_that_do_not_fit_are_refused(tmp_path: Path, array: Any, complaint: str) -> None:
    np.save(tmp_path / "series.npy", array)
    (problem,) = declared("series", file=str(tmp_path / "series.npy")).problems(SHAPE)
    assert complaint in problem and "series.npy" in problem


@pytest.mark.parametrize(
    ("kind", "fields", "complaint"),
    [
        ("pulse", {"width": 2.0, "period": 2.0}, "pulses of 2 every 2 do not end"),
        ("ramp", {"start": 2.0, "end": 2.0}, "begins at 2 and has to end later"),
        ("ramp", {}, "end"),
        ("series", {}, "file"),
        ("constant", {"oscillators": []}, "at least 1"),
        ("constant", {"direction": [math.nan, 0.0]}, "finite"),
        ("sine", {"frequency": math.inf}, "finite"),
        ("pulse", {"start": -1.0}, "greater than or equal to 0"),
    ],
)
def test_declarations_that_cannot_be_are_refused(kind: str, fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=complaint):
        declared(kind, **fields)


def test_samples_feel_the_same_drive() -> None:
    layer = free("plane", {"kind": "sine", "rotating": True}, integrator={"kind": "heun", "step_size": 0.1})
    x = layer.spread(normals(layer, 3))
    together = last(layer, layer.initial_state(x), 10)["x"]
    for sample in range(3):
        alone = last(layer, layer.initial_state(x[sample : sample + 1]), 10)["x"]
        assert_close(alone[0], together[sample], rtol=0, atol=1e-14)
