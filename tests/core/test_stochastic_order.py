"""Strong and weak order of the stochastic integrators.

Strong orders compare paths made of the same fine increments. Weak orders are measured without chance: what a step does
to expectations is summed over the nodes of Gauss and Hermite in place of random numbers, and repeated.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from flows import last, layer_of, population_on, start, whereabouts
from numpy.polynomial.hermite_e import hermegauss
from scipy.linalg import expm, solve_continuous_lyapunov, solve_discrete_lyapunov
from torch import Tensor

from oscillo.draws import normal
from oscillo.network.oscillator_layer import OscillatorLayer

FINE, SAMPLES = 1024, 128
KINDS = ("euler_maruyama", "heun")
STRENGTHS = {"strength": [0.5, 0.3, 0.4, 0.6]}
ADDITIVE = {
    "circle": population_on("circle"), "circle-inertia": population_on("circle", inertia=True),
    "plane": population_on("plane"), "euclidean": population_on("euclidean"),
    "euclidean-inertia": population_on("euclidean", inertia=True),
    "sphere_4-inertia": population_on("sphere_4", inertia=True),
}  # fmt: skip
"""Where the noise is the same vector wherever the oscillator is, or acts on its velocity."""

ALONE = {"coupling": {"kind": "self", "strength": 0.0}, "oscillators": 1}
"""An oscillator that feels nothing."""


@cache
def fine_increments(components: int) -> Tensor:
    """Standard normal numbers for every fine step, [step, sample, component, oscillator]."""
    return normal(3, torch.arange(SAMPLES), (FINE, components, 4)).double().movedim(1, 0)


def ends(declaration: dict[str, Any], kind: str, steps: int) -> Tensor:
    """Where the paths are after a unit of time, in so many steps whose increments are sums of the fine ones."""
    layer = layer_of(declaration | {"noise": STRENGTHS, "integrator": {"kind": kind, "step_size": 1 / steps}})
    fine = fine_increments(layer.shape.components)
    coarse = fine.unflatten(0, (steps, FINE // steps)).sum(1) * math.sqrt(steps / FINE)
    after = last(layer, start(layer, SAMPLES), steps, noise=lambda k: {"normals": coarse[k]})
    assert layer.oscillators.manifold.drift(after["x"]).max() < 1e-13
    return whereabouts(after)


def strong_orders(declaration: dict[str, Any]) -> list[float]:
    """Of both integrators: slope of the mean distance from the fine path of Heun's method, over four step sizes."""
    reference, counts, found = ends(declaration, "heun", FINE), (8, 16, 32, 64), []
    for kind in KINDS:
        distances = [float((ends(declaration, kind, n) - reference).norm(dim=1).mean()) for n in counts]
        found.append(-float(np.polyfit(np.log(counts), np.log(distances), 1)[0]))
    return found


@pytest.mark.parametrize("case", ADDITIVE)
def test_strong_order_is_one_for_additive_noise(case: str) -> None:
    assert strong_orders(ADDITIVE[case]) == pytest.approx([1, 1], abs=0.15)


@pytest.mark.parametrize("manifold", ["sphere_2", "sphere_4"])
def test_strong_order_is_a_half_on_spheres(manifold: str) -> None:
    # Both come to the same paths, so both follow the same equation: Stratonovich's.
    slow = population_on(manifold, coupling={"kind": "mean_field", "strength": 0.2})
    assert strong_orders(slow) == pytest.approx([0.55, 0.55], abs=0.15)


def nodes(count: int, dimensions: int) -> tuple[Tensor, Tensor]:
    """Points [node, dimension] and weights [node] whose sums are expectations over standard normal numbers."""
    points, weights = hermegauss(count)
    grid = np.stack(np.meshgrid(*[points] * dimensions, indexing="ij"), axis=-1).reshape(-1, dimensions)
    share = np.stack(np.meshgrid(*[weights / weights.sum()] * dimensions, indexing="ij"), axis=-1)
    return torch.from_numpy(grid), torch.from_numpy(share.reshape(-1, dimensions).prod(1))


@torch.no_grad()
def stepped(layer: OscillatorLayer, x: Tensor, noise: Tensor, v: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """x and v after one step of one oscillator from [sample, component]."""
    state = layer.initial_state(x.unsqueeze(-1), None if v is None else v.unsqueeze(-1))
    stimulus = layer.stimulus_of(torch.zeros(len(x), layer.seen.channels, dtype=x.dtype))
    after, _ = layer(state, stimulus, torch.zeros(()), layer.dt, {"normals": noise.unsqueeze(-1)})
    assert layer.oscillators.manifold.drift(after["x"]).max() < 1e-13
    return after["x"][..., 0], after["v"][..., 0] if "v" in after else None


def halving(errors: list[float]) -> list[float]:
    """Orders that errors tell from one number of steps to the next, which is twice as large."""
    return [math.log2(a / b) for a, b in pairwise(errors)]


# Linear equations: one step is z' = A z + B xi, which gives the exact mean and variance of what the method does.

SPRING = {"manifold": {"kind": "euclidean"}, "potential": {"kind": "harmonic", "stiffness": 1.7}} | ALONE
STIFFNESS, SIGMA, MASS, DAMPING = 1.7, 0.9, 0.6, 0.8
HEAVY = {"inertia": {"mass": MASS, "damping": DAMPING}}


def linear_step(kind: str, dt: float, *, inertia: bool) -> tuple[np.ndarray, np.ndarray]:
    """A [component, component] and B [component, 1] of a step."""
    own = {"noise": {"strength": SIGMA}, "integrator": {"kind": kind, "step_size": dt}}
    layer = layer_of(SPRING | own | (HEAVY if inertia else {}))
    size = 2 if inertia else 1
    starts = torch.zeros(size + 2, size, dtype=torch.float64)
    starts[:size], starts[-1] = torch.eye(size), 0.25
    noise = torch.zeros(size + 2, 1, dtype=torch.float64)
    noise[size], noise[-1] = 1.0, -0.75
    x, v = stepped(layer, starts[:, :1], noise, starts[:, 1:] if inertia else None)
    after = torch.cat((x, v), dim=1) if v is not None else x
    a, b = after[:size].T.numpy(), after[size : size + 1].T.numpy()
    assert np.allclose(after[-1].numpy(), 0.25 * a.sum(1) - 0.75 * b[:, 0], rtol=0, atol=1e-14)
    return a, b


def linear_flow(*, inertia: bool) -> tuple[np.ndarray, np.ndarray]:
    """F [component, component] and G [component, 1] of dz = F z dt + G dW."""
    if not inertia:
        return np.array([[-STIFFNESS]]), np.array([[SIGMA]])
    return np.array([[0.0, 1.0], [-STIFFNESS / MASS, -DAMPING / MASS]]), np.array([[0.0], [SIGMA / MASS]])


@pytest.mark.parametrize("inertia", [False, True])
@pytest.mark.parametrize(("kind", "order"), [("euler_maruyama", 1), ("heun", 2)])
def test_weak_order_of_linear_equations(kind: str, order: int, inertia: bool) -> None:
    f, g = linear_flow(inertia=inertia)
    flow, stationary = expm(f), solve_continuous_lyapunov(f, -g @ g.T)
    mean = flow @ np.ones(len(f))
    variance = stationary - flow @ stationary @ flow.T
    errors: dict[str, list[float]] = {"mean": [], "variance": []}
    for steps in (16, 32, 64):
        a, b = linear_step(kind, 1 / steps, inertia=inertia)
        m, p = np.ones(len(f)), np.zeros_like(f)
        for _ in range(steps):
            m, p = a @ m, a @ p @ a.T + b @ b.T
        errors["mean"].append(float(np.abs(m - mean).max()))
        errors["variance"].append(float(np.abs(p - variance).max()))
    for found in errors.values():
        assert halving(found)[-1] == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(("kind", "order"), [("euler_maruyama", 1), ("heun", 2)])
def test_noise_with_inertia_keeps_the_temperature_of_langevins_equation(kind: str, order: int) -> None:
    # <v^2> = sigma^2 / (2 mass damping), and as much energy in the spring: stiffness <x^2> = mass <v^2>.
    square = SIGMA**2 / (2 * MASS * DAMPING)
    expected = np.diag([MASS / STIFFNESS * square, square])
    errors = []
    for dt in (0.02, 0.01, 0.005):
        a, b = linear_step(kind, dt, inertia=True)
        errors.append(float(np.abs(solve_discrete_lyapunov(a, b @ b.T) - expected).max()))
    assert errors[-1] < 0.015
    assert halving(errors)[-1] == pytest.approx(order, abs=0.15)


# An oscillator that turns, is pulled to zero, and is disturbed: expectations of functions on the circle.

PULLED = ALONE | {
    "frequency": {"kind": "shared", "init": 0.5}, "stimulus": {"kind": "constant", "amplitude": 0.8},
    "noise": {"strength": 0.7},
}  # fmt: skip
MODES = 48
PHASES = 2 * np.pi * np.arange(MODES) / MODES
NUMBERS = np.fft.fftfreq(MODES, 1 / MODES)
TO_MODES = np.exp(-1j * np.outer(NUMBERS, PHASES)) / MODES


def observed(theta: np.ndarray) -> np.ndarray:
    return np.cos(theta + 0.3)


def true_expectation() -> np.ndarray:
    """Of `observed` after a unit of time, for every phase at the beginning: exp(L), L = drift d + sigma^2/2 d^2."""
    slope = np.exp(1j * np.outer(PHASES, NUMBERS)) * (1j * NUMBERS) @ TO_MODES
    generator = np.diag(0.5 - 0.8 * np.sin(PHASES)) @ slope + 0.7**2 / 2 * slope @ slope
    return (expm(generator) @ observed(PHASES)).real


def expectation(manifold: dict[str, Any], kind: str, steps: int) -> np.ndarray:
    """The same of the integrator, whose step is a matrix that acts on functions of the phase."""
    layer = layer_of(PULLED | {"manifold": manifold, "integrator": {"kind": kind, "step_size": 1 / steps}})
    theta = torch.from_numpy(PHASES)[:, None]
    x = theta if layer.oscillators.manifold.winds else torch.cat((theta.cos(), theta.sin()), dim=1)
    points, weights = nodes(24, x.shape[1])
    after, _ = stepped(layer, x.repeat_interleave(len(points), dim=0), points.repeat(MODES, 1))
    reached = after[:, 0] if x.shape[1] == 1 else torch.atan2(after[:, 1], after[:, 0])
    waves = np.exp(1j * np.outer(reached.numpy(), NUMBERS)).reshape(MODES, len(weights), MODES)
    operator = np.einsum("ijk,j->ik", waves, weights.numpy()) @ TO_MODES
    return (np.linalg.matrix_power(operator, steps) @ observed(PHASES)).real


@pytest.mark.parametrize(
    ("manifold", "kind", "order"),
    [
        ({"kind": "circle"}, "euler_maruyama", 1),
        ({"kind": "circle"}, "heun", 2),
        ({"kind": "sphere", "dimension": 2}, "euler_maruyama", 1),
        ({"kind": "sphere", "dimension": 2}, "heun", 1),
    ],
)
def test_weak_order_of_a_phase(manifold: dict[str, Any], kind: str, order: int) -> None:
    errors = [float(np.abs(expectation(manifold, kind, n) - true_expectation()).max()) for n in (16, 32, 64)]
    assert halving(errors)[-1] == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("dimension", [2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_noise_alone_is_brownian_motion_on_the_sphere(kind: str, dimension: int) -> None:
    # A step shortens the mean vector by one factor wherever it starts, and <x(0), x(t)> = exp(-(N - 1) sigma^2 t / 2).
    points, weights = nodes(12, dimension)
    errors, sigma, t = [], 0.8, 1.5
    for steps in (32, 64, 128):
        own = {"noise": {"strength": sigma}, "integrator": {"kind": kind, "step_size": t / steps}}
        layer = layer_of(ALONE | {"manifold": {"kind": "sphere", "dimension": dimension}} | own)
        x = layer.spread(normal(1, torch.arange(3), (dimension, 1)).double())[..., 0]
        after, _ = stepped(layer, x.repeat_interleave(len(points), dim=0), points.repeat(len(x), 1))
        mean = (after.unflatten(0, (len(x), -1)) * weights[:, None]).sum(1)
        factor = (mean * x).sum(1)
        torch.testing.assert_close(mean, factor[0] * x, rtol=0, atol=1e-6)
        errors.append(abs(float(factor[0]) ** steps - math.exp(-(dimension - 1) * sigma**2 * t / 2)))
    assert errors[-1] < 1e-2
    assert halving(errors)[-1] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inertia", [False, True])
def test_every_oscillator_has_its_own_strength(kind: str, inertia: bool) -> None:
    strengths, masses = [0.0, 0.5, 2.0], [1.0, 2.0, 0.5]
    declaration = {
        "manifold": {"kind": "euclidean"}, "coupling": ALONE["coupling"], "oscillators": 3,
        "noise": {"strength": strengths}, "integrator": {"kind": kind, "step_size": 0.25},
    }  # fmt: skip
    layer = layer_of(declaration | ({"inertia": {"mass": masses, "damping": 0.0}} if inertia else {}))
    state = layer.initial_state(torch.zeros(1, 1, 3, dtype=torch.float64))
    after, _ = layer(state, None, torch.zeros(()), layer.dt, {"normals": torch.ones(1, 1, 3, dtype=torch.float64)})
    expected = 0.5 * torch.tensor(strengths, dtype=torch.float64) / (torch.tensor(masses) if inertia else 1)
    torch.testing.assert_close(after["v" if inertia else "x"][0, 0], expected, rtol=0, atol=1e-15)
