"""Gradients of a loss after fifty steps: by backpropagation, with states computed again, by the adjoint equation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from flows import layer_of, normals, population_on, whereabouts
from torch import Tensor
from torch.testing import assert_close

from oscillo.integrators.loop import PLAIN, Unrolling, advance
from oscillo.network.oscillator_layer import OscillatorLayer

STEPS, STEP = 50, 0.03
COUPLING = {"kind": "dense", "seed": 2, "strength": 1.5}
NOISE = {"noise": {"strength": 0.4}}
TIGHT = {"rtol": 1e-9, "atol": 1e-10}
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "projected_euler": ("sphere_4", {}, {}),
    "projected_euler-inertia": ("sphere_4", {"inertia": True}, {}),
    "geodesic_euler": ("sphere_4", {}, {}),
    "geodesic_euler-inertia": ("sphere_2", {"inertia": True}, {}),
    "semi_implicit_euler": ("euclidean", {"inertia": True}, {}),
    "semi_implicit_euler-sphere": ("sphere_4", {"inertia": True}, {}),
    "euler_maruyama": ("sphere_4", NOISE, {}),
    "heun": ("plane", NOISE, {}),
    "heun-inertia": ("circle", {"inertia": True}, {}),
    "rk4": ("circle", {}, {}),
    "rk4-inertia": ("sphere_4", {"inertia": True}, {}),
    "dopri5": ("plane", {}, TIGHT),
    "dopri5-inertia": ("sphere_4", {"inertia": True}, TIGHT),
    "torchdiffeq": ("circle", {}, {"method": "midpoint"}),
    "torchdiffeq-inertia": ("plane", {"inertia": True}, {"method": "rk4"}),
}
"""Manifold, what else is declared, and the integrator's own settings."""


def layer_and_leaves(case: str, **more: Any) -> tuple[OscillatorLayer, dict[str, Tensor]]:
    """A layer, and what gradients are asked of, by name."""
    manifold, declared, own = CASES[case]
    integrator = {"kind": case.partition("-")[0], "step_size": STEP} | own | more
    layer = layer_of(population_on(manifold, **{"coupling": COUPLING, "integrator": integrator} | declared))
    leaves: dict[str, Tensor] = {
        "strength": layer.oscillators.coupling.strength, "weights": layer.oscillators.coupling.weights,
        "omega": layer.oscillators.frequency.omega, "step_size": layer.integrator.step_size,
        "x": layer.spread(normals(layer, 2)),
    }  # fmt: skip
    if layer.oscillators.inertia is not None:
        leaves |= {"v": 0.5 * normals(layer, 2, key=1), "mass": layer.oscillators.inertia.mass}
    if layer.oscillators.potential is not None:
        (leaves["potential"],) = list(layer.oscillators.potential.parameters())[:1]
    return layer, {name: leaf.requires_grad_() for name, leaf in leaves.items()}


def loss(layer: OscillatorLayer, leaves: dict[str, Tensor], unrolling: Unrolling = PLAIN) -> Tensor:
    """Of where the oscillators are in the end; whole turns of angles drop out of its gradients."""
    noise = torch.stack([normals(layer, 2, key=100 + k) for k in range(STEPS)])
    state = layer.initial_state(leaves["x"], leaves.get("v"))
    state = advance(
        layer, state, None, steps=STEPS, dt=layer.dt, unrolling=unrolling,
        noise=(lambda k: {"normals": noise[k]}) if layer.is_noisy else None,
    )  # fmt: skip
    row = whereabouts(state)
    return (row * torch.linspace(0.3, 1.1, row.shape[1], dtype=row.dtype)).sin().sum()


def gradients(layer: OscillatorLayer, leaves: dict[str, Tensor], unrolling: Unrolling = PLAIN) -> dict[str, Tensor]:
    """Of the loss, by name."""
    found = torch.autograd.grad(loss(layer, leaves, unrolling), list(leaves.values()))
    return dict(zip(leaves, found, strict=True))


@torch.no_grad()
def slope(layer: OscillatorLayer, leaves: dict[str, Tensor], directions: dict[str, Tensor]) -> float:
    """Of the loss, along a direction in which all leaves move, by differences."""
    h, ends = 1e-5, []
    kept = {name: leaf.clone() for name, leaf in leaves.items()}
    for sign in (1, -1):
        for name, leaf in leaves.items():
            leaf.copy_(kept[name] + sign * h * directions[name])
        ends.append(float(loss(layer, leaves)))
    for name, leaf in leaves.items():
        leaf.copy_(kept[name])
    return (ends[0] - ends[1]) / (2 * h)


def check_differences(layer: OscillatorLayer, leaves: dict[str, Tensor], found: dict[str, Tensor], rtol: float) -> None:
    """Along a direction in which all leaves move and contribute."""
    generator, weights = torch.Generator().manual_seed(1), {"step_size": STEPS}  # the end moves by as many times it
    directions = {
        name: torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype) / weights.get(name, 1)
        for name, gradient in found.items()
    }
    parts = {name: float((gradient * directions[name]).sum()) for name, gradient in found.items()}
    assert min(map(abs, parts.values())) > 1e-3, parts
    assert sum(parts.values()) == pytest.approx(slope(layer, leaves, directions), rel=rtol, abs=rtol), parts


@pytest.mark.parametrize("case", CASES)
def test_backpropagation_agrees_with_differences(case: str) -> None:
    layer, leaves = layer_and_leaves(case)
    check_differences(layer, leaves, gradients(layer, leaves), 1e-5 if "rtol" in CASES[case][2] else 1e-6)


@pytest.mark.parametrize("case", [case for case in CASES if "-" not in case])
def test_states_that_are_computed_again_change_nothing(case: str) -> None:
    layer, leaves = layer_and_leaves(case)
    plain, again = gradients(layer, leaves), gradients(layer, leaves, Unrolling(recompute_every=7))
    for name in leaves:
        assert_close(again[name], plain[name], rtol=1e-12, atol=1e-13, msg=name)


@pytest.mark.parametrize("case", ["torchdiffeq", "torchdiffeq-inertia"])
def test_the_adjoint_equation_agrees_with_backpropagation(case: str) -> None:
    # Each is exact for another approximation of the flow, and of order 4 these are close.
    fourth = {"method": "rk4", "substeps": 2}
    layer, leaves = layer_and_leaves(case, adjoint=True, **fourth)
    adjoint, plain = gradients(layer, leaves), gradients(*layer_and_leaves(case, **fourth))
    for name in leaves:
        assert_close(adjoint[name], plain[name], rtol=1e-6, atol=1e-6, msg=name)


def test_the_adjoint_equation_of_an_adaptive_method_agrees_with_differences() -> None:
    layer, leaves = layer_and_leaves("torchdiffeq", adjoint=True, method="dopri5", rtol=1e-6, atol=1e-7)
    check_differences(layer, leaves, gradients(layer, leaves), 1e-4)


def test_methods_of_high_order_agree() -> None:
    fixed, adaptive = (gradients(*layer_and_leaves("rk4", **own)) for own in ({}, {"kind": "dopri5"} | TIGHT))
    for name, gradient in fixed.items():
        assert_close(adaptive[name], gradient, rtol=1e-5, atol=1e-6, msg=name)
