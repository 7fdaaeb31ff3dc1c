"""Integrators of a simulation, compared: error against cost, and error, energy and drift along time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from oscillo.plotting.style import INK, SHADE, SeriesStyle, headline, log_ticks, new_figure, series_style, style

_UNTOLD = "#efefef"
"""Where errors are not resolved, or saturated."""

_LEAST = 1e-17
"""Errors are drawn no lower: that is nothing in float64."""


@style()
def comparison_figure(found: xr.Dataset) -> Figure | None:
    """Draw the error of every setting against evaluations and against seconds, a line for each integrator.

    Args:
        found: group `comparison` of a simulation.

    Returns:
        The figure; None where every setting failed.
    """
    names = _drawn(found)
    if not names:
        return None
    figure = new_figure(9.6, 4.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, cost, label in zip(
        panels, ("evaluations", "seconds"), ("evaluations of the right-hand side", "seconds"), strict=True
    ):
        for number, name in enumerate(names):
            rows = _rows(found, name)
            look = series_style(number)
            errors = np.maximum(rows["error"].values, _LEAST)
            axes.plot(rows[cost].values, errors, **(look.line | look.mark), label=_legend(rows, name))
        axes.set(xscale="log", yscale="log", xlabel=label)
        _few_ticks(axes)
    panels[0].set_ylabel(
        f"{found['error'].attrs['long_name']} ({_unit(found)}), largest up to t = {found.attrs['horizon']:g}"
    )
    _shade(panels, found)
    panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="integrator, its order", alignment="left")
    headline(figure, f"{found.attrs['network']}: {_finding(found, names)}", _caption(found))
    return figure


@style()
def comparison_course_figure(found: xr.Dataset) -> Figure | None:
    """Draw error, energy and its error along time for one setting of each integrator, and the drift of all settings.

    Args:
        found: group `comparison` of a simulation.

    Returns:
        The figure; None where every setting failed, or there is only one time.
    """
    names = _drawn(found)
    if not names or found.sizes["time"] < 3:
        return None
    panels: list[Callable[[Axes, xr.Dataset, list[str]], None]] = [_draw_error]
    if "energy" in found:
        panels += [_draw_energy, _draw_energy_error]
    if (found["drift"] > 0).any():
        panels.append(_draw_drift)
    rows = -(-len(panels) // 2)
    full = len(panels) % 2 == 0 or len(panels) == 1
    figure = new_figure((9.2 if len(panels) > 1 else 5.2) + 1.8 * full, 0.9 + 2.7 * rows)
    axes = np.atleast_1d(figure.subplots(rows, min(2, len(panels)))).ravel()
    for one, draw in zip(axes, panels, strict=False):
        draw(one, found, names)
    handles, labels = axes[0].get_legend_handles_labels()
    for one in axes[len(panels) :]:
        one.set_axis_off()
        one.legend(handles, labels, loc="center left")
    if len(axes) == len(panels):
        axes[min(2, len(axes)) - 1].legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    headline(figure, f"{found.attrs['network']}: {_course_finding(found, names)}", _course_caption(found))
    return figure


def _drawn(found: xr.Dataset) -> list[str]:
    """Names of the integrators that came to the end with some setting, in their order."""
    fine = np.isfinite(found["error"].values)
    return list(dict.fromkeys(found["integrator"].values[fine].tolist()))


def _rows(found: xr.Dataset, name: str) -> xr.Dataset:
    """The settings of an integrator that came to the end."""
    chosen = (found["integrator"].values == name) & np.isfinite(found["error"].values)
    return found.isel(setting=np.flatnonzero(chosen))


def _legend(rows: xr.Dataset, name: str) -> str:
    observed, theory = float(rows["observed_order"][0]), float(rows["order"][0])
    if not np.isfinite(rows["step_size"][0]):
        return f"{name}, by tolerance"
    told = f"{observed:.2f}" if np.isfinite(observed) else "not settled"
    return f"{name} {told} (theory {theory:.0f})" if np.isfinite(theory) else f"{name} {told}"


def _shade(panels: np.ndarray, found: xr.Dataset) -> None:
    """Mark where errors say nothing: below that of the reference, and where they are saturated."""
    floor, ceiling = max(found.attrs["reference_error"], _LEAST), found.attrs["saturated_error"]
    low, high = panels[0].get_ylim()
    low = min(floor / 8, low)
    _shade_from(floor, low, panels, "not resolved: error of the reference itself", 0.02, "left")
    if floor < ceiling < high:
        _shade_from(ceiling, high, panels, "saturated", 0.98, "right")
    panels[0].set_ylim(low, high)


def _shade_from(edge: float, end: float, panels: np.ndarray, words: str, x: float, side: str) -> None:
    """A band from a line to the end of the axis, with words in a corner where few marks are."""
    for axes in panels:
        axes.axhspan(edge, end, color=_UNTOLD, zorder=0)
        axes.axhline(edge, color=SHADE, linewidth=1.0, linestyle=(0, (2, 2)))
    panels[0].annotate(
        words, (x, edge), xycoords=("axes fraction", "data"), xytext=(0, 3 if end > edge else -3),
        textcoords="offset points", ha=side, va="bottom" if end > edge else "top", fontsize=7.5, color=SHADE,
    )  # fmt: skip


def _few_ticks(axes: Axes) -> None:
    low, high = axes.get_xlim()
    if high / low < 1e4:
        axes.xaxis.set_major_locator(FixedLocator(log_ticks(low, max(high, 2 * low))))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(numticks=9))
    axes.yaxis.set_minor_locator(NullLocator())


def _finding(found: xr.Dataset, names: list[str]) -> str:
    """Who needs fewer evaluations for an error than others, as far as marks show it; else how close anybody comes."""
    fine = found.isel(setting=np.flatnonzero(np.isfinite(found["error"].values)))
    who, cost = fine["integrator"].values, fine["evaluations"].values
    error = np.maximum(fine["error"].values, max(found.attrs["reference_error"], _LEAST))
    close = [int(k) for k in np.lexsort((cost, error)) if error[k] <= found.attrs["saturated_error"]]
    if not close:
        return f"up to t = {found.attrs['horizon']:g} no integrator stays close to the reference"
    best = max(close, key=lambda k: len(_beaten(k, who, error, cost)))  # the closest one of those that beat as many
    beaten = _beaten(best, who, error, cost)
    if not beaten:
        return f"{who[best]} comes as close as {error[best]:.1e} with {cost[best]:,.0f} evaluations"
    whom = "all others" if 1 < len(beaten) == len(names) - 1 else " or ".join(beaten)
    return f"{who[best]} reaches an error of {error[best]:.1e} with fewer evaluations ({cost[best]:,.0f}) than {whom}"


def _beaten(mark: int, who: np.ndarray, error: np.ndarray, cost: np.ndarray) -> list[str]:
    """Integrators whose marks show that they need more evaluations for the error of this mark.

    They are worse with as many or more. Of one that was not tried with so many, or that is closer already with its
    coarsest step, nobody knows how many it needs.

    Args:
        mark: number of the mark.
        who: integrators, [mark].
        error: theirs, [mark].
        cost: their evaluations, [mark].
    """
    worse = who[(error > error[mark]) & (cost >= cost[mark])]
    as_good = who[(error <= error[mark]) & (cost <= cost[mark])]  # the mark itself among them
    return [name for name in dict.fromkeys(worse) if name not in as_good]


def _caption(found: xr.Dataset) -> str:
    facts = found.attrs
    text = (
        f"Marks are step sizes or tolerances. Error: distance from the reference ({facts['reference']}) on the "
        f"manifold, root mean square over oscillators and samples; in {facts['precision']}. Evaluations are of one "
        "sample; seconds of all, warm and uncompiled. Orders are slopes between the finest steps whose errors are "
        "not grey, extrapolated where they have settled; saturated are errors above a tenth of the distance of "
        "unrelated states."
    )
    failed = [str(label) for label, why in zip(found["label"].values, found["failure"].values, strict=True) if why]
    return text + (f" Failed: {'; '.join(failed)}." if failed else "")


def _unit(found: xr.Dataset) -> str:
    unit = found["error"].attrs.get("units", "1")
    return "distance" if unit == "1" else str(unit)


def _representative(found: xr.Dataset, name: str) -> xr.Dataset:
    """One setting of an integrator: with the step nearest to the spec's, or with the tolerance in the middle."""
    rows = _rows(found, name)
    if np.isfinite(rows["step_size"][0]):
        near = np.abs(np.log(rows["step_size"].values / found.attrs["spec_step_size"]))
        return rows.isel(setting=int(near.argmin()))
    return rows.isel(setting=rows.sizes["setting"] // 2)


def _draw_along(axes: Axes, found: xr.Dataset, names: list[str], key: str) -> None:
    """A number of every representative setting along time, on a logarithmic axis, with that of the reference."""
    times = found["time"].values
    for number, name in enumerate(names):
        one, look = _representative(found, name), series_style(number)
        axes.plot(
            times[1:], _positive(one[key].values[1:]), **_spaced(look, times, number), label=str(one["label"].values)
        )
    floor = _positive(found[f"reference_{key}"].values[1:])
    axes.plot(times[1:], floor, color=SHADE, linewidth=1.0, linestyle=(0, (2, 2)), label="error of the reference")
    axes.set(yscale="log", xlabel="time", ylabel=found[key].attrs["long_name"])
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_minor_locator(NullLocator())


def _positive(values: np.ndarray) -> np.ndarray:
    """Numbers for a logarithmic axis; nothing is drawn where there is no error at all."""
    return np.where(values > 0, values, np.nan)


def _spaced(look: SeriesStyle, times: np.ndarray, number: int) -> dict[str, Any]:
    """A line with a few marks, those of different lines at different times."""
    every = max(1, len(times) // 7)
    return look.line | look.mark | {"markevery": (number % every, every), "markersize": 3.5, "linewidth": 1.3}


def _draw_error(axes: Axes, found: xr.Dataset, names: list[str]) -> None:
    _draw_along(axes, found, names, "error_along")
    axes.set_ylabel(f"error ({_unit(found)})")


def _draw_energy(axes: Axes, found: xr.Dataset, names: list[str]) -> None:
    """The energy of the first sample."""
    times = found["time"].values
    axes.plot(times, found["reference_energy"].values[0], color=INK, linewidth=4.0, alpha=0.25, label="reference")
    for number, name in enumerate(names):
        axes.plot(
            times, _representative(found, name)["energy"].values[0], **_spaced(series_style(number), times, number)
        )
    several = f" of the first of {found.sizes['sample']} samples" if found.sizes["sample"] > 1 else ""
    axes.set(xlabel="time", ylabel=f"energy{several}")


def _draw_energy_error(axes: Axes, found: xr.Dataset, names: list[str]) -> None:
    _draw_along(axes, found, names, "energy_error_along")


def _draw_drift(axes: Axes, found: xr.Dataset, names: list[str]) -> None:
    """Drift of all settings against evaluations."""
    for number, name in enumerate(names):
        rows, look = _rows(found, name), series_style(number)
        axes.plot(rows["evaluations"].values, _positive(rows["drift"].values), **(look.line | look.mark))
    axes.set(xscale="log", yscale="log", xlabel="evaluations", ylabel="drift off the manifold")
    _few_ticks(axes)


def _course_finding(found: xr.Dataset, names: list[str]) -> str:
    ends = {
        str(one["label"].values): float(one["error_along"][-1])
        for one in (_representative(found, name) for name in names)
    }
    floor, ranked = found.attrs["reference_error"], sorted(ends, key=lambda label: ends[label])
    told = [
        f"less than {floor:.0e} ({label})" if ends[label] < floor else f"{ends[label]:.1e} ({label})"
        for label in dict.fromkeys((ranked[0], ranked[-1]))
    ]
    return f"at t = {found.attrs['horizon']:g} states are off by {' to '.join(told)}"


def _course_caption(found: xr.Dataset) -> str:
    step = f"{found.attrs['spec_step_size']:g}"
    over = "samples (and oscillators)" if "energy" in found else "samples and oscillators"
    text = (
        f"Of each integrator the step nearest to the spec's ({step}), or a middle tolerance. Errors are root mean "
        f"squares over {over}."
    )
    drift = " Drift: the largest of all oscillators before a state is taken back, of every setting."
    return text + (drift if (found["drift"] > 0).any() else "")
