"""Pictures of oscillators: phases along time, grids at chosen times."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from oscillo.plotting import headline, new_figure, principal_colours, style

_SNAPSHOTS = 6
_MEMBERS = 3


@style()
def oscillators_figure(states: xr.Dataset, name: str) -> Figure | None:
    """What the oscillators of the first members do: against time, or on their grid."""
    if states.sizes["time"] < 2:
        return None
    key = "phase" if "phase" in states else "state"
    if "y" in states[key].dims:
        return _grids(states, key, name)
    if "site0" in states[key].dims:
        return None
    return _rasters(states, key, name)


def angles(values: xr.DataArray) -> xr.DataArray | None:
    """Phases in radians; None where oscillators have none."""
    if values.name == "phase":
        return values
    if values.sizes.get("component") != 2:
        return None
    x, y = values.isel(component=0), values.isel(component=1)
    return xr.apply_ufunc(np.arctan2, y, x)


def _rasters(states: xr.Dataset, key: str, name: str) -> Figure:
    """Oscillators against time, coloured by their phase, or by the first component."""
    from oscillo_tasks.simulate.figures import member_labels, spread_out

    chosen = spread_out(np.ones(states.sizes["sample"], bool), _MEMBERS)
    values, labels = states[key].isel(sample=chosen), [member_labels(states)[i] for i in chosen]
    phases = angles(values)
    figure = new_figure(7.2, 0.9 + 2.0 * len(chosen))
    axes = np.atleast_1d(figure.subplots(len(chosen), 1, sharex=True))
    shown = values.isel(component=0) if phases is None else phases
    look = {"cmap": "twilight", "vmin": -np.pi, "vmax": np.pi} if phases is not None else {"cmap": "RdBu_r"}
    time = states["time"].values
    image = None
    for i, (one, label) in enumerate(zip(axes, labels, strict=True)):
        one.grid(False)
        extent = (time[0], time[-1], -0.5, shown.sizes["oscillator"] - 0.5)
        picture = shown.isel(sample=i).transpose("oscillator", "time").values
        image = one.imshow(picture, aspect="auto", origin="lower", extent=extent, interpolation="nearest", **look)
        one.set_ylabel("oscillator")
        one.set_title(label)
    axes[-1].set_xlabel("time")
    if image is not None:
        bar = figure.colorbar(image, ax=axes.tolist(), fraction=0.04, pad=0.02)
        bar.set_label("phase (rad)" if phases is not None else "first component")
    headline(figure, f"{name}: oscillators along time")
    return figure


def _grids(states: xr.Dataset, key: str, name: str) -> Figure | None:
    """The grid at some times, coloured by phase, or by the first three principal components of the state.

    Members that have diverged are left out; None where all have.
    """
    from oscillo_tasks.simulate.figures import member_labels, spread_out

    last = states[key].isel(time=-1).transpose("sample", ...).values
    chosen = spread_out(np.isfinite(last).reshape(len(last), -1).all(axis=1), _MEMBERS)
    if not len(chosen):
        return None
    steps = np.unique(np.geomspace(1, states.sizes["time"], _SNAPSHOTS).round().astype(int) - 1)
    labels = member_labels(states)
    figure = new_figure(1.5 * len(steps) + 0.6, 1.45 * len(chosen) + 0.9)
    axes = np.atleast_2d(figure.subplots(len(chosen), len(steps), squeeze=False))
    look, image = {}, None
    for row, sample in enumerate(chosen):
        values = states[key].isel(sample=sample)
        phases = angles(values.rename(key))
        if phases is not None and phases.sizes.get("oscillator", 1) == 1:
            pictures = [phases.isel(time=step).squeeze("oscillator").values for step in steps]
            look = {"cmap": "twilight", "vmin": -np.pi, "vmax": np.pi}
        else:
            colours, _ = principal_colours([values], [values.isel(time=steps)])
            pictures = [colours[0].isel(time=i).values for i in range(len(steps))]
            look = {}
        for one, picture, step in zip(axes[row], pictures, steps, strict=True):
            image = one.imshow(picture, interpolation="nearest", **look)
            one.set_xticks([])
            one.set_yticks([])
            one.grid(False)
            if row == 0:
                one.set_title(f"t = {states['time'].values[step]:.4g}")
        axes[row][0].set_ylabel(labels[sample])
    if image is not None and look:
        figure.colorbar(image, ax=axes.ravel().tolist(), fraction=0.03, pad=0.02).set_label("phase (rad)")
    caption = "" if look else "Colour: the first three principal components of the state, as red, green and blue."
    headline(figure, f"{name}: the grid at some times", caption)
    return figure
