from __future__ import annotations

from typing import Any

import pytest
from networks import SITES, Watch, arriving, layer, network
from torch.testing import assert_close


@pytest.mark.parametrize(
    ("fields", "sites", "compiled"),
    [
        ({}, SITES, ["layer 0"]),
        ({"integrator": {"kind": "rk4"}}, SITES, ["layer 0"]),
        ({"integrator": {"kind": "heun"}}, SITES, ["layer 0"]),
        ({"integrator": {"kind": "dopri5"}}, SITES, ["layer 0"]),
        ({"integrator": {"kind": "torchdiffeq", "method": "rk4"}}, SITES, []),
        ({"coupling": {"kind": "graph", "generator": "cycle_graph"}}, (), ["layer 0"]),
        ({"coupling": {"kind": "graph", "generator": "cycle_graph", "delay": {"time": 1.0}}}, (), []),
    ],
)
def test_steps_that_would_not_gain_stay_as_they_are(
    fields: dict[str, Any], sites: tuple[int, ...], compiled: list[str]
) -> None:
    assert network(layer(**fields), sites=sites).compile_steps() == compiled


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"frequency": {"kind": "shared"}},
        {"frequency": {"kind": "shared"}, "integrator": {"kind": "rk4", "steps": 3, "step_size": 0.2}},
        {"frequency": {"kind": "shared"}, "integrator": {"kind": "dopri5", "steps": 3, "step_size": 0.2}},
        {
            "manifold": {"kind": "circle"}, "channels": None, "oscillators": 8, "inertia": {"mass": 2.0},
            "frequency": {"kind": "drawn"}, "integrator": {"kind": "semi_implicit_euler", "steps": 3, "step_size": 0.2},
        },
        {
            "manifold": {"kind": "circle"}, "channels": None, "oscillators": 8, "noise": {"strength": 0.1},
            "integrator": {"kind": "heun", "steps": 3, "step_size": 0.2},
        },
    ],
    ids=["projected_euler", "rk4", "dopri5", "pendulums", "noise"],
)  # fmt: skip
def test_a_compiled_step_is_the_eager_step(fields: dict[str, Any]) -> None:
    net, features = network(layer(**fields)), arriving()
    watch, watch_compiled = Watch(), Watch()
    eager = net(features, observe=watch).features
    assert net.compile_steps() == ["layer 0"]
    assert_close(net(features).features, eager, rtol=1e-5, atol=1e-5)
    net(features, observe=watch_compiled)
    for (*_, measures), (*_, compiled) in zip(watch.told, watch_compiled.told, strict=True):
        assert_close(compiled["energy"], measures["energy"], rtol=1e-5, atol=1e-4)
    loss = net(features).features.square().sum()
    loss.backward()
    assert all(p.grad is not None for p in net.parameters() if p.requires_grad)
