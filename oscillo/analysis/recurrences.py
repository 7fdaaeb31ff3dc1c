"""Recurrence: when a trajectory comes back to where it was."""

from __future__ import annotations

import xarray as xr

from oscillo import measures
from oscillo.analysis.states import Data, described, measured, paired, require, time_of, vectors


def recurrence(data: Data, modulo_rotation: bool = False) -> xr.DataArray:
    r"""Distance between the states at each pair of times: the matrix that a recurrence plot shows.

        d(t, s)^2 = (1/n) \sum_i |z_i(t) - z_i(s)|^2

    with what others see of an oscillator, (cos, sin) for phases; that chord agrees with the angle where it is small,
    and knows no cut at +-pi. Eckmann, Kamphorst & Ruelle (1987), Europhys. Lett. 4, 973. Velocities do not count.
    Distances below about 1e-8 of the size of the states are rounding, and the matrix takes 8 T^2 bytes per trajectory.

    >>> import xarray as xr
    >>> phases = xr.DataArray([[0.0, 0.5], [1.0, 1.5], [3.1415927, 3.6415927]], dims=("time", "oscillator"))
    >>> recurrence(phases.rename("phase")).values.round(4).tolist()[0]
    [0.0, 0.9589, 2.0]
    >>> recurrence(phases.rename("phase"), modulo_rotation=True).values.round(6).tolist()[0]
    [0.0, 0.0, 0.0]

    Args:
        data: phases or states (..., time, ..., oscillator); or a series (..., time).
        modulo_rotation: take the least distance over common rotations of all oscillators, so that a pattern that turns
            as a whole counts as standing still; needs phases or planar states.

    Returns:
        Distances (..., time, time2), in units of the states, for phases about radians.

    Raises:
        ValueError: when there is no time, or a rotation is asked for and states are not planar.
    """
    z = vectors(data)
    along = time_of(z, "recurrence")
    check_rotation(z, modulo_rotation)
    found = measured(
        lambda z: measures.squared_distances(z, modulo_rotation=modulo_rotation).sqrt(), z,
        over=(along, "component", "oscillator"), gives=(along, f"{along}2"), sizes={f"{along}2": z.sizes[along]},
        each=True,
    )  # fmt: skip
    name = "distance of states" + (" modulo a rotation" if modulo_rotation else "")
    return described(paired(found, along, f"{along}2"), "recurrence", name, str(z.attrs.get("units", "1")))


def recurrence_rate(distances: xr.DataArray, threshold: float) -> xr.DataArray:
    """Share of pairs of two different times at which states are closer than a threshold.

    Marwan, Romano, Thiel & Kurths (2007), Phys. Rep. 438, 237, section 3.5.

    >>> import xarray as xr
    >>> series = xr.DataArray([0.0, 1.0, 0.0, 1.0], dims="time")
    >>> round(float(recurrence_rate(recurrence(series), 0.1)), 4)
    0.3333

    Args:
        distances: as `recurrence` gives them, (..., time, time2).
        threshold: largest distance of states that are alike, in units of the distances.

    Returns:
        Numbers from 0 to 1, with the other dimensions.

    Raises:
        ValueError: when the dimensions are not there.
    """
    found = measured(measures.recurrence_rate, _recurrent(distances, threshold), over=_pair(distances), each=True)
    return described(found, "recurrence_rate", "recurrence rate", "1", threshold=threshold)


def determinism(distances: xr.DataArray, threshold: float, shortest: int = 2) -> xr.DataArray:
    """Share of the recurrences on diagonal lines, where two stretches of the trajectory run beside each other.

    Marwan et al. (2007), eq. 47. Near 1 for periodic and quasi-periodic motion, lower for chaos and noise. Where the
    times are close to one another all motion is smooth, and long lines tell more than short ones.

    >>> import xarray as xr
    >>> series = xr.DataArray([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], dims="time")
    >>> float(determinism(recurrence(series), 0.1))
    1.0

    Args:
        distances: as `recurrence` gives them, (..., time, time2).
        threshold: largest distance of states that are alike, in units of the distances.
        shortest: how many times a line must have to count.

    Returns:
        Numbers from 0 to 1, with the other dimensions; NaN where nothing recurs.

    Raises:
        ValueError: when the dimensions are not there, or no line can be that short or that long.
    """
    along = _pair(distances)
    if not 2 <= shortest < distances.sizes[along[0]]:
        raise ValueError(
            f"a line has at least 2 of the {distances.sizes[along[0]]} times and not all, and `shortest` is {shortest}"
        )
    found = measured(
        lambda pairs: measures.determinism(pairs, shortest), _recurrent(distances, threshold), over=along, each=True
    )
    return described(found, "determinism", "determinism", "1", threshold=threshold, shortest=shortest)


def residual(data: Data, modulo_rotation: bool = False) -> xr.DataArray:
    """Distance of each recorded state from the one before it: 0 at a fixed point.

    The distance is that of `recurrence`, and exact also where it is small. Over the interval it is a mean speed. It is
    what implicit and iterative models call their residual (Bai, Kolter & Koltun 2019, NeurIPS).

    >>> import xarray as xr
    >>> residual(xr.DataArray([0.0, 3.0, 3.5, 3.5], dims="time")).values.tolist()
    [3.0, 0.5, 0.0]

    Args:
        data: phases or states (..., time, ..., oscillator); or a series (..., time).
        modulo_rotation: take the least distance over common rotations of all oscillators.

    Returns:
        Distances along time, but for the first time, in units of the states.

    Raises:
        ValueError: when there are less than two times, or a rotation is asked for and states are not planar.
    """
    z = vectors(data)
    along = time_of(z, "a residual")
    check_rotation(z, modulo_rotation)
    later, earlier = z.isel({along: slice(1, None)}), z.isel({along: slice(None, -1)})
    earlier = earlier.drop_vars([name for name, c in earlier.coords.items() if along in c.dims])
    found = measured(
        lambda a, b: measures.state_distance(a.double(), b.double(), modulo_rotation=modulo_rotation), later, earlier,
        over=("component", "oscillator"),
    )  # fmt: skip
    return described(found, "residual", "distance of successive states", str(z.attrs.get("units", "1")))


def check_rotation(z: xr.DataArray, modulo_rotation: bool) -> None:
    """Check that states can be rotated, where that is asked for.

    Raises:
        ValueError: when they have other than two components.
    """
    if modulo_rotation and z.sizes["component"] != 2:
        raise ValueError(
            f"a common rotation is taken off vectors of two components, and these have {z.sizes['component']}; leave "
            "`modulo_rotation` out"
        )


def _pair(distances: xr.DataArray) -> tuple[str, str]:
    along = "step" if "step2" in distances.dims else "time"
    require(distances, [along, f"{along}2"], "what is said about recurrences")
    return along, f"{along}2"


def _recurrent(distances: xr.DataArray, threshold: float) -> xr.DataArray:
    if not threshold > 0:
        raise ValueError(f"states are alike below a threshold above 0, and it is {threshold}")
    return distances <= threshold
