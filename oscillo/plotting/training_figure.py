"""Training curves: what was learned, over optimiser steps and hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from oscillo.plotting.labels import side_labels
from oscillo.plotting.statistics import duration, percent
from oscillo.plotting.style import (
    FIRST_GROUP,
    SHADE,
    SeriesStyle,
    headline,
    new_figure,
    percent_axis,
    series_style,
    style,
)

TRAIN, VALIDATION = "train", "validation"

TRAINED, VALIDATED = SeriesStyle(FIRST_GROUP.color, ".", "-"), SeriesStyle(SHADE, "x", "--")
"""Looks of the two, with marks that no evaluation has."""

SMOOTHED_FROM = 60
"""Records. From these on the curve is drawn faintly, and its running mean over it."""

DOTTED_BELOW = 15
"""Records. Below these each gets a dot."""

TICK_DISTANCE = 0.045
"""Smallest distance of two times on the axis, as a share of it, at which their numbers do not touch."""

TIME_UNITS = (("hours", 3600), ("minutes", 60), ("seconds", 1))


@dataclass(frozen=True)
class Curve:
    """A metric that gets a panel of its own.

    Attributes:
        name: as in `train/<name>`, `validation/<name>` and `<evaluation>/<name>`.
        label: what it is.
        unit: of the axis. Shares in [0, 1] have the unit `%`, and an axis from 0 to 100.
        log: whether its axis is logarithmic, if the values are positive and span enough.
    """

    name: str
    label: str
    unit: str
    log: bool = False

    @property
    def share(self) -> bool:
        """Whether it is a share."""
        return self.unit == "%"

    def text(self, value: float) -> str:
        """A value as text."""
        return percent(value) if self.share else f"{value:.3g}"


@style()
def training_figure(metrics: xr.Dataset, curves: Sequence[Curve], evaluations: Sequence[str]) -> Figure:
    """Draw one panel per metric: training window, validation, and the evaluations at the end as marks.

    Args:
        metrics: the table of a run, as `Run.metrics` gives it.
        curves: which metrics; those that the run has no training record of get no panel.
        evaluations: names of the evaluations, in the order of their looks.

    Raises:
        ValueError: when none of the curves has a training record.
    """
    present = [curve for curve in curves if _series(metrics, TRAIN, curve).size]
    if not present:
        raise ValueError(f"no training record of {', '.join(curve.name for curve in curves)}")
    figure = new_figure(7.6, 1.1 + 2.1 * len(present))
    panels = figure.subplots(len(present), 1, sharex=True, squeeze=False)[:, 0]
    last = max(int(_series(metrics, TRAIN, curve).step[-1]) for curve in present)
    panels[0].set_xlim(0, last)
    for axes, curve in zip(panels, present, strict=True):
        _draw(axes, metrics, curve)
        _mark_evaluations(axes, metrics, curve, evaluations, last)
    figure.align_ylabels(panels)
    panels[-1].set_xlabel("optimiser steps")
    panels[-1].xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    _add_time(panels[0], metrics)
    max(panels, key=lambda axes: len(axes.get_legend_handles_labels()[1])).legend(loc="best")
    marked = any(_series(metrics, name, curve).size for name in evaluations for curve in present)
    caption = "Each training record is the mean since the one before it."
    if marked:
        caption += " Marks with names: evaluations at the end."
    headline(figure, _finding(metrics, present, last), caption)
    return figure


def _series(metrics: xr.Dataset, source: str, curve: Curve) -> xr.DataArray:
    """The known values of a metric, along `record`; of several at one step, the latest."""
    name = f"{source}/{curve.name}"
    if name not in metrics:
        return xr.DataArray(np.zeros(0), dims="record")
    known = metrics[name].dropna("record")
    return known.isel(record=np.append(np.diff(known.step) > 0, True)) if known.size > 1 else known


def _draw(axes: Axes, metrics: xr.Dataset, curve: Curve) -> None:
    train, validation = _series(metrics, TRAIN, curve), _series(metrics, VALIDATION, curve)
    smooth = _running_mean(train.values)
    if smooth is None:
        dots: dict[str, Any] = TRAINED.mark | {"clip_on": False} if train.size < DOTTED_BELOW else {}
        axes.plot(train.step, train, label="training", **(TRAINED.line | dots))
    else:
        axes.plot(train.step, train, color=TRAINED.color, alpha=0.28, linewidth=0.8)
        axes.plot(train.step, smooth, label="training (running mean)", **TRAINED.line)
    if validation.size:
        look = VALIDATED.line | VALIDATED.mark | {"linewidth": 1.1, "clip_on": False}
        axes.plot(validation.step, validation, label="validation", **look)
    axes.set_ylabel(f"{curve.label} [{curve.unit}]")
    if curve.share:
        percent_axis(axes)
    elif curve.log and train.min() > 0 and train.max() > 3 * train.min():
        _log_axis(axes, train)


def _mark_evaluations(axes: Axes, metrics: xr.Dataset, curve: Curve, evaluations: Sequence[str], last: int) -> None:
    labels = {}
    for index, name in enumerate(evaluations):
        if (series := _series(metrics, name, curve)).size:
            look, value = series_style(index), float(series[-1])
            axes.plot(last, value, linestyle="", markersize=7, clip_on=False, zorder=5, **look.mark)
            labels[f"{name} {curve.text(value)}"] = (value, look.color)
    side_labels(axes, labels, x=last)


def _log_axis(axes: Axes, values: xr.DataArray) -> None:
    """A logarithmic axis whose ticks are written as plain numbers."""
    axes.set_yscale("log")
    decades = float(np.log10(values.max() / values.min()))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _running_mean(values: np.ndarray) -> np.ndarray | None:
    """Centred means over a thirtieth of the curve, narrower at its ends; None for a short curve."""
    if len(values) < SMOOTHED_FROM:
        return None
    half = len(values) // 60
    sums = np.concatenate([[0.0], np.cumsum(values)])
    here = np.arange(len(values))
    # As many on either side, so that a steep curve does not shift.
    half = np.minimum(half, np.minimum(here, here[::-1]))
    return (sums[here + half + 1] - sums[here - half]) / (2 * half + 1)


def _clock(metrics: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Steps that were trained, and the seconds at which each was reached; both rise from 0."""
    trained = [name for name in metrics.data_vars if str(name).startswith(f"{TRAIN}/")]
    known = metrics[trained].to_array().notnull().any("variable").values
    steps, first = np.unique(metrics.step.values[known], return_index=True)
    seconds = np.maximum.accumulate(metrics.wall_s.values[known][first])
    return np.append(0, steps), np.append(0.0, seconds)


def _add_time(axes: Axes, metrics: xr.Dataset) -> None:
    """A second axis on top that says when each step was reached."""
    steps, seconds = _clock(metrics)
    total = float(seconds[-1])
    name, unit = next((unit for unit in TIME_UNITS if total >= 2 * unit[1]), TIME_UNITS[-1])
    locator = MaxNLocator(6, steps=[1, 2, 5, 10])
    ticks = [tick for tick in locator.tick_values(0, total / unit) if 0 <= tick * unit <= total]
    shown: dict[float, str] = {}
    for tick, place in zip(ticks, np.interp([tick * unit for tick in ticks], seconds, steps), strict=True):
        # Fast steps put many times into little room.
        if not shown or place - max(shown) >= TICK_DISTANCE * axes.get_xlim()[1]:
            shown[float(place)] = f"{tick:g}"
    top = axes.secondary_xaxis("top")
    top.set_ticks(list(shown), list(shown.values()))
    top.set_xlabel(f"time since the start [{name}]")
    top.spines["top"].set_visible(True)


def _finding(metrics: xr.Dataset, curves: Sequence[Curve], last: int) -> str:
    changes = []
    for curve in curves:
        train = _series(metrics, TRAIN, curve).values
        final = train[-max(1, len(train) // 30) :].mean()
        changes.append(f"{curve.label} {curve.text(train[0])} → {curve.text(final)}")
    effort = f"On training data, {last:,} steps in {duration(_clock(metrics)[1][-1])}"
    return ",\n".join(filter(None, [f"{effort}: {changes[0]}", ", ".join(changes[1:])]))
