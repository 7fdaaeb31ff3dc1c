from __future__ import annotations

import numpy as np
import pytest
import torch
from dynamics import numbers

import oscillo
from oscillo.draws import Draws
from oscillo.network import Network, NetworkSpec
from oscillo.network.reference_energies import reference_energies
from oscillo.network.trajectory import integrate, site_names

SITES = (2, 3)


@pytest.fixture
def net() -> Network:
    oscillators = {
        "manifold": {"kind": "sphere", "dimension": 2}, "channels": 8,
        "coupling": {"kind": "convolution", "symmetric": True},
        "integrator": {"kind": "geodesic_euler", "steps": 7, "step_size": 0.125},
    }  # fmt: skip
    block = {"kind": "block", "channels": 8, "steps": 2, "block": {"kind": "feed_forward"}}
    return NetworkSpec.model_validate({"layers": [oscillators, block]}).build(SITES)


def test_a_trajectory_holds_every_state_with_its_names(net: Network) -> None:
    features = numbers(3, *SITES, 8).float()
    tree = integrate(net, features)
    first, second = tree["layer0"], tree["layer1"]
    assert first["state"].dims == ("sample", "step", "y", "x", "component", "oscillator")
    assert first["state"].shape == (3, 8, *SITES, 2, 4)
    assert second["state"].shape == (3, 3, *SITES, 1, 8)
    assert tree["features"].dims == ("sample", "y", "x", "channel")
    np.testing.assert_array_equal(first["step"], np.arange(8))
    np.testing.assert_allclose(first["time"], 0.125 * np.arange(8))
    assert set(first.data_vars) == {"state", "energy", "pseudo_energy"}
    assert set(second.data_vars) == {"state"}
    out = net(features)
    np.testing.assert_array_equal(tree["features"], out.features.detach())
    for group, state in zip((first, second), out.states, strict=True):
        np.testing.assert_array_equal(group["state"][:, -1], state["x"].detach())
    for step in range(8):
        x = torch.from_numpy(first["state"].values[:, step])
        told = net.layers[0].measure({"x": x}, net.layers[0].stimulus_of(features), torch.zeros(()))
        np.testing.assert_allclose(first["energy"][:, step], told["energy"].detach(), rtol=1e-5)
    assert (first["energy"].diff("step") < 0).all()


@pytest.mark.parametrize(
    ("every", "steps", "kept"), [(3, 7, [0, 3, 6, 7]), (7, 7, [0, 7]), (10, 4, [0, 4]), (2, 0, [0])]
)
def test_the_first_and_the_last_state_are_kept(net: Network, every: int, steps: int, kept: list[int]) -> None:
    tree = integrate(net, numbers(1, *SITES, 8).float(), steps=[steps, 1], every=every)
    assert tree["layer0"]["step"].values.tolist() == kept


def test_what_is_given_is_used(net: Network) -> None:
    features, given = numbers(2, *SITES, 8).float(), numbers(2, *SITES, 2, 4).float()
    unit = given / given.norm(dim=-2, keepdim=True)
    np.testing.assert_allclose(integrate(net, features, given)["layer0"]["state"][:, 0], unit, rtol=1e-5, atol=1e-7)
    a, b = (integrate(net, features, draws=Draws(seed, torch.arange(2)))["layer0"]["state"][:, 0] for seed in (0, 1))
    assert float(abs(a - b).max()) > 0.1


def test_names_of_sites() -> None:
    assert [site_names(count) for count in (0, 1, 2, 3)] == [(), ("site0",), ("y", "x"), ("site0", "site1", "site2")]


def test_reference_energies_lag_one_step_with_a_zero_in_front() -> None:
    energies = torch.tensor([[5.0, 6.0], [3.0, 4.0], [1.0, 2.0]])
    assert reference_energies(energies).tolist() == [[0, 0], [5, 6], [3, 4]]
    for empty in (torch.zeros(()), torch.zeros(0, 3)):
        with pytest.raises(ValueError, match=r"steps 0 \.\. T"):
            reference_energies(empty)


def test_phases_are_told_as_phases() -> None:
    layer = {
        "manifold": {"kind": "circle"}, "oscillators": 3, "coupling": {"kind": "mean_field"},
        "stimulus": {"kind": "none"}, "integrator": {"kind": "rk4", "steps": 4, "step_size": 0.1},
    }  # fmt: skip
    network = oscillo.build({"sites": [], "layers": [layer]})
    found = oscillo.integrate(network, torch.zeros(2, network.channels_in))["layer0"].to_dataset()
    assert found["phase"].dims == ("sample", "step", "oscillator") and "state" not in found
    assert found.osc.order_parameter().dims == ("sample", "step")
