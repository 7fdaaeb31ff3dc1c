"""Numbers along time: a line for each sample, for each value of what varies, or a band over many samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from oscillo.analysis.states import time_of
from oscillo.plotting.members import member_labels, one_sample, titled, varying
from oscillo.plotting.style import SEQUENTIAL, colour_bar, headline, new_figure, series_style, style

_LINES = 7
"""Samples up to which each has a line of its own."""


def draw_lines(axes: Axes, values: xr.DataArray, labels: Sequence[str]) -> None:
    """A line for each sample of a series (sample, time)."""
    along = time_of(values, "a series", 1)
    for i, label in enumerate(labels):
        line = values.isel(sample=i).values
        look = series_style(i).marked_line(len(line), i, len(labels)) if len(labels) > 1 else series_style(i).line
        axes.plot(values[along], line, **look, label=label, linewidth=1.2)


def draw_by_value(axes: Axes, values: xr.DataArray, parameter: np.ndarray, scale: ScalarMappable) -> None:
    """A line for each value of a parameter, [sample], coloured by it: the mean over the samples that share it."""
    along = time_of(values, "a series", 1)
    for place in np.unique(parameter):
        line = np.nanmean(values.transpose("sample", along).values[parameter == place], axis=0)
        axes.plot(values[along], line, color=scale.to_rgba(place), linewidth=1.0)


def draw_band(axes: Axes, values: xr.DataArray) -> None:
    """Median, and bands that hold 50 % and 90 %, over the samples of a series (sample, time)."""
    along = time_of(values, "a series", 1)
    levels = np.nanquantile(values.transpose("sample", along).values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    color = series_style(0).color
    axes.fill_between(values[along], levels[0], levels[4], color=color, alpha=0.15, linewidth=0)
    axes.fill_between(values[along], levels[1], levels[3], color=color, alpha=0.3, linewidth=0)
    axes.plot(values[along], levels[2], color=color)


@style()
def series_figure(series: xr.Dataset | xr.DataArray, name: str = "", finding: str = "") -> Figure:
    """Draw every number along time: for each sample, for each value of what varies, or as a band over many samples.

    Args:
        series: variables (sample, time), with or without `sample`; others are left out.
        name: of the run.
        finding: what the headline says; left out, the names of what is drawn.

    Raises:
        ValueError: when there is no variable along time alone.
    """
    shown = [value for value in map(one_sample, _variables(series)) if _plain(value)]
    if not shown:
        raise ValueError("there is no variable with the dimensions (sample, time) or (sample, step) alone")
    figure = new_figure(7.0, 0.9 + 2.0 * len(shown))
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    labels, many = member_labels(shown[0]), shown[0].sizes["sample"] > _LINES
    along = next((key for key in varying(shown[0]) if key != "seed"), "") if many else ""
    scale = parameter_scale(shown[0][along].values) if along else None
    for axes, values in zip(panels, shown, strict=True):
        if scale is not None:
            draw_by_value(axes, values, values[along].values, scale)
        elif many:
            draw_band(axes, values)
        else:
            draw_lines(axes, values, labels)
        axes.set_ylabel(label_of(values))
        if str(values.name).startswith("order_parameter"):
            from_zero(axes)
        axes.margins(x=0.01)
    time = time_of(shown[0], "a series", 1)
    panels[-1].set_xlabel("time" if time == "time" else time)
    if not many and any(labels):
        panels[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    if scale is not None:
        colour_bar(figure, scale, panels, along.replace("_", " "))
    told = finding or f"{', '.join(str(value.attrs.get('long_name', value.name)) for value in shown)} along time"
    headline(figure, titled(name, told), _caption(shown[0], along, many))
    return figure


def _variables(series: xr.Dataset | xr.DataArray) -> list[xr.DataArray]:
    return [series] if isinstance(series, xr.DataArray) else list(series.data_vars.values())


def _plain(value: xr.DataArray) -> bool:
    """Whether a variable is a number along time."""
    return set(value.dims) in ({"sample", "time"}, {"sample", "step"})


def _caption(values: xr.DataArray, along: str, many: bool) -> str:
    samples = values.sizes["sample"]
    if along:
        repeated = len(np.unique(values[along].values)) < samples
        return f"Lines are means over all members of a {along.replace('_', ' ')}." if repeated else ""
    return f"Median and the middle 50 % and 90 % of {samples:,} members." if many else ""


def label_of(values: xr.DataArray) -> str:
    """What an axis is called: long name, and unit where there is one."""
    units = str(values.attrs.get("units", "1"))
    return str(values.attrs.get("long_name", values.name)) + ("" if units == "1" else f" ({units})")


def from_zero(axes: Axes) -> None:
    """Show order parameters from 0 to 1, or to the largest there is: amplitudes count, and may be above one."""
    highest = max(1.0, axes.dataLim.y1)
    axes.set_ylim(-0.02 * highest, 1.02 * highest)


def parameter_scale(parameter: np.ndarray) -> ScalarMappable:
    """Colours from the least to the largest value of a parameter."""
    return ScalarMappable(Normalize(float(parameter.min()), float(parameter.max())), SEQUENTIAL)
