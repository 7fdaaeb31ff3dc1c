from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from known_motion import lorenz, phases, turning, uniform

from oscillo.analysis import determinism, functional_connectivity, recurrence, recurrence_rate, residual, spectrum

keys = st.integers(0, 2**31)


def noise(shape: tuple[int, ...], key: int, dims: tuple[str, ...] = ("time", "oscillator")) -> xr.DataArray:
    values = np.random.default_rng(key).standard_normal(shape)
    return xr.DataArray(values, dims=dims, coords={"time": 0.5 * np.arange(shape[dims.index("time")])})


# Spectra


@given(st.floats(0.5, 25.0), st.integers(1, 8))
def test_the_peak_of_a_sine_is_at_its_frequency(omega: float, segments: int) -> None:
    t = 0.1 * np.arange(4000)
    found = spectrum(xr.DataArray(np.sin(omega * t), dims="time", coords={"time": t}), segments)
    resolution = float(found["frequency"][1])
    assert abs(float(found.idxmax("frequency")) - omega) <= resolution
    assert float(found.integrate("frequency")) == pytest.approx(0.5, rel=0.02)
    assert found["frequency"].attrs["units"] == "rad/time"


@given(keys, st.integers(16, 99))
def test_parseval_holds_for_one_segment_without_a_window(key: int, times: int) -> None:
    series = noise((times, 3), key)
    found = spectrum(series, segments=1, window="boxcar")
    power = found.sum("frequency") * float(found["frequency"][1])
    np.testing.assert_allclose(power, series.var("time"), rtol=1e-9)


def test_the_spectrum_of_noise_is_flat() -> None:
    found = spectrum(noise((20_000, 2), 3), segments=64)
    np.testing.assert_allclose(found.isel(frequency=slice(4, -4)).mean("frequency"), 0.5 / np.pi, rtol=0.05)


def test_phases_are_taken_for_cosine_and_sine() -> None:
    found = spectrum(turning([1.5, 4.0], times=4000).to_dataset())
    assert found["component"].values.tolist() == ["cos", "sin"] and found.dims[-1] == "frequency"
    peaks = found.sum("component").idxmax("frequency")
    np.testing.assert_allclose(peaks, [1.5, 4.0], atol=float(found["frequency"][1]))


def test_spectra_need_even_and_many_times() -> None:
    series = noise((40, 1), 0)
    with pytest.raises(ValueError, match="leave 4 for each"):
        spectrum(series, segments=16)
    with pytest.raises(ValueError, match="at least one segment"):
        spectrum(series, segments=0)
    with pytest.raises(ValueError, match=r"evenly spaced times, and the intervals go from 0\.5 to 1"):
        spectrum(series.isel(time=[*range(30), 31]))
    with pytest.raises(ValueError, match="a spectrum needs the dimension `time`"):
        spectrum(series.isel(time=0))


# Recurrence


@given(keys)
def test_distances_of_phases_are_chords(key: int) -> None:
    theta = uniform((2, 6, 4), key)
    found = recurrence(phases(theta, ("sample", "time", "oscillator")))
    chords = abs(np.exp(1j * theta[:, :, None]) - np.exp(1j * theta[:, None])) ** 2
    assert found.dims == ("sample", "time", "time2") and found["time2"].values.tolist() == found["time"].values.tolist()
    np.testing.assert_allclose(found, np.sqrt(chords.mean(-1)), atol=1e-7)


@given(keys, st.booleans())
def test_distances_are_symmetric_and_do_not_see_a_constant_rotation(key: int, modulo: bool) -> None:
    theta = uniform((8, 3), key)
    found, turned = recurrence(phases(theta), modulo), recurrence(phases(theta + 1.3), modulo)
    assert (np.diag(found) == 0).all() and (found.values == found.values.T).all()
    np.testing.assert_allclose(found, turned, atol=1e-7)


@given(keys)
def test_modulo_a_rotation_is_the_least_distance_over_rotations(key: int) -> None:
    theta = uniform((4, 3), key)
    angle = np.linspace(0, 2 * np.pi, 2001)[:, None, None, None]
    rotated = abs(np.exp(1j * (theta[:, None] + angle)) - np.exp(1j * theta[None])) ** 2
    least = np.sqrt(rotated.mean(-1).min(0))
    np.testing.assert_allclose(recurrence(phases(theta), modulo_rotation=True), least, atol=3e-3)
    drifting = phases(theta + 3.0 * np.arange(4)[:, None])
    np.testing.assert_allclose(recurrence(drifting, True), recurrence(phases(theta), True), atol=1e-7)
    successive = np.diag(recurrence(phases(theta), True), 1)
    np.testing.assert_allclose(residual(phases(theta), True), successive, atol=1e-7)


def test_recurrence_of_a_period() -> None:
    series = xr.DataArray(np.tile([0.0, 1.0, 2.0, 3.0], 10), dims="time")
    distances = recurrence(series)
    assert float(recurrence_rate(distances, 0.1)) == pytest.approx(40 * 9 / (40 * 39))
    assert float(determinism(distances, 0.1, shortest=4)) == 1.0
    scattered = recurrence(noise((400,), 1, ("time",)))
    assert float(determinism(scattered, 0.05)) < 0.2 < float(determinism(recurrence(lorenz(400)), 2.0))
    with pytest.raises(ValueError, match="threshold above 0"):
        recurrence_rate(distances, 0.0)
    with pytest.raises(ValueError, match="needs the dimension `time2`"):
        recurrence_rate(series, 0.1)
    with pytest.raises(ValueError, match="at least 2 of the 40 times"):
        determinism(distances, 0.1, shortest=40)
    assert np.isnan(determinism(recurrence(xr.DataArray(np.arange(9.0), dims="time")), 0.1))


def test_residuals_vanish_at_rest_and_carry_times() -> None:
    theta = phases(np.concatenate([uniform((3, 5), 0), np.full((4, 5), 0.2)]))
    found = residual(theta.to_dataset())
    assert found["time"].values.tolist() == theta["time"].values[1:].tolist()
    np.testing.assert_allclose(found[-3:], 0, atol=1e-15)
    assert (found[:3] > 0).all()
    small = residual(phases(np.array([[1.0], [1.0 + 1e-11]])))
    np.testing.assert_allclose(small, [1e-11], rtol=1e-4)


def test_rotations_are_for_the_plane() -> None:
    with pytest.raises(ValueError, match="two components, and these have 3"):
        recurrence(lorenz(20), modulo_rotation=True)


# Functional connectivity


@given(keys)
def test_connectivity_of_signals_is_pearsons(key: int) -> None:
    signals = noise((30, 4), key)
    found = functional_connectivity(signals)
    np.testing.assert_allclose(found, np.corrcoef(signals.values.T), atol=1e-12)
    np.testing.assert_allclose(functional_connectivity(3 * signals + 1000), found, atol=1e-9)


def test_equal_opposite_independent_and_constant_signals() -> None:
    one, other = np.random.default_rng(0).standard_normal((2, 5000))
    signals = xr.DataArray([one, one, -one, other, np.full(5000, 0.1)], dims=("oscillator", "time"))
    found = functional_connectivity(signals).values
    np.testing.assert_allclose(found[0, :3], [1, 1, -1], atol=1e-12)
    assert abs(found[0, 3]) < 0.05 and np.isnan(found[4]).all() and np.isnan(found[:, 4]).all()


@given(keys)
def test_connectivity_of_phases_does_not_see_a_constant_rotation(key: int) -> None:
    theta = uniform((20, 3), key)
    np.testing.assert_allclose(
        functional_connectivity(phases(theta + 2.0)), functional_connectivity(phases(theta)), atol=1e-12
    )
    apart = functional_connectivity(turning([1.0, 1.0, 3.0], times=2000) + xr.DataArray([0, 0.5, 0], dims="oscillator"))
    assert apart.dims == ("oscillator", "oscillator2")


def test_windows_follow_a_change() -> None:
    one, other = np.random.default_rng(1).standard_normal((2, 800))
    signals = xr.DataArray(
        np.stack([one, np.where(np.arange(800) < 400, one, other)]), dims=("oscillator", "time"),
        coords={"time": 0.5 * np.arange(800)},
    )  # fmt: skip
    found = functional_connectivity(signals, window=50)
    assert found.dims == ("time", "oscillator", "oscillator2") and float(found["time"][0]) == 25.0
    pair = found.isel(oscillator=0, oscillator2=1)
    np.testing.assert_allclose(pair.sel(time=slice(0, 170)), 1, atol=1e-12)
    assert abs(pair.sel(time=slice(230, None))).max() < 0.4
    alone = functional_connectivity(signals.isel(time=slice(0, 101)))
    np.testing.assert_allclose(found.isel(time=0), alone, atol=1e-12)
    assert len(functional_connectivity(signals, window=50, stride=100)["time"]) == 4


def test_windows_must_fit() -> None:
    signals = noise((20, 2), 0)
    with pytest.raises(ValueError, match="a window of 100 holds 201 times"):
        functional_connectivity(signals, window=100)
    with pytest.raises(ValueError, match="give `window`"):
        functional_connectivity(signals, stride=1)
    with pytest.raises(ValueError, match="at least 3 times"):
        functional_connectivity(signals.isel(time=slice(0, 2)))
