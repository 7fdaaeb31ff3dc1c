"""Figures of a simulation: its series, what its oscillators do, and how results depend on what varies."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from oscillo.plotting import (
    circles_figure,
    headline,
    locking_figure,
    maps_figure,
    member_labels,
    new_figure,
    parameters_figure,
    raster_figure,
    series_figure,
    series_style,
    spread_out,
    style,
    varying,
)

_FREQUENCIES = 5
"""Members whose frequencies are shown."""

_CIRCLE = 3000
"""Oscillators up to which phases are shown on the circle; of more the dots cover one another."""


def figures(run: Any) -> dict[str, Callable[[], Figure | None]]:
    """What draws the figures, by name; they give None where the recorded numbers allow none."""
    data, name = run.data, run.spec["name"]
    groups = {
        "series": ("series", _series_figure), "oscillators": ("states", _oscillators_figure),
        "circles": ("states", _circles_figure), "parameters": ("summary", parameters_figure),
        "frequencies": ("summary", _frequencies_figure), "locking": ("summary", _locking_figure),
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


def _series_figure(series: xr.Dataset, name: str) -> Figure | None:
    """Every number along time."""
    if series.sizes["time"] < 2 or not any(value.dims == ("sample", "time") for value in series.data_vars.values()):
        return None
    return series_figure(series, name, "what was observed along time")


def _oscillators_figure(states: xr.Dataset, name: str) -> Figure | None:
    """What the oscillators of some members do: against time, or on their grid."""
    values = states["phase" if "phase" in states else "state"]
    if states.sizes["time"] < 2 or "site0" in values.dims:
        return None
    if "y" not in values.dims:
        return raster_figure(values, name)
    last = values.isel(time=-1).transpose("sample", ...).values
    if not np.isfinite(last).reshape(len(last), -1).all(axis=1).any():
        return None  # all members have diverged
    return maps_figure(values, name)


def _circles_figure(states: xr.Dataset, name: str) -> Figure | None:
    """The phases of few oscillators without places, at some times."""
    if "phase" not in states or "site0" in states.dims or "y" in states.dims:
        return None
    few = states.sizes["time"] >= 2 and 2 <= states.sizes["oscillator"] <= _CIRCLE
    return circles_figure(states, name) if few else None


def _locking_figure(summary: xr.Dataset, name: str) -> Figure | None:
    """Who is locked to whom, where pairs were compared."""
    pairs = "phase_locking" in summary and "other_node" in summary["phase_locking"].dims
    return locking_figure(summary, name) if pairs else None


@style()
def _frequencies_figure(summary: xr.Dataset, name: str) -> Figure | None:
    """Mean frequency of every oscillator: plateaus are oscillators that have locked."""
    if "mean_frequency" not in summary or summary["mean_frequency"].dims != ("sample", "oscillator"):
        return None
    values = summary["mean_frequency"]
    finite = np.isfinite(values.values).any(axis=1)  # the others have diverged
    if not finite.any():
        return None
    if len(varying(summary)) > 1 and "seed" in varying(summary):  # parameters are compared on one realisation
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
    some = "" if len(shown) == summary.sizes["sample"] else f" {len(shown)} of {summary.sizes['sample']} members."
    words = f"Oscillators on a plateau have locked to one frequency.{some}"
    headline(figure, f"{name}: mean frequency of every oscillator", words)
    return figure
