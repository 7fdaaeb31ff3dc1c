"""Figures of a simulation: its series, what its oscillators do, and how results depend on what varies."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from oscillo.plotting import headline, new_figure, series_style, style
from oscillo_tasks.simulate.pictures import oscillators_figure

_LINES = 7
"""Members up to which each has a line of its own."""

_FREQUENCIES = 5
"""Members whose frequencies are shown."""

_COLOURS = "viridis"
"""Of lines for the values of a parameter."""


def figures(run: Any) -> dict[str, Callable[[], Figure | None]]:
    """What draws the figures, by name; they give None where the recorded numbers allow none."""
    data, name = run.data, run.spec["name"]
    groups = {
        "series": ("series", _series_figure), "oscillators": ("states", oscillators_figure),
        "parameters": ("summary", _parameters_figure), "frequencies": ("summary", _frequencies_figure),
    }  # fmt: skip
    return {
        figure: partial(_drawn, draw, data[group], name)
        for figure, (group, draw) in groups.items()
        if group in data.children
    }


def _drawn(draw: Callable[[xr.Dataset, str], Figure | None], group: xr.DataTree, name: str) -> Figure | None:
    with warnings.catch_warnings():  # where members have diverged, there is nothing to take a mean of
        warnings.simplefilter("ignore", RuntimeWarning)
        return draw(group.to_dataset(), name)


def member_labels(data: xr.Dataset) -> list[str]:
    """What tells the samples apart, such as `strength 2`; empty texts where there is one only."""
    varying = _varying(data)
    return [
        ", ".join(f"{name.replace('_', ' ')} {data[name].values[i]:.4g}" for name in varying)
        for i in range(_samples(data))
    ]


def spread_out(among: ArrayLike, most: int) -> np.ndarray:
    """Numbers of at most so many samples, evenly spread over those that are among them, bool [sample]."""
    numbers = np.flatnonzero(among)
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), most)).round().astype(int)
    return numbers[np.unique(places)]


def _varying(data: xr.Dataset) -> list[str]:
    """Names of what differs between members; the seed last."""
    return [name for name in _coordinates(data) if len(np.unique(data[name].values)) > 1]


def _coordinates(data: xr.Dataset) -> list[str]:
    """Names of what may vary from member to member; the seed last."""
    found = [
        str(name) for name, value in data.coords.items() if value.dims == ("sample",) and name not in ("sample", "seed")
    ]
    return [*found, "seed"]


def _samples(data: xr.Dataset) -> int:
    return data.sizes["sample"]


@style()
def _series_figure(series: xr.Dataset, name: str) -> Figure | None:
    """Every number along time: for every member, for every value of what varies, or as a band over seeds."""
    shown = [str(key) for key, value in series.data_vars.items() if value.dims == ("sample", "time")]
    if not shown or series.sizes["time"] < 2:
        return None
    figure = new_figure(7.0, 0.9 + 2.0 * len(shown))
    axes = np.atleast_1d(figure.subplots(len(shown), 1, sharex=True))
    labels, many = member_labels(series), _samples(series) > _LINES
    along = next((key for key in _varying(series) if key != "seed"), "") if many else ""
    for one, key in zip(axes, shown, strict=True):
        if along:
            _draw_by_value(one, series[key], series[along].values)
        elif many:
            _draw_band(one, series[key])
        else:
            for i, label in enumerate(labels):
                one.plot(series["time"], series[key].isel(sample=i), **series_style(i).line, label=label, linewidth=1.2)
        one.set_ylabel(str(series[key].attrs.get("long_name", key)))
        if key.startswith("order_parameter"):
            _from_zero(one)
    axes[-1].set_xlabel("time")
    if not many and any(labels):
        axes[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    caption = f"Median and the middle 50 % and 90 % of {_samples(series)} members." if many else ""
    if along:
        scale = _scale(series[along].values)
        figure.colorbar(scale, ax=axes.tolist(), fraction=0.04, pad=0.02).set_label(along.replace("_", " "))
        caption = (
            f"Lines are means over all members of a {along.replace('_', ' ')}." if _repeated(series, along) else ""
        )
    headline(figure, f"{name}: what was observed along time", caption)
    return figure


def _from_zero(axes: Axes) -> None:
    """Show order parameters from 0 to 1, or to the largest there is: amplitudes count, and may be above one."""
    highest = max(1.0, axes.dataLim.y1)
    axes.set_ylim(-0.02 * highest, 1.02 * highest)


def _repeated(data: xr.Dataset, key: str) -> bool:
    """Whether several samples share a value."""
    return len(np.unique(data[key].values)) < _samples(data)


def _scale(parameter: np.ndarray) -> ScalarMappable:
    """Colours from the least to the largest value."""
    return ScalarMappable(Normalize(float(parameter.min()), float(parameter.max())), _COLOURS)


def _draw_by_value(axes: Axes, values: xr.DataArray, parameter: np.ndarray) -> None:
    """A line for each value of a parameter, coloured by it."""
    scale = _scale(parameter)
    for place in np.unique(parameter):
        line = np.nanmean(values.values[parameter == place], axis=0)
        axes.plot(values["time"], line, color=scale.to_rgba(place), linewidth=1.0)


def _draw_band(axes: Axes, values: xr.DataArray) -> None:
    """Median and quantiles over members."""
    levels = np.nanquantile(values.values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    color = series_style(0).color
    axes.fill_between(values["time"], levels[0], levels[4], color=color, alpha=0.15, linewidth=0)
    axes.fill_between(values["time"], levels[1], levels[3], color=color, alpha=0.3, linewidth=0)
    axes.plot(values["time"], levels[2], color=color)


@style()
def _parameters_figure(summary: xr.Dataset, name: str) -> Figure | None:
    """Means over time against the parameter that varies; a line for each value of a second one."""
    varying = [key for key in _coordinates(summary) if key != "seed" and len(np.unique(summary[key].values)) > 2]
    shown = [str(key) for key in summary.data_vars if str(key).endswith("_mean") and summary[key].dims == ("sample",)]
    if not varying or not shown:
        return None
    along, *others = varying
    figure = new_figure(6.0, 0.9 + 2.6 * len(shown))
    axes = np.atleast_1d(figure.subplots(len(shown), 1, sharex=True))
    lines = np.unique(summary[others[0]].values) if others else [None]
    for one, key in zip(axes, shown, strict=True):
        for i, value in enumerate(lines):
            chosen = np.ones(_samples(summary), bool) if value is None else summary[others[0]].values == value
            x, y = summary[along].values[chosen], summary[key].values[chosen]
            places = np.unique(x)
            means, spreads = _by_place(x, y, places, np.nanmean), _by_place(x, y, places, np.nanstd)
            look = series_style(i)
            label = "" if value is None else f"{others[0].replace('_', ' ')} {value:.4g}"
            one.errorbar(
                places, means, spreads, **look.line, marker=look.marker, markersize=3.5, label=label, capsize=2
            )
        one.set_ylabel(str(summary[key].attrs.get("long_name", key)))
        if key.startswith("order_parameter"):
            _from_zero(one)
    axes[-1].set_xlabel(along.replace("_", " "))
    if others:
        axes[0].legend()
    bars = "Bars: standard deviation over seeds." if "seed" in _varying(summary) else ""
    headline(figure, f"{name}: means over time against the {along.replace('_', ' ')}", bars)
    return figure


def _by_place(x: np.ndarray, y: np.ndarray, places: np.ndarray, sum_up: Callable[[np.ndarray], float]) -> np.ndarray:
    return np.array([sum_up(y[x == place]) for place in places])


@style()
def _frequencies_figure(summary: xr.Dataset, name: str) -> Figure | None:
    """Mean frequency of every oscillator: plateaus are oscillators that have locked."""
    if "mean_frequency" not in summary or summary["mean_frequency"].dims != ("sample", "oscillator"):
        return None
    values = summary["mean_frequency"]
    finite = np.isfinite(values.values).any(axis=1)  # the others have diverged
    if not finite.any():
        return None
    if len(_varying(summary)) > 1 and "seed" in _varying(summary):  # parameters are compared on one realisation
        finite &= summary["seed"].values == summary["seed"].values[finite.argmax()]
    shown = spread_out(finite, _FREQUENCIES)
    labels = member_labels(summary)
    figure = new_figure(7.0, 3.4)
    axes = figure.subplots()
    for i, sample in enumerate(shown):
        look = series_style(i)
        axes.plot(values.isel(sample=sample), ".", color=look.color, markersize=2.5, label=labels[sample])
    axes.set_xlabel("oscillator")
    axes.set_ylabel("mean frequency (rad/time)")
    if any(labels):
        axes.legend(markerscale=3, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    numbers = values.values[shown]
    low, high = np.quantile(numbers[np.isfinite(numbers)], [0.01, 0.99])
    margin = max(0.1 * (high - low), 1e-3)  # locked oscillators differ by rounding errors, which are not worth a scale
    axes.set_ylim(low - margin, high + margin)
    some = "" if len(shown) == _samples(summary) else f" {len(shown)} of {_samples(summary)} members."
    words = f"Oscillators on a plateau have locked to one frequency.{some}"
    headline(figure, f"{name}: mean frequency of every oscillator", words)
    return figure
