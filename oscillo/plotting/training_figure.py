"""Training curves: what was learned, over optimiser steps and hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from oscillo.plotting.labels import side_labels
from oscillo.plotting.statistics import duration, percent
from oscillo.plotting.style import (
    FAINT,
    FIRST_GROUP,
    SECOND_GROUP,
    SHADE,
    headline,
    new_figure,
    percent_axis,
    series_style,
    style,
)

TRAIN, VALIDATION = "train", "validation"

SMOOTHED_FROM = 60
"""Records. With more than these a running mean goes over the curve, which is then drawn faintly."""


@dataclass(frozen=True)
class Curve:
    """A metric that gets a panel of its own.

    Attributes:
        name: as in `train/<name>`, `validation/<name>` and `<evaluation>/<name>`.
        label: of the axis, with the unit.
        share: whether it lies in [0, 1] and is shown in percent.
        log: whether its axis is logarithmic.
    """

    name: str
    label: str
    share: bool = False
    log: bool = False


LOSS = Curve("loss", "loss [nats]", log=True)


@style()
def training_figure(metrics: xr.Dataset, curves: Sequence[Curve], evaluations: Sequence[str]) -> Figure:
    """Draw one panel per metric: training window, validation, and the evaluations at the end as marks.

    Args:
        metrics: the table of a run, as `Run.metrics` gives it.
        curves: which metrics; those that the run has no training record of get no panel.
        evaluations: names of the evaluations, in the order of their looks.

    Raises:
        ValueError: when there is none of the curves among the training records.
    """
    present = [curve for curve in curves if _series(metrics, TRAIN, curve).size]
    if not present:
        raise ValueError(f"no training record of {', '.join(curve.name for curve in curves)}")
    figure = new_figure(7.6, 1.1 + 2.1 * len(present))
    panels = figure.subplots(len(present), 1, sharex=True, squeeze=False)[:, 0]
    last = max(int(_series(metrics, TRAIN, curve).step[-1]) for curve in present)
    for axes, curve in zip(panels, present, strict=True):
        _draw(axes, metrics, curve, evaluations, last)
    panels[-1].set_xlabel("optimiser steps")
    panels[-1].xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    panels[-1].set_xlim(0, last * 1.02 or 1)
    _add_hours(panels[0], metrics, last)
    panels[0].legend(loc="upper right", ncols=2)
    headline(figure, _finding(metrics, present, last), _caption(metrics, present, evaluations))
    return figure


def _series(metrics: xr.Dataset, source: str, curve: Curve) -> xr.DataArray:
    """The known values of a metric, along `record`."""
    name = f"{source}/{curve.name}"
    known = metrics[name].dropna("record") if name in metrics else xr.DataArray(np.zeros(0), dims="record")
    # After a resumed run, or for two records of one step, the later one counts.
    if known.size > 1:
        known = known.isel(record=np.append(np.diff(known.step) > 0, True))
    return known


def _draw(axes: Axes, metrics: xr.Dataset, curve: Curve, evaluations: Sequence[str], last: int) -> None:
    train, validation = _series(metrics, TRAIN, curve), _series(metrics, VALIDATION, curve)
    smooth = _running_mean(train.values)
    if smooth is None:
        axes.plot(train.step, train, label="training", **FIRST_GROUP.line)
    else:
        axes.plot(train.step, train, color=FIRST_GROUP.color, alpha=0.28, linewidth=0.8)
        axes.plot(train.step, smooth, label="training (running mean)", **FIRST_GROUP.line)
    if validation.size:
        look = SECOND_GROUP.mark | {"linestyle": "-", "linewidth": 1.1}
        axes.plot(validation.step, validation, label="validation", **look)
    axes.set_ylabel(curve.label)
    if curve.share:
        percent_axis(axes)
    if curve.log and train.min() > 0:
        _log_axis(axes, train)
    labels = {}
    for index, name in enumerate(evaluations):
        if (final := _series(metrics, name, curve)).size:
            look = series_style(index)
            axes.plot(
                last,
                final[-1],
                linestyle="",
                markersize=7,
                clip_on=False,
                zorder=5,
                **(look.mark | {"color": look.color}),
            )
            value = percent(float(final[-1])) if curve.share else f"{float(final[-1]):.3g}"
            labels[f"{name} {value}"] = (float(final[-1]), look.color)
    side_labels(axes, labels)


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
    half = max(1, len(values) // 60)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    here = np.arange(len(values))
    start, stop = np.maximum(here - half, 0), np.minimum(here + half + 1, len(values))
    return (sums[stop] - sums[start]) / (stop - start)


def _clock(metrics: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Seconds at which each step was reached, for steps that were trained; both rise."""
    trained = [name for name in metrics.data_vars if str(name).startswith(f"{TRAIN}/")]
    known = metrics[trained].to_array().notnull().any("variable").values
    steps, first = np.unique(metrics.step.values[known], return_index=True)
    return steps, np.maximum.accumulate(metrics.wall_s.values[known][first])


def _add_hours(axes: Axes, metrics: xr.Dataset, last: int) -> None:
    """A second axis on top that says when each step was reached."""
    steps, seconds = _clock(metrics)
    steps, seconds = np.append(0, steps), np.append(0.0, seconds)
    total = float(seconds[-1])
    unit, name = next(((u, n) for u, n in ((3600, "hours"), (60, "minutes")) if total >= 2 * u), (1, "seconds"))
    ticks = [tick for tick in MaxNLocator(6).tick_values(0, total / unit) if 0 <= tick * unit <= total]
    top = axes.secondary_xaxis("top")
    top.set_ticks(np.interp([tick * unit for tick in ticks], seconds, steps), [f"{tick:g}" for tick in ticks])
    top.set_xlabel(f"time since the start [{name}]")
    top.spines["top"].set_visible(True)
    top.spines["top"].set_color(FAINT)
    top.tick_params(colors=SHADE)


def _finding(metrics: xr.Dataset, curves: Sequence[Curve], last: int) -> str:
    _, seconds = _clock(metrics)
    changes = []
    for curve in curves:
        train = _series(metrics, TRAIN, curve)
        first, final = float(train[0]), float(train[max(0, train.size - max(1, train.size // 30)) :].mean())
        ends = (percent(first), percent(final)) if curve.share else (f"{first:.3g}", f"{final:.3g}")
        changes.append(f"{curve.label.split(' [')[0]} {ends[0]} → {ends[1]}")
    took = duration(float(seconds[-1]))
    return f"{changes[0][0].upper()}{changes[0][1:]} in {last:,} steps, {took}\n{', '.join(changes[1:])}".rstrip()


def _caption(metrics: xr.Dataset, curves: Sequence[Curve], evaluations: Sequence[str]) -> str:
    parts = ["Training: each record is the mean since the one before it."]
    if any(_series(metrics, name, curve).size for name in evaluations for curve in curves):
        parts.append("Marks on the right: evaluations after training.")
    return " ".join(parts)
