"""Phases, how far they agree, and how fast they turn."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from torch import Tensor

from oscillo import measures
from oscillo.analysis.states import (
    Data,
    angles,
    dataset,
    described,
    embedded,
    measured,
    planar,
    sites_of,
    states,
    time_of,
    times,
    unit_of_time,
    vectors,
)

_MOST_TURN = np.pi / 2
"""Turn between two records up to which its direction is taken for certain, as the observable does."""


def phase(data: Data) -> xr.DataArray:
    """Phase of each oscillator: `phase` as it is recorded, or atan2(x_1, x_0) of planar states.

    >>> import xarray as xr
    >>> states = xr.DataArray([[0.0, 1.0], [2.0, 0.0]], dims=("component", "oscillator"), name="state")
    >>> phase(states).values.round(4).tolist()
    [1.5708, 0.0]

    Args:
        data: states, (..., component, oscillator) or phases (..., oscillator).

    Returns:
        Radians in [-pi, pi], counter-clockwise, with the dimensions of the states but `component`.

    Raises:
        ValueError: when there are no states, or they are not planar.
    """
    return described(angles(data).copy(deep=False), "phase", "phase", "rad")


def order_parameter(data: Data, moment: int = 1) -> xr.DataArray:
    r"""R = |(1/n) \sum_j z_j| over all oscillators and sites; with a moment m |(1/n) \sum_j exp(i m theta_j)|.

    Kuramoto (1984), section 5.4; Daido (1992), Prog. Theor. Phys. 88, 1213. In the first moment vectors count as they
    are, amplitudes included, as in the observable of that name; in the higher ones only phases do.

    >>> import xarray as xr
    >>> phases = xr.DataArray([[0.0, 0.0], [0.0, 3.141592653589793]], dims=("time", "oscillator"), name="phase")
    >>> order_parameter(phases).values.round(6).tolist(), order_parameter(phases, 2).values.round(6).tolist()
    ([1.0, 0.0], [1.0, 1.0])

    Args:
        data: states, (..., component, oscillator) or phases (..., oscillator).
        moment: m, at least 1: 2 tells two opposite clusters from disorder, and so on.

    Returns:
        A number without units for each entry of the other dimensions.

    Raises:
        ValueError: when there are no states, m is below 1, or m > 1 and the states are not planar.
    """
    if moment == 1:
        found = measured(measures.order_parameter, vectors(data, bare="phase"), over=("component", "oscillator"))
        return described(found, "order_parameter", "order parameter", "1")
    found = measured(lambda z: measures.daido(z, moment), planar(data), over=("component", "oscillator"))
    return described(found, f"order_parameter_{moment}", f"order parameter, moment {moment}", "1")


def local_order(data: Data, radius: int = 5, boundary: Literal["zero", "circular"] = "circular") -> xr.DataArray:
    """Length of the mean vector in a window around each oscillator: on a grid, or on a ring.

    On a grid (y, x) the window is a square of 2 radius + 1 sites, and each oscillator is compared with those of its own
    number there. Without sites oscillators are neighbours in their order, on a ring: Wolfrum et al. (2011), Chaos 21,
    013112. It is what the observable of that name records.

    >>> import numpy as np, xarray as xr
    >>> phases = xr.DataArray(np.array([0.0, 0.0, 0.0, 0.0, np.pi, 0.0, np.pi]), dims="oscillator", name="phase")
    >>> local_order(phases, radius=1).values.round(3).tolist()
    [0.333, 1.0, 1.0, 0.333, 0.333, 0.333, 0.333]

    Args:
        data: phases or states (..., y, x, [component], oscillator), or without sites.
        radius: oscillators or sites on either side that belong to the window.
        boundary: what lies beyond the edge of a grid: its other side, or with `zero` nothing, and the mean is over what
            there is. A ring has no edge.

    Returns:
        Numbers without units, with the dimensions of the states but `component`.

    Raises:
        ValueError: when the sites are no grid, or the window is longer than the grid or the ring.
    """
    z, sites = embedded(data, bare="phase"), [str(dim) for dim in sites_of(states(data))]
    if sites and set(sites) != {"x", "y"}:
        raise ValueError(
            f"local order is taken on a grid (y, x) or a ring (no sites), and sites are {', '.join(sites)}"
        )
    if radius < 1 or 2 * radius + 1 > min(z.sizes[dim] for dim in sites or ["oscillator"]):
        there = " x ".join(str(z.sizes[dim]) for dim in sites or ["oscillator"])
        raise ValueError(f"a window of 2 * {radius} + 1 does not fit {'a grid' if sites else 'a ring'} of {there}")
    if sites:
        found = measured(
            lambda z: measures.local_order_on_grid(z, radius, boundary), z, over=("y", "x", "component", "oscillator"),
            gives=("y", "x", "oscillator"),
        )  # fmt: skip
    else:
        found = measured(
            lambda z: measures.local_order_on_ring(z, radius),
            z,
            over=("component", "oscillator"),
            gives=("oscillator",),
        )
    return described(found, "local_order", "local order", "1", radius=radius)


def mean_frequency(data: Data) -> xr.DataArray:
    """(theta(T) - theta(0)) / T of each oscillator over all recorded times, whole turns counted.

    With `phase` and `winding` only the first and the last time are needed, and no turn is lost. Without `winding` the
    turns from each recorded time to the next are added up; half a turn and more cannot be told from the rest to a
    whole one, so an oscillator that turns by more than a quarter in between gets NaN: record more often.

    >>> import numpy as np, xarray as xr
    >>> t = np.linspace(0, 10, 101)
    >>> states = xr.DataArray([np.cos(2 * t), np.sin(2 * t)], dims=("component", "time"), coords={"time": t})
    >>> mean_frequency(states.expand_dims(oscillator=1)).values.round(6).tolist()
    [2.0]

    Args:
        data: phases (..., time, ..., oscillator), best with `winding` beside them in a dataset, or planar states.

    Returns:
        Angular frequencies in radians per time, (..., oscillator).

    Raises:
        ValueError: when there are no phases, or less than two times.
    """
    theta = phase(data)
    along = time_of(theta, "a mean frequency")
    instants = times(theta, along)
    duration = float(instants[-1] - instants[0])
    beside = None if isinstance(data, xr.DataArray) else dataset(data)
    if beside is not None and "phase" in beside and "winding" in beside:
        ends = (theta, beside["winding"])
        parts = [array.isel({along: place}, drop=True) for array in ends for place in (0, -1)]
        found = measured(lambda *t: measures.mean_frequency(t[:2], t[2:], duration), *parts, over=())
    else:
        found = measured(lambda t: _turned(t) / duration, theta, over=(along,))
    return described(found, "mean_frequency", "mean frequency", f"rad/{unit_of_time(theta, along)}")


def _turned(theta: Tensor) -> Tensor:
    """Angle turned through, [...], of phases [..., time]; NaN where a turn may be another one."""
    steps = theta.double().diff(dim=-1)
    steps = (steps + np.pi).remainder(2 * np.pi) - np.pi
    return steps.sum(dim=-1).where(steps.abs().amax(dim=-1) <= _MOST_TURN, np.nan)
