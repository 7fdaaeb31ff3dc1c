"""Oscillators on the unit circle, with their mean as an arrow."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oscillo import analysis
from oscillo.analysis.states import Data, time_of
from oscillo.plotting.members import member_labels, moment, moments, one_sample, spread_out, titled
from oscillo.plotting.style import FAINT, INK, SHADE, headline, new_figure, series_style, style

_SAMPLES, _TIMES = 3, 6

_MOST = 2000
"""Dots; more would cover one another."""


def draw_circle(axes: Axes, phases: xr.DataArray, *, most: int = _MOST) -> None:
    """Draw the oscillators of one sample at one time on the unit circle, and their mean vector as an arrow.

    Its length is the order parameter of the phases, which is written below. Angles grow counter-clockwise from the
    right.

    Args:
        axes: what it is drawn into; limits, aspect and ticks are set, and nothing is cleared.
        phases: radians, with any dimensions, all of which number oscillators; or planar states with `component`.
        most: dots to draw; of more oscillators some are shown, evenly spread, and the arrow is the mean of all.

    Raises:
        ValueError: when the states have no phase.
    """
    theta = analysis.phase(phases).values.ravel().astype(float)
    mean = np.exp(1j * theta).mean()
    shown = theta[spread_out(np.ones(len(theta), bool), most)]
    axes.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal", xticks=[], yticks=[])
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    turn = np.linspace(0, 2 * np.pi, 181)
    axes.plot(np.cos(turn), np.sin(turn), color=FAINT, linewidth=1.0, zorder=1)
    axes.plot([0.94, 1.06], [0, 0], color=SHADE, linewidth=0.8, zorder=1)  # where the angle is 0
    opacity = float(np.clip(60 / max(len(shown), 1), 0.12, 0.9))
    axes.scatter(np.cos(shown), np.sin(shown), s=14, color=series_style(0).color, alpha=opacity, linewidths=0, zorder=2)
    arrow = {
        "arrowstyle": "-|>,head_width=0.18,head_length=0.35",
        "color": INK,
        "linewidth": 1.6,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    if np.isfinite(mean):
        axes.annotate("", xy=(mean.real, mean.imag), xytext=(0, 0), arrowprops=arrow, zorder=3)
    axes.text(0, -1.2, f"R = {abs(mean):.2f}", ha="center", va="top", fontsize=8, color=INK)


@style()
def circles_figure(data: Data, name: str = "") -> Figure:
    """Draw the phases of some samples at some times on the unit circle.

    Args:
        data: phases or planar states (sample, time, ..., oscillator), with or without `sample`.
        name: of the run.

    Raises:
        ValueError: when the states have no phase, or there is no time.
    """
    theta = one_sample(analysis.phase(data))
    along = time_of(theta, "phase circles", 1)
    chosen = spread_out(np.ones(theta.sizes["sample"], bool), _SAMPLES)
    places, labels = moments(theta.sizes[along], _TIMES), member_labels(theta)
    figure = new_figure(1.5 * len(places) + 0.5, 1.75 * len(chosen) + 0.75)
    rows = figure.subplots(len(chosen), len(places), squeeze=False)
    for axes, place in zip(rows[0], places, strict=True):
        axes.set_title(moment(theta, along, place), loc="center")
    for row, sample in zip(rows, chosen, strict=True):
        for axes, place in zip(row, places, strict=True):
            draw_circle(axes, theta.isel({"sample": sample, along: place}))
        row[0].set_ylabel(labels[sample])
    count = int(np.prod([theta.sizes[dim] for dim in theta.dims if dim not in ("sample", along)]))
    some = f" {_MOST:,} of {count:,} oscillators are shown." if count > _MOST else ""
    caption = (
        f"Arrow: the mean of all oscillators, of length R, the order parameter. The small line is the phase 0.{some}"
    )
    headline(figure, titled(name, "phases on the circle at some times"), caption)
    return figure
