from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from resting import kuramoto, network

from oscillo.stability import basins, fixed_points, flow, iterated_map, jacobian, random_starts

ALL = {"kind": "mean_field", "strength": 1.0}
SPHERE = {"manifold": {"kind": "sphere", "dimension": 4}, "oscillators": 3, "coupling": ALL}

NEVER_REST: dict[str, tuple[dict[str, Any], str]] = {
    "noise": (
        kuramoto([0.0, 0.1], ALL, noise={"strength": 0.1}, integrator={"kind": "euler_maruyama", "step_size": 0.1}),
        "noise never rests; leave out `noise`",
    ),
    "delays": (
        kuramoto([0.0, 0.1], {"kind": "graph", "generator": "path_graph", "delay": {"time": 0.5}}),
        "leave out `delay`",
    ),
    "drive": (
        kuramoto([0.0, 0.1], ALL, stimulus={"kind": "sine", "amplitude": 0.1}),
        "changes with time.*`constant`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NEVER_REST)
def test_what_never_rests_is_refused(name: str) -> None:
    layer, words = NEVER_REST[name]
    system = network(layer, count=2)
    with pytest.raises(ValueError, match=words):
        fixed_points(system)
    with pytest.raises(ValueError, match=words):
        basins(system, 10)


def test_a_function_of_time_never_rests() -> None:
    x = torch.full((2, 1, 1), 0.3)
    with pytest.raises(ValueError, match="changes with time"):
        fixed_points(flow(lambda x, t: -x + torch.sin(t), x, dt=0.1))


def test_a_constant_velocity_is_no_change_with_time() -> None:
    stimulus = {"kind": "constant", "amplitude": 0.1, "acts_on": "velocity", "direction": [1.0]}
    assert fixed_points(network(kuramoto([0.0, 0.1], ALL, stimulus=stimulus), count=5)).points


def test_no_starts_and_states_that_are_not_finite() -> None:
    system = network(kuramoto([0.0, 0.1], ALL), count=3)
    with pytest.raises(ValueError, match=r"no samples to start from.*`random_starts`"):
        fixed_points(system.at(torch.zeros(0, dtype=torch.int64)))
    gone = {name: value.clone() for name, value in system.state.items()}
    gone["x"][1] = torch.nan
    with pytest.raises(ValueError, match=r"1 of 3 samples have diverged.*number 1"):
        fixed_points(replace(system, state=gone))
    grows = iterated_map(lambda x: 10 * x**3, torch.full((2, 1, 1), 3.0))
    with pytest.raises(ValueError, match=r"2 of 2 samples have diverged"):
        basins(grows, 50)
    with pytest.raises(ValueError, match="0 starts"):
        random_starts(system, 0)
    with pytest.raises(ValueError, match="where its states live"):
        random_starts(grows, 3)
    with pytest.raises(ValueError, match="take positive numbers"):
        basins(system, 10, still=0)


def test_samples_of_different_networks() -> None:
    system = network(kuramoto([0.0, 0.1], ALL, stimulus={"kind": "constant", "amplitude": 0.1}), count=2)
    assert system.stimulus is not None
    other = system.stimulus * torch.tensor([1.0, 2.0])[:, None, None]
    with pytest.raises(ValueError, match=r"samples differ.*`random_starts"):
        fixed_points(replace(system, stimulus=other))
    alone = replace(system, stimulus=other).at(torch.tensor([1]))
    assert len(fixed_points(random_starts(alone, 5)).lost) < 5


def test_what_has_no_flow_has_steps() -> None:
    ablated = network(SPHERE | {"integrator": {"kind": "projected_euler", "project": False}})
    drawn = network(SPHERE | {"frequency": {"kind": "identity"}})
    logistic = iterated_map(lambda x: 3 * x * (1 - x), torch.full((1, 1, 1), 0.3))
    for system in (ablated, drawn, logistic):
        with pytest.raises(ValueError, match="of='step'"):
            fixed_points(system)
        with pytest.raises(ValueError, match="of='step'"):
            jacobian(system)
        assert fixed_points(system, of="step").points is not None
    solver = network(kuramoto([0.0, 0.1], ALL, integrator={"kind": "dopri5", "step_size": 0.1}), count=4)
    with pytest.raises(ValueError, match="of='flow'"):
        fixed_points(solver, of="step")
    assert fixed_points(solver, lead_in=3).points
    with pytest.raises(ValueError, match="eigenvalues say nothing"):
        fixed_points(solver, eigenvalues=0)
    with pytest.raises(ValueError, match="take 'flow' or 'step'"):
        fixed_points(solver, of="stream")  # pyright: ignore[reportArgumentType]
