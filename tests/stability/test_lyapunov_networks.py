"""Exponents of oscillator networks: neutral directions, sums, symmetries, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from oscillo.draws import Draws
from oscillo.network import NetworkSpec
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.stability import System, lyapunov_exponents, mean_divergence
from oscillo.stability.disturbances import pushed
from oscillo.stability.jacobian import jacobian
from oscillo.stability.motion import space_of
from oscillo.stacking import Stack

pytestmark = pytest.mark.usefixtures("in_double")

RANDOM = {"kind": "dense", "distribution": {"kind": "normal", "deviation": 1.0}, "seed": 1}
KURAMOTO: dict[str, Any] = {
    "manifold": {"kind": "circle"}, "oscillators": 5, "coupling": RANDOM,
    "frequency": {"kind": "per_oscillator", "init": [0.9, -0.4, 0.3, 0.1, -0.9]},
}  # fmt: skip
LOCKED = KURAMOTO | {"coupling": {"kind": "mean_field", "strength": 3.0}}
AKORN: dict[str, Any] = {
    "manifold": {"kind": "sphere", "dimension": 3}, "oscillators": 4, "coupling": RANDOM, "frequency": {"kind": "none"},
}  # fmt: skip
INERTIA = {"inertia": {"mass": [0.8, 1.0, 1.2, 0.9, 1.0], "damping": [0.4, 0.5, 0.3, 0.2, 0.6]}}


def layer_of(declaration: dict[str, Any], sites: tuple[int, ...] = (), **integrator: Any) -> OscillatorLayer:
    steps = {"kind": "rk4", "step_size": 0.05} | integrator
    free = {"stimulus": {"kind": "none"}, "readout": {"kind": "state"}, "integrator": steps}
    spec = NetworkSpec.model_validate({"sites": list(sites), "layers": [free | declaration]})
    assert not spec.problems(sites)
    layer = spec.build(sites).layers[0]
    assert isinstance(layer, OscillatorLayer)
    return layer


def system_of(layer: OscillatorLayer, samples: int = 2, dtype: torch.dtype = torch.float64) -> System:
    layer.to(dtype)
    shape = layer.shape
    sizes = (*shape.sites, shape.components, shape.oscillators)
    draws = Draws(0, torch.arange(samples))
    x, v = layer.spread(draws.normal(sizes).to(dtype)), draws.normal(sizes, purpose=1).to(dtype)
    return System(layer, layer.initial_state(x, v), layer.dt.detach())


def test_a_common_phase_is_neutral() -> None:
    system = system_of(layer_of(KURAMOTO)).after(200)
    common = torch.ones(2, 5, 1)
    assert torch.allclose(pushed(system, system.after(1), common), common, atol=1e-12)
    found = lyapunov_exponents(system, 5, steps=400, transient=50)
    assert found.exponents.abs().amin(1).max() < 3 / found.duration  # beside it swings the other zero, of time
    assert found.exponents.sum(1) == pytest.approx(mean_divergence(system.after(50), steps=400), abs=1e-4)


def test_locked_phases_come_back_at_the_rates_of_the_jacobian() -> None:
    system = system_of(layer_of(LOCKED), 1).after(600)
    rates = torch.linalg.eigvals(jacobian(system, of="flow")[0]).real.sort(descending=True).values
    found = lyapunov_exponents(system, 5, steps=100, transient=500)
    assert found.exponents[0, :2] == pytest.approx(rates[:2], abs=1e-4)
    assert found.exponents[0] == pytest.approx(rates, abs=0.03)  # the others differ by little, and mix for long
    assert found.exponents.sum(1) == pytest.approx(float(rates.sum()), abs=1e-4)
    assert found.dimension[0] == pytest.approx(1, abs=1e-4)
    assert found.entropy_rate[0] == pytest.approx(0, abs=1e-5)


def test_friction_shrinks_volumes() -> None:
    inertia = INERTIA["inertia"]
    expected = -sum(d / m for d, m in zip(inertia["damping"], inertia["mass"], strict=True))
    system = system_of(layer_of(KURAMOTO | INERTIA))
    assert space_of(system).dimension == 10
    found = lyapunov_exponents(system, 10, steps=200)
    assert found.exponents.sum(1) == pytest.approx(expected, abs=1e-3)
    assert mean_divergence(system, steps=3) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("inertia", [{}, {"inertia": {"mass": 1.5, "damping": 0.3}}])
def test_volumes_on_spheres(inertia: dict[str, Any]) -> None:
    system = system_of(layer_of(AKORN | inertia, step_size=0.02))
    assert space_of(system).dimension == 8 * (1 + len(inertia))
    found = lyapunov_exponents(system, space_of(system).dimension, steps=100)
    assert found.exponents.sum(1) == pytest.approx(mean_divergence(system, steps=100), abs=1e-3)
    if inertia:  # forces that do not depend on v leave volumes as they are, and damping acts on all N - 1 components
        assert mean_divergence(system, steps=1) == pytest.approx(-8 * 0.3 / 1.5, rel=1e-12)


def test_a_sphere_in_the_plane_is_a_circle() -> None:
    on_circle = system_of(layer_of(KURAMOTO)).after(100)
    sphere = layer_of(KURAMOTO | {"manifold": {"kind": "sphere", "dimension": 2}})
    angle = on_circle.state["x"]
    on_sphere = System(sphere, sphere.initial_state(torch.cat((angle.cos(), angle.sin()), dim=1)), on_circle.dt)
    expected, found = (lyapunov_exponents(one, 5, steps=150, transient=150) for one in (on_circle, on_sphere))
    assert found.degrees_of_freedom == 5
    # The first two are zeros, of a common phase and of time, and it takes long to tell one from the other.
    for first, last in ((0, 2), (2, 3), (3, 4), (4, 5)):
        sums = [one.exponents[:, first:last].sum(1) for one in (found, expected)]
        assert sums[0] == pytest.approx(sums[1], abs=0.01)


def test_neither_names_nor_axes_matter() -> None:
    layer = layer_of(AKORN)
    system = system_of(layer)
    found = lyapunov_exponents(system, 8, steps=100)
    order, turn = torch.tensor([2, 0, 3, 1]), torch.linalg.qr(torch.randn(3, 3))[0]
    renamed = layer_of(AKORN)
    with torch.no_grad():
        renamed.oscillators.coupling.weights.copy_(layer.oscillators.coupling.weights[order][:, order])  # pyright: ignore
    other = System(renamed, {"x": (turn @ system.state["x"])[..., order]}, system.dt)
    again = lyapunov_exponents(other, 8, steps=100, seed=5)
    assert again.exponents.sum(1) == pytest.approx(found.exponents.sum(1), abs=1e-9)
    settled = [lyapunov_exponents(one.after(1000), 3, steps=50, transient=200) for one in (system, other)]
    assert settled[1].exponents == pytest.approx(settled[0].exponents, abs=0.02)


def test_both_precisions_agree() -> None:
    double = system_of(layer_of(AKORN)).after(200)
    single = system_of(layer_of(AKORN), dtype=torch.float32).after(200)
    wide, narrow = (lyapunov_exponents(system, 8, steps=100, transient=50) for system in (double, single))
    assert narrow.exponents.dtype == torch.float64
    assert narrow.exponents == pytest.approx(wide.exponents, abs=2e-3)


def test_samples_with_parameters_of_their_own() -> None:
    layers = [layer_of(LOCKED | {"coupling": {"kind": "mean_field", "strength": k}}) for k in (0.5, 2.0, 4.0)]
    stack = Stack(layers[0])
    for layer in layers[1:]:
        stack.add(layer)
    together = system_of(stack.module(3), 3)
    found = lyapunov_exponents(together, 5, steps=60)
    volumes = mean_divergence(together, steps=20)
    for number, layer in enumerate(layers):
        alone = System(layer, {name: part[[number]] for name, part in together.state.items()}, layer.dt.detach())
        assert found.exponents[number] == pytest.approx(lyapunov_exponents(alone, 5, steps=60).exponents[0], abs=1e-9)
        assert volumes[[number]] == pytest.approx(mean_divergence(alone, steps=20), abs=1e-12)


def test_volumes_under_maps_and_steps_that_are_no_flow() -> None:
    identity = layer_of(AKORN | {"frequency": {"kind": "identity"}}, kind="projected_euler", step_size=0.1)
    network = {"manifold": {"kind": "euclidean"}, "oscillators": 5, "coupling": RANDOM, "activation": "tanh"}
    for layer in (identity, layer_of(network, kind="map", step_size=1.0)):
        system = system_of(layer)
        found = lyapunov_exponents(system, space_of(system).dimension, steps=30)
        assert found.exponents.sum(1) == pytest.approx(mean_divergence(system, steps=30), abs=1e-9)


def test_a_block() -> None:
    declared = {"kind": "block", "channels": 8, "block": {"kind": "self_attention", "heads": 2}}
    layer = NetworkSpec.model_validate({"sites": [2, 2], "layers": [declared]}).build((2, 2)).layers[0]
    x = torch.randn(2, 2, 2, 1, 8)
    found = lyapunov_exponents(System(layer, {"x": x}, layer.dt, x), 32, steps=20)
    assert found.exponents.sum(1) == pytest.approx(mean_divergence(System(layer, {"x": x}, layer.dt, x), steps=20))


NOISE, DELAY = {"noise": {"strength": 0.1}}, {"coupling": RANDOM | {"delay": {"time": 0.2}}}
REFUSED = [
    (KURAMOTO | NOISE, {"kind": "heun"}, "stochastic.*leave out `noise`"),
    (KURAMOTO | DELAY, {}, "delays.*leave out `delay`"),
    (KURAMOTO, {"kind": "dopri5"}, "chooses its own steps.*take `integrator: {kind: rk4}`"),
    (KURAMOTO, {"kind": "torchdiffeq", "method": "dopri8"}, "chooses its own steps"),
    (KURAMOTO, {"kind": "torchdiffeq", "method": "rk4", "adjoint": True}, "leave out `adjoint`"),
]


@pytest.mark.parametrize(("declaration", "integrator", "words"), REFUSED)
def test_what_has_no_exponents(declaration: dict[str, Any], integrator: dict[str, Any], words: str) -> None:
    system = system_of(layer_of(declaration, **integrator))
    with pytest.raises(ValueError, match=words):
        lyapunov_exponents(system, 1, steps=10)


def test_a_flow_has_a_divergence_whoever_takes_its_steps() -> None:
    expected = mean_divergence(system_of(layer_of(KURAMOTO)), steps=40)
    tight = layer_of(KURAMOTO, kind="dopri5", rtol=1e-9, atol=1e-10)
    assert mean_divergence(system_of(tight), steps=40) == pytest.approx(expected, rel=1e-4)


def test_too_many_exponents() -> None:
    with pytest.raises(ValueError, match="8 degrees of freedom"):
        lyapunov_exponents(system_of(layer_of(AKORN)), 9, steps=10)
