"""Oscillators against time, coloured by their phase or by what they are."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from oscillo import analysis
from oscillo.analysis.states import Data, is_phase, population, recorded, states, time_of, times
from oscillo.plotting.members import member_labels, one_sample, spread_out, titled
from oscillo.plotting.style import CYCLIC, SEQUENTIAL, colour_bar, headline, new_figure, style

_SAMPLES = 3

_PIXELS = 1500
"""Oscillators and times that a picture can show; of more some are taken, evenly spread."""


def has_phases(data: Data) -> bool:
    """Whether states are angles, or vectors in the plane, which have one."""
    array = recorded(data)
    return array.sizes["component"] == 2 if "component" in array.dims else is_phase(array)


def raster_scale(values: Data) -> ScalarMappable:
    """Colours for rasters: cyclic ones for phases, else from the smallest to the largest first component.

    Args:
        values: all that is to be drawn in these colours, phases or states.
    """
    if has_phases(values):
        return ScalarMappable(Normalize(-np.pi, np.pi), CYCLIC)
    return ScalarMappable(finite_range(_numbers(values)), SEQUENTIAL)


def finite_range(values: xr.DataArray) -> Normalize:
    """From the smallest to the largest of the finite numbers; colours need nothing of what diverged."""
    finite = values.where(np.isfinite(values))
    return Normalize(float(finite.min()), float(finite.max()))


def draw_raster(axes: Axes, values: xr.DataArray, scale: ScalarMappable | None = None) -> AxesImage:
    """Draw the oscillators of one sample against time.

    Args:
        axes: what it is drawn into.
        values: phases or states of one sample, (time or step, oscillator); sites are put in a row.
        scale: colours, as `raster_scale` gives them; left out, those of the values alone.

    Returns:
        The picture; a bar for its colours has the label `raster_label(values)`.

    Raises:
        ValueError: when there is no time.
    """
    scale = scale or raster_scale(values)
    shown = _thinned(_numbers(values))
    along = time_of(shown, "a raster", 1)
    when, last = times(shown, along), shown.sizes["oscillator"] - 1
    half = (when[-1] - when[0]) / max(len(when) - 1, 1) / 2 or 0.5
    # Times need not be even, and pixels are.
    even = np.linspace(when[0], when[-1], len(when))
    nearest = np.abs(when[:, None] - even[None]).argmin(axis=0) if len(when) > 1 else np.zeros(1, int)
    numbers = shown["_number"].values
    axes.grid(False)
    picture = axes.imshow(
        shown.isel({along: nearest}).transpose("oscillator", along).values, aspect="auto", origin="lower",
        extent=(when[0] - half, when[-1] + half, numbers[0] - 0.5, numbers[last] + 0.5), cmap=scale.cmap,
        norm=Normalize(*scale.get_clim()), interpolation="nearest",
    )  # fmt: skip
    axes.set_ylabel("oscillator")
    return picture


def raster_label(values: Data) -> str:
    """What the colours of a raster say."""
    if has_phases(values):
        return "phase (rad)"
    array = states(values)
    return "first component" if "component" in array.dims else str(array.attrs.get("long_name", array.name or "value"))


@style()
def raster_figure(data: Data, name: str = "") -> Figure:
    """Draw the oscillators of some samples against time, coloured by their phase, or by their first component.

    Args:
        data: phases or states (sample, time, ..., oscillator), with or without `sample`.
        name: of the run.

    Raises:
        ValueError: when there are no states, or there is no time.
    """
    values = one_sample(states(data))
    along = time_of(values, "a raster", 2)
    chosen = spread_out(np.ones(values.sizes["sample"], bool), _SAMPLES)
    labels, values = member_labels(values), values.isel(sample=chosen)
    scale = raster_scale(values)
    figure = new_figure(7.2, 0.9 + 2.0 * len(chosen))
    panels = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
    for place, axes in enumerate(panels):
        draw_raster(axes, values.isel(sample=place), scale)
        axes.set_title(labels[chosen[place]])
    panels[-1].set_xlabel(along if "time" not in values.coords else "time")
    colour_bar(figure, scale, panels, raster_label(values))
    headline(figure, titled(name, "oscillators along time"), _caption(values, along))
    return figure


def _numbers(values: Data) -> xr.DataArray:
    """What the colours show, with sites put in a row."""
    array = states(values)
    if has_phases(array):
        array = analysis.phase(array)
    elif "component" in array.dims:
        array = array.isel(component=0)
    return population(array)


def _thinned(values: xr.DataArray) -> xr.DataArray:
    """As many oscillators and times as there are pixels, with the numbers of the oscillators as `_number`."""
    values = values.assign_coords(_number=("oscillator", np.arange(values.sizes["oscillator"])))
    for dim in ("oscillator", time_of(values, "a raster", 1)):
        values = values.isel({dim: spread_out(np.ones(values.sizes[dim], bool), _PIXELS)})
    return values


def _caption(values: xr.DataArray, along: str) -> str:
    row = population(values)
    told = [
        f"{_PIXELS:,} of {row.sizes[dim]:,} {word}"
        for dim, word in (("oscillator", "oscillators"), (along, "times")) if row.sizes[dim] > _PIXELS
    ]  # fmt: skip
    return f"Shown are {' and '.join(told)}, evenly spread." if told else ""
