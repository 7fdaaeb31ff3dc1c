from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from resting import kuramoto, network, ring, twisted
from torch import Tensor

from oscillo.stability import System, TangentSpace, jacobian, leading_eigenvalues, linear_operator
from oscillo.stability.motion import Motion, Of, space_of
from oscillo.stability.tangent import manifold_of

pytestmark = pytest.mark.usefixtures("in_double")

LINKS = {"kind": "graph", "generator": "path_graph"}
LAYERS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "circle": (kuramoto([0.1, -0.2, 0.4], LINKS), ()),
    "circle_inertia": (kuramoto([0.1, -0.2, 0.4], LINKS, inertia={"mass": 0.5, "damping": 0.3}), ()),
    "plane": ({"manifold": {"kind": "plane"}, "oscillators": 3, "coupling": LINKS, "potential": {"kind": "quartic"},
               "frequency": {"kind": "shared", "init": 0.5, "shear": 0.3},
               "integrator": {"kind": "rk4", "step_size": 0.1}}, ()),
    "euclidean": ({"manifold": {"kind": "euclidean", "dimension": 3}, "oscillators": 2, "coupling": LINKS,
                   "activation": "tanh", "potential": {"kind": "harmonic"}, "inertia": {"mass": 1.0, "damping": 0.2},
                   "integrator": {"kind": "semi_implicit_euler", "step_size": 0.1}}, ()),
    "sphere": ({"manifold": {"kind": "sphere", "dimension": 4}, "oscillators": 3, "coupling": LINKS,
                "frequency": {"kind": "shared", "init": 0.5},
                "integrator": {"kind": "projected_euler", "step_size": 0.7}}, ()),
    "sphere_inertia": ({"manifold": {"kind": "sphere", "dimension": 3}, "oscillators": 3, "coupling": LINKS,
                        "inertia": {"mass": 1.0, "damping": 0.2},
                        "integrator": {"kind": "semi_implicit_euler", "step_size": 0.1}}, ()),
    "grid": ({"manifold": {"kind": "sphere", "dimension": 4}, "oscillators": 2, "frequency": {"kind": "shared"},
              "coupling": {"kind": "attention", "heads": 2}, "integrator": {"kind": "rk4", "step_size": 0.2}}, (2, 2)),
}  # fmt: skip


def _by_differences(system: System, of: Of) -> Tensor:
    """The Jacobian of one sample by central differences, in the bases that `TangentSpace` documents."""
    space, h = space_of(system), 1e-6
    columns = []
    for unit in torch.eye(space.dimension):
        values = [Motion(system, of)(space.moved(sign * h * unit[None])) for sign in (1, -1)]
        rates = {name: (values[0][name] - values[1][name]) / (2 * h) for name in values[0]}
        if of == "flow":
            columns.append(space.coordinates(rates)[0])
        else:
            middle = Motion(system, of)(system.state)
            if system.layer.oscillators.manifold.winds:  # pyright: ignore[reportAttributeAccessIssue]
                rates["x"] = system.layer.oscillators.manifold.retract(values[0]["x"] - values[1]["x"]) / (2 * h)  # pyright: ignore[reportAttributeAccessIssue]
            columns.append(space.carried_back(middle, rates)[0])
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize("of", ["flow", "step"])
@pytest.mark.parametrize("name", LAYERS)
def test_is_what_differences_tell(name: str, of: Of) -> None:
    with torch.no_grad():
        system = network(*LAYERS[name], count=2, speed=0.5)
        found = jacobian(system, of=of)
        for sample in range(2):
            one = system.at(torch.tensor([sample]))
            assert torch.allclose(found[sample], _by_differences(one, of), atol=1e-7)


@pytest.mark.parametrize("name", LAYERS)
def test_coordinates_are_orthonormal_and_tangent(name: str) -> None:
    system = network(*LAYERS[name], count=3, speed=0.5)
    space = space_of(system)
    unit = torch.eye(space.dimension).repeat(3, 1)
    many = system.at(torch.arange(3).repeat_interleave(space.dimension))
    around = TangentSpace(manifold_of(system.layer), many.state)
    moves = around.directions(unit)
    assert torch.allclose(around.coordinates(moves), unit, atol=1e-14)
    if "sphere" in name:
        assert float((moves["x"] * many.state["x"]).sum(dim=-2).abs().max()) < 1e-14
        if "v" in moves:  # <x, v> = 0 holds on
            change = (moves["v"] * many.state["x"] + moves["x"] * many.state["v"]).sum(dim=-2)
            assert float(change.abs().max()) < 1e-14
    lengths = moves["x"].flatten(1).norm(dim=1)
    assert ((lengths < 1e-14) | ((lengths - 1).abs() < 1e-14)).all()


def test_the_basis_bears_any_point_of_a_sphere() -> None:
    manifold = manifold_of(network(*LAYERS["sphere"]).layer)
    x = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0], [0, 1.0, 0], [0, 0, -1.0], [-0.0, 1.0, 0]]).mT.reshape(1, 3, 5)
    space = TangentSpace(manifold, {"x": x})
    moves = space.directions(torch.ones(1, 10))["x"]
    assert float((moves * x).sum(dim=1).abs().max()) < 1e-15
    assert torch.allclose(space.coordinates({"x": moves}), torch.ones(1, 10))


@pytest.mark.parametrize("of", ["flow", "step"])
def test_products_and_leading_eigenvalues_are_those_of_the_matrix(of: Of, monkeypatch: pytest.MonkeyPatch) -> None:
    system = network(*LAYERS["grid"], count=2)
    whole = jacobian(system, of=of)
    u = np.random.default_rng(0).standard_normal(whole.shape[1])
    operator = linear_operator(system, 1, of=of)
    assert np.allclose(operator @ u, whole[1].detach().numpy() @ u)
    dense = leading_eigenvalues(system, 3, of=of)
    module = import_module("oscillo.stability.jacobian")
    monkeypatch.setattr(module, "SMALL_MATRIX", 0)
    assert torch.allclose(leading_eigenvalues(system, 3, of=of), dense, atol=1e-9)
    monkeypatch.setattr(module, "AT_ONCE", 70)
    assert torch.allclose(jacobian(system, of=of), whole, atol=1e-13)


def test_twisted_states_of_a_ring() -> None:
    n, q = 12, 2
    system = twisted(network(ring(n)), [q])
    modes = np.sort(np.cos(2 * np.pi * q / n) * (2 * np.cos(2 * np.pi * np.arange(n) / n) - 2))[::-1]
    assert leading_eigenvalues(system, n).real[0].tolist() == pytest.approx(modes.tolist(), abs=1e-12)


def test_the_precision_is_that_of_the_system() -> None:
    system = network(*LAYERS["circle"])
    wide = jacobian(system)
    state = {name: value.float() if value.is_floating_point() else value for name, value in system.state.items()}
    narrow = replace(system, layer=system.layer.float(), state=state, dt=system.dt.float())  # pyright: ignore[reportAttributeAccessIssue]
    assert jacobian(narrow).dtype == torch.float32
    assert torch.allclose(jacobian(narrow).double(), wide, atol=1e-6)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"3,001 degrees of freedom, and matrices go up to 3,000.*leading_eigenvalues"):
        jacobian(network(ring(3001)))
    delayed = network(kuramoto([0.0, 0.1], {"kind": "graph", "generator": "path_graph", "delay": {"time": 0.5}}))
    with pytest.raises(ValueError, match="leave out `delay`"):
        jacobian(delayed)
    noise = {"noise": {"strength": 0.1}, "integrator": {"kind": "euler_maruyama", "step_size": 0.1}}
    noisy = network(kuramoto([0.0, 0.1], LINKS, **noise))
    with pytest.raises(ValueError, match="leave out `noise`"):
        jacobian(noisy, of="step")
    assert jacobian(noisy).shape == (1, 2, 2)  # what noise is added to has one
