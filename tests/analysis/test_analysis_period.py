from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from known_motion import logistic, lorenz, phases, states, turning, uniform, van_der_pol

from oscillo.analysis import period

FIXED, PERIODIC, APERIODIC = 0, 1, 2
GOLDEN = (1 + 5**0.5) / 2


def test_a_fixed_point_and_one_that_is_reached() -> None:
    assert int(period(phases(np.tile(uniform((1, 5), 0), (50, 1))))["kind"]) == FIXED
    decay = np.exp(-0.1 * np.arange(400))[:, None] * uniform((1, 5), 1)
    assert int(period(phases(decay))["kind"]) == APERIODIC
    found = period(phases(decay).isel(time=slice(200, None)))
    assert int(found["kind"]) == FIXED and np.isnan(found["period"]) and float(found["spread"]) < 1e-3


@given(st.floats(0.6, 4.0), st.integers(1, 3))
@settings(max_examples=10)
def test_commensurate_turns_have_the_period_of_the_slowest(omega: float, ratio: int) -> None:
    found = period(turning([omega, ratio * omega, 2 * omega], times=600))
    assert int(found["kind"]) == PERIODIC
    assert float(found["period"]) == pytest.approx(2 * np.pi / omega, rel=1e-3)
    assert float(found["residual"]) < 0.01


@pytest.mark.parametrize("mu", [0.1, 1.0, 3.0])
def test_the_period_of_a_limit_cycle(mu: float) -> None:
    # Periods from crossings of the section x = 0, interpolated in time.
    orbit = van_der_pol(mu)
    x, t = orbit.values[:, 0, 0], orbit["time"].values
    up = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    crossings = t[up] - x[up] * (t[up + 1] - t[up]) / (x[up + 1] - x[up])
    found = period(orbit)
    assert int(found["kind"]) == PERIODIC
    assert float(found["period"]) == pytest.approx(np.diff(crossings).mean(), rel=2e-3)


@pytest.mark.parametrize("ratio", [GOLDEN, 2**0.5, np.pi])
def test_a_torus_is_aperiodic(ratio: float) -> None:
    found = period(turning([1.0, ratio], times=3000))
    assert int(found["kind"]) == APERIODIC and np.isnan(found["period"])
    assert 0.01 < float(found["residual"]) < 0.5


def test_chaos_is_aperiodic_and_far_from_returning() -> None:
    found = period(lorenz())
    assert int(found["kind"]) == APERIODIC and float(found["residual"]) > 0.3


@pytest.mark.parametrize(
    ("rate", "kind", "length"),
    [
        (2.8, FIXED, np.nan),
        (3.2, PERIODIC, 2),
        (3.5, PERIODIC, 4),
        (3.83, PERIODIC, 3),
        (3.9, APERIODIC, np.nan),
        (4.0, APERIODIC, np.nan),
    ],
)
def test_the_logistic_map(rate: float, kind: int, length: float) -> None:
    found = period(logistic(rate))
    assert int(found["kind"]) == kind
    np.testing.assert_allclose(found["period"], length, rtol=1e-9)


def test_a_pattern_that_turns_rests_modulo_a_rotation() -> None:
    start = uniform((1, 6), 2)
    locked = phases(start + 0.7 * 0.1 * np.arange(400)[:, None])
    assert float(period(locked)["period"]) == pytest.approx(2 * np.pi / 0.7, rel=1e-4)
    assert int(period(locked, modulo_rotation=True)["kind"]) == FIXED
    # A breathing pattern on top of an incommensurate rotation has a period in the rotating frame alone.
    breathing = phases(locked.values + 0.5 * np.sin(0.1 * np.arange(400))[:, None] * np.arange(6))
    assert int(period(breathing)["kind"]) == APERIODIC
    assert float(period(breathing, modulo_rotation=True)["period"]) == pytest.approx(2 * np.pi, rel=1e-3)


def test_noise_needs_a_tolerance_above_it() -> None:
    noisy = turning([1.0, 2.0], times=600) + 0.03 * xr.DataArray(
        np.random.default_rng(0).standard_normal((600, 2)), dims=("time", "oscillator")
    )
    noisy = noisy.rename("phase")
    assert int(period(noisy)["kind"]) == APERIODIC
    found = period(noisy, tolerance=0.06)
    assert float(found["period"]) == pytest.approx(2 * np.pi, rel=3e-3)
    assert 0.01 < float(found["residual"]) < 0.06


def test_trajectories_are_judged_one_by_one() -> None:
    kinds = [turning([1.0, 2.0]), turning([0.0, 0.0]), turning([1.0, GOLDEN]), np.nan * turning([1.0, 1.0])]
    found = period(xr.concat(kinds, dim="strength").rename("phase").assign_coords(strength=[1.0, 2.0, 3.0, 4.0]))
    assert found["kind"].dims == ("strength",) and found["kind"].values.tolist() == [1, 0, 2, -1]
    assert found["kind"].attrs["flag_meanings"].split()[found["kind"].attrs["flag_values"].index(2)] == "aperiodic"
    assert found["period"].attrs["units"] == "time" and found["strength"].values.tolist() == [1, 2, 3, 4]


def test_the_size_of_states_does_not_matter_for_a_period() -> None:
    t = 0.1 * np.arange(300)
    circle = np.stack([np.cos(t), np.sin(t)])
    assert float(period(states(1e3 * circle + 5e3, t))["period"]) == pytest.approx(2 * np.pi, rel=1e-4)


def test_what_cannot_be_judged_is_refused() -> None:
    theta = turning([1.0, 2.0])
    with pytest.raises(ValueError, match="at least 12 times, and there are 5"):
        period(theta.isel(time=slice(0, 5)))
    with pytest.raises(ValueError, match="evenly spaced"):
        period(theta.isel(time=[*range(50), 60]))
    with pytest.raises(ValueError, match="share of the spread"):
        period(theta, tolerance=2.0)
