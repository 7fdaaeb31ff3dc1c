"""Whether a trajectory rests, comes back after a period, or neither.

The spread of a trajectory is the root mean square distance of its states at two times. A trajectory without spread is a
fixed point. Else the period is the least lag after which the states have, on average over the record, come back to
within a tolerance, and do so again after the largest multiple of that lag within two thirds of the record, as a near
return of quasi-periodic motion does not (the idea of close returns: Lathrop & Kostelich 1989, Phys. Rev. A 40, 4028).
Between the recorded times states are interpolated by cubic splines.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar
from torch import Tensor

from oscillo import measures
from oscillo.analysis.recurrences import check_rotation
from oscillo.analysis.states import Data, described, interval, time_of, vectors

FLAGS = NOT_FINITE, FIXED_POINT, PERIODIC, APERIODIC = -1, 0, 1, 2
MEANINGS = "not_finite fixed_point periodic aperiodic"
"""Kinds of motion, and their names in that order, as the CF conventions write flags."""
_FEWEST = 12
"""Times below which there are hardly any lags to compare."""
_TURNS = 3
"""How many periods a record must hold, so that a return can be seen to repeat."""


def period(data: Data, tolerance: float = 0.01, still: float = 1e-3, modulo_rotation: bool = False) -> xr.Dataset:
    """Whether each trajectory is a fixed point, periodic (and with which period), or neither.

    Leave transients out. A period longer than a third of the record is not found, and a subharmonic below the tolerance
    is overlooked. Quasi-periodic motion and chaos, both aperiodic, are told apart by Lyapunov exponents.

    >>> import numpy as np, xarray as xr
    >>> t = np.arange(0, 40, 0.1)
    >>> phases = xr.DataArray(np.outer(t, [1.0, 2.0]), dims=("time", "oscillator"), coords={"time": t}, name="phase")
    >>> found = period(phases)
    >>> int(found["kind"]), round(float(found["period"]), 4)
    (1, 6.2832)

    Args:
        data: phases or states (..., time, ..., oscillator); or a series (..., time). Times are evenly spaced, with some
            ten of them in the fastest oscillation; iterated maps have one time for each step.
        tolerance: largest distance after a period, as a share of the spread; noise needs more.
        still: largest spread of a fixed point, in units of the states, for phases about radians.
        modulo_rotation: as in `recurrence`: a locked population that turns is a fixed point then.

    Returns:
        `kind` (...), -1 not finite, 0 fixed point, 1 periodic, 2 aperiodic; `period`, in units of time, NaN where there
        is none; `residual`, the distance after the period or the closest return, as a share of the spread: its ratio to
        the tolerance says how sure the answer is; `spread`.

    Raises:
        ValueError: when times are too few or not evenly spaced, or states that are not planar shall be rotated.
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"`tolerance` is a share of the spread, between 0 and 1, and it is {tolerance}")
    z = vectors(data)
    along = time_of(z, "a period", _FEWEST)
    step = interval(z, along, "a period")
    check_rotation(z, modulo_rotation)

    def search(values: np.ndarray) -> tuple[int, float, float, float]:
        found = _search(values.astype(np.float64), tolerance, still, modulo_rotation)
        return found.kind, found.lag * step, found.residual, found.spread

    kind, lag, left, spread = xr.apply_ufunc(
        search, z, input_core_dims=[[along, "component", "oscillator"]], output_core_dims=[[]] * 4, vectorize=True,
        dask="parallelized", output_dtypes=[int, float, float, float], dask_gufunc_kwargs={"allow_rechunk": True},
    )  # fmt: skip
    found = {
        "kind": described(kind, "kind", "kind of motion", "1", flag_values=list(FLAGS), flag_meanings=MEANINGS),
        "period": described(lag, "period", "period", "time"),
        "residual": described(left, "residual", "distance after the closest return, as a share of the spread", "1"),
        "spread": described(spread, "spread", "distance of states at two times", str(z.attrs.get("units", "1"))),
    }
    return xr.Dataset(found, attrs={"tolerance": tolerance, "still": still, "modulo_rotation": int(modulo_rotation)})


class _Motion(NamedTuple):
    """What is found of one trajectory, with lags in samples."""

    kind: int
    lag: float
    residual: float
    spread: float


def _search(values: np.ndarray, tolerance: float, still: float, modulo_rotation: bool) -> _Motion:
    """The motion of one trajectory [time, component, oscillator]."""
    nan = float("nan")
    if not np.isfinite(values).all():
        return _Motion(NOT_FINITE, nan, nan, nan)
    squares = measures.squared_distances(torch.from_numpy(values), modulo_rotation=modulo_rotation)
    spread = float(squares.mean().sqrt())
    if spread <= still:
        return _Motion(FIXED_POINT, nan, nan, spread)
    returns = _Returns(values, spread, modulo_rotation)
    most = len(values) // _TURNS
    by_lag = torch.stack([squares.diagonal(lag).mean() for lag in range(most + 2)]).sqrt().numpy() / spread
    closest = nan
    for lag in _closest_lags(by_lag, tolerance):
        exact, left = returns.refine(lag)
        if left <= tolerance:
            times = int(2 * most / exact)
            far, again = returns.refine(times * exact)
            left = max(left, again)
            if left <= tolerance:
                return _Motion(PERIODIC, far / times, left, spread)
        closest = float(np.fmin(closest, left))
    if np.isnan(closest):
        # The first lags are small because states have not gone away yet.
        closest = float(by_lag[int(np.argmax(by_lag > by_lag.max() / 2)) :].min())
    return _Motion(APERIODIC, nan, closest, spread)


def _closest_lags(by_lag: np.ndarray, tolerance: float) -> np.ndarray:
    """Lags at which the mean distance has a minimum that may be a return between two samples."""
    middle = by_lag[1:-1]
    least = (middle <= by_lag[:-2]) & (middle < by_lag[2:])
    # Half a sample beside a return the distance is about half of what one sample makes.
    return np.flatnonzero(least & (middle <= tolerance + by_lag[1])) + 1


class _Returns:
    """How far from one another states are after a lag that need not be a number of samples."""

    def __init__(self, values: np.ndarray, spread: float, modulo_rotation: bool) -> None:
        self.states = torch.from_numpy(values)
        self.between = CubicSpline(np.arange(len(values)), values)
        self.spread, self.modulo_rotation = spread, modulo_rotation

    def distance(self, lag: float) -> float:
        """Root mean square distance after a lag, as a share of the spread."""
        starts = np.arange(int(len(self.states) - 1 - lag) + 1)
        later: Tensor = torch.from_numpy(self.between(starts + lag))
        apart = measures.state_distance(later, self.states[: len(starts)], modulo_rotation=self.modulo_rotation)
        return float(apart.square().mean().sqrt()) / self.spread

    def refine(self, lag: float) -> tuple[float, float]:
        """The lag of the closest return around one, and the distance after it."""
        found: Any = minimize_scalar(self.distance, bounds=(max(lag - 1, 0.5), lag + 1), method="bounded")
        # Maps have nothing between their steps, and come back exactly.
        whole = float(round(lag))
        candidates = [(float(found.fun), float(found.x)), (self.distance(whole), whole)]
        left, exact = min(candidates)
        return exact, left
