"""Exponents of systems of which they are known."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor

from oscillo.stability import flow, iterated_map, lyapunov_exponents, mean_divergence
from oscillo.stability.spectrum import LyapunovSpectrum
from oscillo.stability.system import System


def lorenz(x: Tensor, t: Tensor) -> Tensor:
    x, y, z = x.unbind(1)
    return torch.stack((10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z), dim=1)


def lorenz_system(samples: int = 400, dtype: torch.dtype = torch.float64) -> System:
    """On the attractor, samples far from one another."""
    start = torch.tensor([0.0, 0.0, 25.0]).view(3, 1) + 8 * torch.randn(samples, 3, 1, dtype=torch.float64)
    return flow(lorenz, start.to(dtype), dt=0.01).after(4000)


def linear(matrix: list[list[float]], dt: float = 0.01, dtype: torch.dtype = torch.float64) -> System:
    m = torch.tensor(matrix, dtype=dtype)
    return flow(lambda x, t: m @ x, torch.ones(2, len(m), 1, dtype=dtype), dt=dt)


def test_lorenz() -> None:
    system = lorenz_system()
    found = lyapunov_exponents(system, 3, steps=1500, transient=400)
    # Sprott 2003, Chaos and Time-Series Analysis: 0.9056, 0, -14.5723.
    first, second, third = found.exponents.mean(0)
    assert first == pytest.approx(0.9056, rel=0.02)
    assert second == pytest.approx(0, abs=0.03)
    assert third == pytest.approx(-14.572, rel=0.002)
    assert found.dimension.mean() == pytest.approx(2.062, abs=0.002)
    assert found.entropy_rate.mean() == pytest.approx(0.9056, rel=0.06)  # zeros that are not exact count
    assert found.exponents.sum(1) == pytest.approx(-(10 + 1 + 8 / 3), rel=1e-5)
    assert mean_divergence(system, steps=5) == pytest.approx(-(10 + 1 + 8 / 3), rel=1e-12)


def test_henon() -> None:
    henon = lambda x: torch.stack((1 - 1.4 * x[:, 0] ** 2 + x[:, 1], 0.3 * x[:, 0]), dim=1)  # noqa: E731
    system = iterated_map(henon, 0.1 * torch.rand(64, 2, 1, dtype=torch.float64)).after(100)
    found = lyapunov_exponents(system, 2, steps=1000, transient=50)
    assert found.exponents.mean(0) == pytest.approx([0.4192, -1.6232], abs=0.004)  # Sprott 2003
    assert found.exponents.sum(1) == pytest.approx(log(0.3), rel=1e-12)
    assert mean_divergence(system, steps=20) == pytest.approx(log(0.3), rel=1e-12)
    assert found.dimension.mean() == pytest.approx(1.258, abs=0.003)


def test_logistic_map_of_several_parameters() -> None:
    r = torch.tensor([4.0, 3.2, 2.0], dtype=torch.float64).view(3, 1, 1)
    start = torch.full((3, 1, 1), 0.3, dtype=torch.float64)
    system = iterated_map(lambda x, r: r * x * (1 - x), start, parameters=r).after(200)
    found = lyapunov_exponents(system, 1, steps=2000, transient=10)
    chaotic, periodic, superstable = found.exponents[:, 0]
    assert chaotic == pytest.approx(log(2), abs=0.01)
    # On the cycle of period two r^2 (1 - 2 x)(1 - 2 x') = 4 + 2 r - r^2.
    assert periodic == pytest.approx(log(abs(4 + 2 * 3.2 - 3.2**2)) / 2, rel=1e-3)
    assert superstable < -30  # x = 1/2, where the derivative is zero but for rounding
    assert found.entropy_rate[1:].tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_linear_flows(dtype: torch.dtype) -> None:
    tolerance = 1e-6 if dtype == torch.float64 else 1e-4
    diagonal = linear([[1, 0, 0], [0, -2, 0], [0, 0, -0.5]], dt=0.02, dtype=dtype)
    found = lyapunov_exponents(diagonal, 3, steps=200, transient=500)
    assert found.exponents[0] == pytest.approx([1, -0.5, -2], abs=tolerance)
    spiral = lyapunov_exponents(linear([[-0.3, 4], [-4, -0.3]], dtype=dtype), 2, steps=200)
    assert spiral.exponents[0] == pytest.approx([-0.3, -0.3], abs=tolerance)
    assert spiral.standard_error.max() < tolerance


def test_a_driven_flow_knows_the_time() -> None:
    # d log x / dt = cos t: over whole periods nothing is left, over a quarter of one sin(pi / 2).
    steps = 400
    dt = 2 * torch.pi / steps
    system = flow(lambda x, t: torch.cos(t) * x, torch.ones(1, 1, 1, dtype=torch.float64), dt=dt)
    found = lyapunov_exponents(system, 1, steps=steps, blocks=4)
    assert found.growth[0, :, 0] == pytest.approx([1, -1, -1, 1], abs=1e-6)
    assert found.times == pytest.approx([dt * 100 * k for k in range(1, 5)], rel=1e-12)
    assert found.course[0, 0, 0] == pytest.approx(1 / (dt * 100), abs=1e-6)
    assert mean_divergence(system, steps=100)[0] * dt * 100 == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("every", [1, 7, 10**6])
def test_disturbances_neither_overflow_nor_collapse(every: int) -> None:
    stiff = linear([[40, 3, 0], [0, -60, 1], [0, 0, -20]], dt=0.005, dtype=torch.float32)
    still = System(stiff.layer, {"x": torch.zeros(2, 3, 1)}, stiff.dt)
    found = lyapunov_exponents(still, 3, steps=300, transient=100, every=every)
    grown = lambda rate: log(sum((rate * 0.005) ** k / f for k, f in enumerate((1, 1, 2, 6, 24)))) / 0.005  # noqa: E731
    assert found.exponents[0] == pytest.approx([grown(40), grown(-20), grown(-60)], rel=1e-4)


def test_results_do_not_depend_on_intervals_blocks_or_samples_beside() -> None:
    system = lorenz_system(3)
    plain = lyapunov_exponents(system, 2, steps=150)
    each = lyapunov_exponents(system, 2, steps=150, every=1, blocks=7)
    assert each.exponents == pytest.approx(plain.exponents, abs=1e-9)
    assert each.local.shape == (3, 7, 2)
    assert (each.local * each.times.diff(prepend=torch.zeros(1))[:, None]).sum(1) == pytest.approx(each.growth.sum(1))
    alone = lyapunov_exponents(system.at(torch.tensor([2])), 2, steps=150)
    assert alone.exponents[0] == pytest.approx(plain.exponents[2], abs=1e-9)


def test_fewer_blocks_where_there_are_fewer_steps() -> None:
    found = lyapunov_exponents(lorenz_system(1), 1, steps=5)
    assert found.times == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05])
    assert lyapunov_exponents(lorenz_system(1), 1, steps=5, blocks=1).standard_error.isnan().all()


def test_dimension_and_entropy() -> None:
    def spectrum(exponents: list[float], freedom: int) -> LyapunovSpectrum:
        growth = 1000 * torch.tensor([[exponents]], dtype=torch.float64)
        return LyapunovSpectrum.sorted(growth, torch.tensor([1000.0], dtype=torch.float64), freedom)

    assert spectrum([-1, 0.5, 0.2], 5).exponents[0].tolist() == [0.5, 0.2, -1]
    assert spectrum([0.5, 0.2, -1], 5).dimension == pytest.approx(2.7)
    assert spectrum([0.5, 0.2, -1], 5).entropy_rate == pytest.approx(0.7)
    assert spectrum([0.5, 0.2], 5).dimension.isnan()
    assert spectrum([0.5, 0.2], 5).entropy_rate.isnan()
    assert spectrum([0.5, -0.2], 5).entropy_rate == pytest.approx(0.5)
    assert spectrum([0.5, -0.2], 5).dimension.isnan()
    assert spectrum([0.5, -0.5], 2).dimension == 2
    assert spectrum([-0.1, -0.5], 5).dimension == 0
    assert spectrum([-1e-5, -0.5], 5).dimension == 1  # a limit cycle, whose zero is not exact
    assert spectrum([-0.1, -0.5], 5).entropy_rate == 0


def test_numbers_out_of_range() -> None:
    system = lorenz_system(1)
    with pytest.raises(ValueError, match="3 degrees of freedom and as many exponents, and 4"):
        lyapunov_exponents(system, 4, steps=10)
    for name in ("count", "steps", "every", "blocks"):
        numbers = {"count": 1, "steps": 10} | {name: 0}
        with pytest.raises(ValueError, match=f"{name} is 0, and 1 is the least"):
            lyapunov_exponents(system, numbers.pop("count"), **numbers)
    with pytest.raises(ValueError, match="not 0 and 0"):
        mean_divergence(system, steps=0)


def test_what_diverges_is_named() -> None:
    start = torch.tensor([0.1, 3.0], dtype=torch.float64).view(2, 1, 1)
    system = flow(lambda x, t: x**3 - x, start, dt=0.05)
    with pytest.raises(ValueError, match=r"the state of sample 1 is not finite at step .*: take shorter steps"):
        lyapunov_exponents(system, 1, steps=1000)


def test_parts_of_a_state_that_nothing_is_known_of() -> None:
    system = lorenz_system(1)
    with pytest.raises(ValueError, match="a part `hidden`"):
        lyapunov_exponents(System(system.layer, system.state | {"hidden": torch.ones(1)}, system.dt), 1, steps=10)


def test_functions_that_do_not_fit() -> None:
    x = torch.ones(2, 3, 1)
    with pytest.raises(ValueError, match=r"gives torch.float32 \[2, 1\] for x of"):
        flow(lambda x, t: x[:, 0], x, dt=0.1)
    with pytest.raises(ValueError, match="does not tell how it depends on x"):
        flow(lambda x, t: torch.from_numpy(x.numpy() * 2), x, dt=0.1)
    with pytest.raises(ValueError, match="does not tell how it depends on x"):
        iterated_map(lambda x: x.detach(), x)
    with pytest.raises(ValueError, match="method is one of euler, heun, rk4"):
        flow(lambda x, t: x, x, dt=0.1, method="rk5")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="dt is a positive number"):
        flow(lambda x, t: x, x, dt=0)
    with pytest.raises(ValueError, match="parameters are for 3 samples, and x is of 2"):
        iterated_map(lambda x, r: r * x, x, parameters=torch.ones(3))
    with pytest.raises(ValueError, match="floating-point numbers"):
        iterated_map(lambda x: x, torch.ones(2, 1, dtype=torch.int64))


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_methods_have_their_order(method: str, order: int) -> None:
    errors = []
    for dt in (0.1, 0.05):
        system = flow(lambda x, t: -x, torch.ones(1, 1, 1, dtype=torch.float64), dt=dt, method=method)  # pyright: ignore[reportArgumentType]
        errors.append(abs(float(lyapunov_exponents(system, 1, steps=10).exponents) + 1))
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.15)
