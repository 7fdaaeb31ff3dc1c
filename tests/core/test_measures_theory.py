from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from torch import Tensor
from torch.testing import assert_close

from oscillo.measures import mean_frequency, mean_vector, order_parameter, phase_difference
from oscillo.measures.theory import (
    critical_coupling,
    gaussian_order,
    incoherence_decay,
    locked_frequency,
    lorentzian_order,
    ott_antonsen_order,
    self_consistent_order,
    two_oscillator_beat,
    two_oscillator_difference,
    two_oscillators_lock,
    two_population_chimeras,
    two_population_rates,
)

couplings, widths, lags = st.floats(0.0, 8.0), st.floats(0.05, 3.0), st.floats(0.1, 1.5)


def circle(theta: Tensor) -> Tensor:
    return torch.stack((theta.cos(), theta.sin()), dim=-2)


def ott_antonsen_population(mean: complex, n: int = 400) -> Tensor:
    """Phases [oscillator] whose moments <exp(i m theta)> are powers of the mean: a Möbius map of evenly spaced ones."""
    even = np.exp(2j * np.pi * np.arange(n) / n)
    return torch.from_numpy(np.angle((even + mean) / (1 + np.conj(mean) * even)))


def lorentzian(width: float, omega: float) -> float:
    return width / math.pi / (omega**2 + width**2)


# One population


def test_order_sets_in_at_the_critical_coupling() -> None:
    assert critical_coupling(lorentzian(0.7, 0.0)).item() == pytest.approx(1.4)
    onset = critical_coupling(1 / (0.7 * math.sqrt(2 * math.pi))).item()
    assert onset == pytest.approx(0.7 * math.sqrt(8 / math.pi))
    assert gaussian_order(onset * 0.999, 0.7) == 0.0 and 0 < gaussian_order(onset * 1.001, 0.7) < 0.1
    assert lorentzian_order(torch.tensor([-1.0, 0.0, 1.3, 1.4]), 0.7).tolist() == [0.0, 0.0, 0.0, 0.0]


@given(st.floats(1.01, 1e4), widths)
def test_the_self_consistent_order_of_a_lorentzian_is_the_closed_formula(ratio: float, width: float) -> None:
    coupling = 2 * width * ratio
    solved = self_consistent_order(coupling, lambda omega: lorentzian(width, omega))
    assert solved == pytest.approx(lorentzian_order(coupling, width).item(), rel=1e-9)


@given(st.floats(1.01, 1e4), widths)
def test_the_gaussian_order_obeys_its_equation_in_bessel_functions(ratio: float, width: float) -> None:
    # The integral over the Gaussian in closed form: 1 = K / K_c (I_0(x) + I_1(x)) exp(-x), x = (K R / 2 width)^2.
    order = gaussian_order(ratio * width * math.sqrt(8 / math.pi), width)
    x = torch.tensor((ratio * math.sqrt(8 / math.pi) * order / 2) ** 2, dtype=torch.float64)
    assert ratio * (torch.special.i0e(x) + torch.special.i1e(x)).item() == pytest.approx(1.0, rel=1e-9)


def test_uniform_frequencies_lock_all_at_once() -> None:
    order = self_consistent_order(1.01 * 4 / math.pi, lambda omega: 0.5 if abs(omega) <= 1 else 0.0)
    assert order > math.pi / 4, "Pazó (2005): R jumps from 0 to pi/4"


@given(couplings, widths, st.floats(0.01, 0.99))
def test_ott_antonsen_order_solves_its_equation(coupling: float, width: float, initial: float) -> None:
    times = np.linspace(0, 5, 6)

    def rate(_: float, r: np.ndarray) -> np.ndarray:
        return -width * r + coupling / 2 * r * (1 - r**2)

    expected = solve_ivp(rate, (0, 5), [initial], t_eval=times, rtol=1e-10, atol=1e-12).y[0]
    found = ott_antonsen_order(torch.from_numpy(times), initial, coupling, width)
    assert_close(found, torch.from_numpy(expected), rtol=1e-7, atol=1e-9)


def test_ott_antonsen_order_goes_to_its_limits() -> None:
    late = torch.tensor(1e6, dtype=torch.float64)
    assert_close(ott_antonsen_order(late, 0.01, 3.0, 0.5), lorentzian_order(3.0, 0.5))
    assert ott_antonsen_order(late, 0.9, 0.0, 1.0).item() == ott_antonsen_order(late, 0.9, 1.0, 1.0).item() == 0.0
    near, at = (ott_antonsen_order(7.0, 0.4, 2.0, width) for width in (1 + 1e-9, 1.0))
    assert_close(near, at, rtol=1e-7, atol=0)
    small = ott_antonsen_order(torch.tensor([0.0, 3.0]), 1e-6, 0.8, 1.0)
    assert math.log(small[0] / small[1]) / 3 == pytest.approx(incoherence_decay(0.8, 1.0).item(), rel=1e-6)


@given(st.floats(0.1, 4.0), st.floats(-1.4, 1.4), st.floats(-2.0, 2.0))
def test_oscillators_in_phase_turn_with_the_locked_frequency(coupling: float, lag: float, omega: float) -> None:
    assert locked_frequency(coupling, lag, omega).item() == pytest.approx(omega + coupling * math.sin(-lag))


def test_the_locked_frequency_of_a_lorentzian_is_that_of_its_mean_field() -> None:
    coupling, lag, omega, width = 3.0, 0.6, 0.2, 0.4
    found = locked_frequency(coupling, lag, omega, width).item()
    r = lorentzian_order(coupling * math.cos(lag), width).item()
    # Ott & Antonsen (2008): dz/dt = (i omega - gamma) z + (K/2) (exp(-i alpha) z - exp(i alpha) |z|^2 z).
    rate = 1j * omega - width + coupling / 2 * (np.exp(-1j * lag) - np.exp(1j * lag) * r**2)
    assert rate == pytest.approx(1j * found)
    assert locked_frequency(0.9, 0.6, omega, width).isnan(), "too weakly coupled to lock"


# Two oscillators


def two_oscillators(first: float, second: float, coupling: float, times: np.ndarray) -> Tensor:
    """Unwrapped phases [time, oscillator]."""

    def rate(_: float, theta: np.ndarray) -> np.ndarray:
        pull = coupling / 2 * np.sin(theta[1] - theta[0])
        return np.array([first + pull, second - pull])

    found = solve_ivp(rate, (0, times[-1]), [0.0, 0.1], t_eval=times, rtol=1e-9, atol=1e-9)
    return torch.from_numpy(found.y.T.copy())


def test_two_oscillators_lock_up_to_a_frequency_difference_of_k() -> None:
    assert two_oscillators_lock(torch.tensor([1.0, 1.0, 1.0]), 0.0, torch.tensor([1.1, 1.0, 0.9])).tolist() == [
        True, True, False,
    ]  # fmt: skip
    z = circle(two_oscillators(0.2, 1.0, 1.0, np.array([0.0, 60.0]))[-1])
    assert_close(phase_difference(z[:, 1:], z[:, :1])[0], two_oscillator_difference(0.2, 1.0, 1.0), rtol=0, atol=1e-6)
    assert two_oscillator_beat(0.2, 1.0, 1.0).item() == 0.0 and two_oscillator_difference(0.0, 2.0, 1.0).isnan()


def test_two_oscillators_beat_beyond_it() -> None:
    beat = two_oscillator_beat(0.2, 1.5, 0.5).item()
    duration = 10 * 2 * math.pi / beat
    theta = two_oscillators(0.2, 1.5, 0.5, np.array([0.0, duration]))
    windings = torch.round(theta / (2 * math.pi))
    wrapped = theta - 2 * math.pi * windings
    frequency = mean_frequency((wrapped[0], wrapped[1]), (windings[0], windings[1]), duration)
    assert (frequency[1] - frequency[0]).item() == pytest.approx(beat, abs=1e-6)


# Two populations


@given(st.floats(0.05, 0.9), st.floats(-3.0, 3.0), st.floats(0.0, 0.9), lags)
def test_the_rates_of_two_populations_are_those_of_their_oscillators(
    order: float, difference: float, disparity: float, lag: float
) -> None:
    mu, nu = (1 + disparity) / 2, (1 - disparity) / 2
    together, apart = torch.tensor([difference], dtype=torch.float64), ott_antonsen_population(order + 0j)

    def mean_force(theta: Tensor, own: Tensor, other: Tensor) -> Tensor:
        """Phase velocities from the mean field of either population."""
        fields = [mean_vector(circle(phases)) for phases in (own, other)]
        field = mu * fields[0] + nu * fields[1]
        return field[1] * (theta + lag).cos() - field[0] * (theta + lag).sin()

    assert order_parameter(circle(apart)).item() == pytest.approx(order)
    velocity = mean_force(apart, apart, together)
    # The mean of the second population lies on the first axis, where dR/dt and R dpsi/dt are its two components.
    change = mean_vector(circle(apart + math.pi / 2) * velocity)
    turning = mean_force(together, together, apart)[0] - change[1] / order
    expected = two_population_rates(order, difference, disparity, lag)
    assert_close(torch.stack((change[0], turning)), expected, rtol=0, atol=1e-9)


def test_chimeras_of_two_populations() -> None:
    lag = math.pi / 2 - 0.1
    stable, saddle, *_ = two_population_chimeras(0.2, lag)
    assert stable.stable and not saddle.stable and stable.order == pytest.approx(0.729, abs=1e-3)
    assert_close(two_population_rates(stable.order, stable.difference, 0.2, lag), torch.zeros(2).double())
    # Abrams et al. (2008), figure 2: stable at A = 0.2, breathing at A = 0.28 and 0.35.
    assert not any(state.stable for disparity in (0.28, 0.35) for state in two_population_chimeras(disparity, lag))


def test_a_disturbed_chimera_comes_back() -> None:
    lag = math.pi / 2 - 0.1
    stable = two_population_chimeras(0.2, lag)[0]

    def rate(_: float, x: np.ndarray) -> np.ndarray:
        return two_population_rates(x[0], x[1], 0.2, lag).numpy()

    end = solve_ivp(rate, (0, 2000), [stable.order + 0.02, stable.difference], method="LSODA", rtol=1e-8).y[:, -1]
    assert end == pytest.approx([stable.order, stable.difference], abs=1e-4)
