"""Trajectories with known properties, as arrays with named dimensions."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.integrate import solve_ivp


def uniform(shape: tuple[int, ...], key: int) -> np.ndarray:
    """Random phases, the same for the same key."""
    return np.random.default_rng(key).uniform(-np.pi, np.pi, shape)


def wrapped(theta: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * theta))


def phases(theta: np.ndarray, dims: tuple[str, ...] = ("time", "oscillator"), step: float = 0.1) -> xr.DataArray:
    """Phases along time as they are recorded."""
    time = step * np.arange(theta.shape[dims.index("time")])
    attrs = {"long_name": "phase", "units": "rad"}
    return xr.DataArray(wrapped(theta), dims=dims, coords={"time": time}, name="phase", attrs=attrs)


def turning(frequencies: list[float], times: int = 400, step: float = 0.1) -> xr.DataArray:
    """Phases that turn uniformly."""
    return phases(np.outer(step * np.arange(times), frequencies), step=step)


def lorenz(times: int = 1500, step: float = 0.05) -> xr.DataArray:
    """Lorenz (1963), on the attractor."""

    def rate(_: float, x: np.ndarray) -> list[float]:
        return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]

    time = 20 + step * np.arange(times)
    found = solve_ivp(rate, (0, time[-1]), [1.0, 1.0, 1.0], t_eval=time, rtol=1e-8, atol=1e-8)
    return states(found.y, time)


def van_der_pol(mu: float, times: int = 1000, step: float = 0.1) -> xr.DataArray:
    """Van der Pol's oscillator, on its limit cycle."""
    time = 60 + step * np.arange(times)
    found = solve_ivp(
        lambda _, x: [x[1], mu * (1 - x[0] ** 2) * x[1] - x[0]], (0, time[-1]), [1.0, 0.0], t_eval=time,
        rtol=1e-10, atol=1e-10,
    )  # fmt: skip
    return states(found.y, time)


def states(components: np.ndarray, time: np.ndarray) -> xr.DataArray:
    """States of one oscillator from components [component, time]."""
    return xr.DataArray(
        components.T[:, :, None], dims=("time", "component", "oscillator"), coords={"time": time}, name="state"
    )


def logistic(rate: float, times: int = 300) -> xr.DataArray:
    """The logistic map x' = r x (1 - x), after a transient."""
    x, found = 0.4, []
    for step in range(1000 + times):
        x = rate * x * (1 - x)
        if step >= 1000:
            found.append(x)
    return xr.DataArray(found, dims="step", name="state")
