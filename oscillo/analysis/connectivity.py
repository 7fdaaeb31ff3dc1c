"""Functional connectivity: whose signals go up and down together."""

from __future__ import annotations

import numpy as np
import xarray as xr

from oscillo import measures
from oscillo.analysis.states import Data, described, interval, measured, paired, time_of, vectors

_FEWEST = 3
"""Times that a correlation needs: of two points it is always +-1."""


def functional_connectivity(data: Data, window: float | None = None, stride: float | None = None) -> xr.DataArray:
    r"""Pearson's correlation over time of the signals of each pair of oscillators.

        C_ij = <dz_i, dz_j> / sqrt(<dz_i, dz_i> <dz_j, dz_j>),    dz = z minus its mean over time

    with sums over time and components: (cos, sin) of phases, the components of states. Friston (1994), Hum. Brain Mapp.
    2, 56; along sliding windows Hutchison et al. (2013), NeuroImage 80, 360. For one component alone pass it as a
    signal, such as `np.sin(ds.phase)` or `ds.state.isel(component=0)`.

    >>> import numpy as np, xarray as xr
    >>> t = np.linspace(0, 20 * np.pi, 401)
    >>> signals = xr.DataArray([np.sin(t), np.sin(t), -np.sin(t)], dims=("oscillator", "time"), coords={"time": t})
    >>> functional_connectivity(signals).values.round(6).tolist()[0]
    [1.0, 1.0, -1.0]

    Args:
        data: phases, states, or signals (..., time, ..., oscillator).
        window: length of a window in units of time; left out, the whole record is one.
        stride: time from one window to the next; left out, half a window.

    Returns:
        Numbers from -1 to 1, (..., oscillator, oscillator2), NaN for a signal that does not change; with windows also
        along `time`, their centres. Sites are merged into `oscillator`.

    Raises:
        ValueError: when there is no time, there are too few times, or a window is longer than the record.
    """
    z = vectors(data)
    along = time_of(z, "functional connectivity", _FEWEST)
    if window is None:
        if stride is not None:
            raise ValueError("`stride` is the time between windows; give `window`, their length, as well")
        found = _correlation(z, along)
    else:
        found = _windows(z, along, window, stride)
    return described(paired(found, "oscillator", "oscillator2"), "functional_connectivity", "correlation", "1")


def _correlation(z: xr.DataArray, along: str) -> xr.DataArray:
    return measured(
        measures.correlation, z, over=(along, "component", "oscillator"), gives=("oscillator", "oscillator2"),
        sizes={"oscillator2": z.sizes["oscillator"]}, each=True,
    )  # fmt: skip


def _windows(z: xr.DataArray, along: str, window: float, stride: float | None) -> xr.DataArray:
    step = interval(z, along, "functional connectivity in windows")
    length = round(window / step) + 1
    hop = max(1, (length - 1) // 2 if stride is None else round(stride / step))
    if not _FEWEST <= length <= z.sizes[along]:
        raise ValueError(
            f"a window of {window:g} holds {length} times, and it needs between {_FEWEST} and the {z.sizes[along]} "
            f"that were recorded; times are {step:g} apart"
        )
    starts = range(0, z.sizes[along] - length + 1, hop)
    parts = [_correlation(z.isel({along: slice(start, start + length)}), along) for start in starts]
    named = "time" if "time" in z.coords else along
    centres = [float(z[named].isel({along: slice(start, start + length)}).mean()) for start in starts]
    found = xr.concat(parts, dim="time").assign_coords(time=("time", np.array(centres), dict(z[named].attrs)))
    return found.transpose(..., "time", "oscillator", "oscillator2")
