"""Integrators of a trained network, compared by its answers: against evaluations, and against time."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oscillo.plotting.statistics import percent, wilson_interval
from oscillo.plotting.style import (
    INK,
    SeriesStyle,
    doubling_axis,
    headline,
    new_figure,
    percent_axis,
    series_style,
    style,
)

_DASHES = ("-", (0, (5, 1.5)), (0, (2, 1.2)), (0, (1, 1)))
"""Lines of the largest step size, of the next one, and so on."""


@style()
def answers_comparison_figure(found: xr.Dataset) -> Figure | None:
    """Draw what every setting has right against evaluations and against time, and what agrees.

    Args:
        found: group `comparison` of a trained network.

    Returns:
        The figure; None where every setting failed.
    """
    score = _score(found)
    if score is None or not np.isfinite(found[score].values).any():
        return None
    agrees = "same_entries_flow" in found and bool(np.isfinite(found["same_entries_flow"].values).any())
    figure = new_figure(11.4 if agrees else 8.6, 4.6)
    panels = np.atleast_1d(figure.subplots(1, 2 + agrees))
    looks = _looks(found)
    _draw(panels[0], found, score, "evaluations", looks)
    _draw(panels[1], found, score, "time", looks)
    reference = "reference_accuracy"
    if score == "accuracy" and reference in found:
        times, shares = found["reference_time"].values, found[reference].values
        panels[1].plot(times, shares, color=INK, linewidth=4.0, alpha=0.3, label="the flow itself", zorder=1)
    panels[0].axvline(found.attrs["trained_evaluations"], color=INK, linewidth=0.8, linestyle=":", zorder=1)
    panels[1].axvline(found.attrs["horizon"], color=INK, linewidth=0.8, linestyle=":", zorder=1)
    panels[0].set_xlabel("evaluations of the right-hand side")
    panels[1].set_xlabel("time (sum of the step sizes)")
    if agrees:
        _draw(panels[2], found, "same_entries_flow", "time", looks)
        panels[2].set(xlabel="time (sum of the step sizes)", ylabel="single entries as of the flow [%]")
        low = float(np.nanmin(found["same_entries_flow"].values))
        percent_axis(panels[2], np.floor(10 * low) / 10 if low < 1 else 0.9, 1.0)
    handles, labels = panels[1].get_legend_handles_labels()
    panels[-1].legend(handles, labels, loc="upper left", bbox_to_anchor=(1.02, 1.02))
    headline(
        figure, f"{found.attrs['network']}, {found.attrs['evaluation']}: {_finding(found, score)}", _caption(found)
    )
    return figure


def _score(found: xr.Dataset) -> str | None:
    """What tells how good answers are: the share of right ones, or the task's first metric."""
    return next(
        (str(name) for name in found.data_vars if str(name) == "accuracy" or str(name).startswith("metric_")), None
    )


def _looks(found: xr.Dataset) -> list[SeriesStyle]:
    """Look of every setting: integrators differ in colour and mark, step sizes in dashes."""
    names = found["integrator"].values.tolist()
    colours = {name: series_style(number) for number, name in enumerate(dict.fromkeys(names))}
    seen: dict[str, int] = {}
    looks = []
    for name in names:
        plain, count = colours[name], seen.get(name, 0)
        seen[name] = count + 1
        looks.append(
            SeriesStyle(plain.color, plain.marker, _DASHES[min(count, len(_DASHES) - 1)], plain.filled and not count)
        )
    return looks


def _label(found: xr.Dataset, row: int) -> str:
    """Name of a setting, with its step in those of the trained one."""
    one = found.isel(setting=row)
    step, name = float(one["step_size"]), str(one["integrator"].values)
    if not np.isfinite(step):
        return str(one["label"].values)
    share = step / found.attrs["trained_step_size"]
    if row == 0:
        return f"{name}, as trained"
    parts = f"1/{1 / share:.3g}" if share < 1 and abs(1 / share - round(1 / share)) < 1e-6 else f"{share:.3g}"
    return f"{name}, {'' if abs(share - 1) < 1e-6 else f'{parts} '}trained step"


def _draw(axes: Axes, found: xr.Dataset, name: str, along: str, looks: list[SeriesStyle]) -> None:
    """A line for each setting."""
    places = found[along].values
    for row, look in enumerate(looks):
        values, x = found[name].values[row], places[row]
        known = np.isfinite(values) & np.isfinite(x)
        if not known.any():
            continue
        mark: dict[str, Any] = look.line | look.mark | {"linewidth": 2.4 if row == 0 else 1.3, "markersize": 4.0}
        axes.plot(x[known], values[known], label=_label(found, row), clip_on=False, zorder=4 if row == 0 else 3, **mark)
        if name == "accuracy" and row == 0:
            low, high = wilson_interval(
                values[known] * found.attrs["samples"], np.full(known.sum(), found.attrs["samples"])
            )
            axes.fill_between(x[known], low, high, color=look.color, alpha=0.15, linewidth=0)
    known = np.isfinite(found[name].values) & np.isfinite(places)
    doubling_axis(axes, np.unique(np.round(places[known], 6)), most_ticks=7)
    if along == "time":
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
    if name == "accuracy":
        percent_axis(axes)
        axes.set_ylabel("right answers [%]")
    else:
        axes.set_ylabel(str(found[name].attrs["long_name"]))


def _finding(found: xr.Dataset, score: str) -> str:
    """What the network has right as it was trained, the best of the others for as many evaluations, and the flow."""
    budgets = found["budget"].values
    own = int(np.argmin(np.abs(budgets - found.attrs["trained_evaluations"])))
    values, spent = found[score].values[:, own], found["evaluations"].values[:, own]
    form = percent if score == "accuracy" else (lambda value: f"{value:.4g}")
    # A solver that chooses its steps is read out at the same time, and may have spent more.
    others = np.where((np.arange(len(values)) > 0) & (spent <= spent[0]), values, np.nan)
    text = (
        f"{form(values[0])} right as trained"
        if score == "accuracy"
        else f"{found[score].attrs['long_name']} {form(values[0])} as trained"
    )
    if np.isfinite(others).any():
        best = int(np.nanargmax(others))
        rest = (
            f"of the others at most {form(others[best])} ({_label(found, best)})"
            if others[best]
            else "of the others none"
        )
        text += f"; {rest} after as many evaluations"
    if score == "accuracy" and "reference_accuracy" in found:
        text += f"; the flow itself {form(float(found['reference_accuracy'][-1]))}"
    return text


def _caption(found: xr.Dataset) -> str:
    facts = found.attrs
    text = (
        f"{facts['samples']} samples, one initial state each. Dotted: where the evaluation ends. The trained step is "
        f"{facts['trained_step_size']:.3g}. Shaded: 95 % Wilson interval of the network as trained. The flow itself "
        f"{'could not be' if 'reference_failure' in facts else 'is'} solved with {facts['reference']}"
    )
    if "reference_resolved" in found:
        least = float(found["reference_resolved"].min())
        text += f"; {percent(least)} of its entries, at worst, are those of a ten times looser solution"
    failed = [str(label) for label, why in zip(found["label"].values, found["failure"].values, strict=True) if why]
    return text + "." + (f" Failed: {'; '.join(failed)}." if failed else "")
