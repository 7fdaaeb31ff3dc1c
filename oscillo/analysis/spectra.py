"""Power spectral densities of recorded series."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.signal import welch

from oscillo.analysis.states import Data, described, interval, is_phase, states, time_of, unit_of_time, vectors

_SHORTEST = 8
"""Samples of the shortest segment: with less there are hardly any frequencies."""


def spectrum(data: Data, segments: int = 4, window: str = "hann") -> xr.DataArray:
    r"""One-sided power spectral density S(omega) along time, by Welch's method.

    Welch (1967), IEEE Trans. Audio Electroacoust. 15, 70: the mean is taken off, and periodograms of half-overlapping
    segments are averaged. Frequencies are angular, in radians per time, as natural frequencies are, and S is scaled so
    that \int S domega is the variance. More segments give less noise and a coarser resolution, 2 pi / length.

    >>> import numpy as np, xarray as xr
    >>> t = 0.1 * np.arange(2000)
    >>> series = xr.DataArray(np.sin(1.5 * t), dims="time", coords={"time": t})
    >>> density = spectrum(series)
    >>> round(float(density.idxmax("frequency")), 1), round(float(density.integrate("frequency")), 2)
    (1.5, 0.5)

    Args:
        data: a series (..., time, ...); or states, of which each component of each oscillator is a series. Phases,
            which jump by whole turns, are replaced by `component` cos and sin.
        segments: how many segments the record is cut into; 1 is the periodogram.
        window: what a segment is multiplied with, as `scipy.signal.get_window` names it; `boxcar` for none.

    Returns:
        Density (..., frequency), in squared units of the series times time per radian; `frequency` in radians per
        time.

    Raises:
        ValueError: when there is no time, it is not evenly spaced, or the segments are too short.
    """
    array = states(data)
    along = time_of(array, "a spectrum")
    if is_phase(array):
        array = vectors(array) if "oscillator" in array.dims else vectors(array).isel(oscillator=0, drop=True)
    step, length = interval(array, along, "a spectrum"), _segment(array.sizes[along], segments)

    def density(values: np.ndarray) -> np.ndarray:
        return welch(values, fs=2 * np.pi / step, window=window, nperseg=length)[1]

    found = xr.apply_ufunc(
        density, array.astype(float), input_core_dims=[[along]], output_core_dims=[["frequency"]], dask="parallelized",
        output_dtypes=[float],
        dask_gufunc_kwargs={"allow_rechunk": True, "output_sizes": {"frequency": length // 2 + 1}},
    )  # fmt: skip
    frequency = 2 * np.pi * np.fft.rfftfreq(length, step)
    unit = unit_of_time(array, along)
    labels = {"long_name": "angular frequency", "units": f"rad/{unit}"}
    found = found.assign_coords(frequency=("frequency", frequency, labels))
    units = str(array.attrs.get("units", "1"))
    density_units = f"{unit}/rad" if units in ("1", "rad") else f"({units})^2 {unit}/rad"
    subject = array.attrs.get("long_name", array.name) or "the series"
    return described(found, "spectrum", f"power spectral density of {subject}", density_units)


def _segment(times: int, segments: int) -> int:
    """Length of a segment in samples.

    Raises:
        ValueError: when it is too short.
    """
    if segments < 1:
        raise ValueError(f"a spectrum needs at least one segment, and `segments` is {segments}")
    # Segments overlap by a half, so each further one needs half a length.
    length = int(2 * times / (segments + 1))
    if length < _SHORTEST:
        raise ValueError(
            f"{times} times cut into {segments} overlapping segments leave {length} for each, and a spectrum needs "
            f"{_SHORTEST}; record longer, or take fewer `segments`"
        )
    return length
