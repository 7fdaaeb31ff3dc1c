"""Numbers of whole runs against what varies between them: R(K) and its like."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oscillo import analysis
from oscillo.analysis.transition import order_of, strength_of
from oscillo.plotting.members import parameters, titled, varying
from oscillo.plotting.series_figure import from_zero, label_of
from oscillo.plotting.style import SHADE, headline, new_figure, series_style, style


@style()
def parameters_figure(summary: xr.Dataset, name: str = "") -> Figure | None:
    """Draw means over time against the parameter that varies, with a line for each value of a second one.

    Args:
        summary: variables (sample) whose names end with `_mean`, and coordinates along `sample`.
        name: of the run.

    Returns:
        None where no parameter has more than two values, or there are no means.
    """
    varied = [key for key in parameters(summary) if key != "seed" and len(np.unique(summary[key].values)) > 2]
    shown = [str(key) for key in summary.data_vars if str(key).endswith("_mean") and summary[key].dims == ("sample",)]
    if not varied or not shown:
        return None
    figure = _drawn(summary, shown, varied)
    headline(figure, titled(name, f"means over time against the {varied[0].replace('_', ' ')}"), _bars(summary))
    return figure


@style()
def transition_figure(
    data: xr.DataArray | xr.Dataset | xr.DataTree, name: str = "", strength: str | None = None
) -> Figure:
    """Draw the order parameter against the coupling strength, R(K), and mark where order sets in.

    Args:
        data: order parameters, as `critical_coupling` takes them.
        name: of the run.
        strength: name of the coupling strength; left out, the coordinate with `strength` or `coupling` in its name.

    Raises:
        ValueError: when there is no order parameter or no coupling strength.
    """
    order = order_of(data)
    order = order.mean("time", keep_attrs=True) if "time" in order.dims else order
    key = strength_of(order, strength)
    if "sample" not in order.dims:
        order = order.stack(sample=order.dims, create_index=False)
    word, drawn = key.replace("_", " "), order.rename("order_parameter_mean")
    others = [one for one in parameters(drawn) if one not in (key, "seed") and len(np.unique(drawn[one].values)) > 1]
    figure = _drawn(drawn.to_dataset(), ["order_parameter_mean"], [key, *others])
    (axes, *_) = figure.axes
    caption = _bars(drawn)
    try:
        found = analysis.critical_coupling(data, strength)
    except ValueError as error:
        headline(figure, titled(name, f"order against the {word}"), f"{caption} No onset of order: {error}.".strip())
        return figure
    onsets = found["critical_coupling"].values.ravel()
    for onset, (low, high) in zip(onsets, found["interval"].values.reshape(-1, 2), strict=True):
        axes.axvspan(low, high, color=SHADE, alpha=0.2, linewidth=0)
        axes.axvline(onset, color=SHADE, linewidth=1.0, linestyle=(0, (4, 2)))
    told = f"order sets in at {word} {np.nanmin(onsets):.4g}"
    told += (
        f" to {np.nanmax(onsets):.4g}"
        if len(onsets) > 1
        else " (95 %: {:.4g} to {:.4g})".format(*found["interval"].values.ravel())
    )
    headline(
        figure, titled(name, told), f"{caption} Dashed and grey: where order sets in, and its 95 % interval.".strip()
    )
    return figure


def _drawn(summary: xr.Dataset, shown: list[str], varied: list[str]) -> Figure:
    """A panel for each variable, against the first parameter, with a line for each value of the second."""
    along, *others = varied
    figure = new_figure(6.0, 0.9 + 2.6 * len(shown))
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, key in zip(panels, shown, strict=True):
        _draw(axes, summary, key, along, others)
        axes.set_ylabel(label_of(summary[key]))
        if key.startswith("order_parameter"):
            from_zero(axes)
    panels[-1].set_xlabel(along.replace("_", " "))
    if others:
        panels[0].legend()
    return figure


def _bars(data: xr.Dataset | xr.DataArray) -> str:
    return "Bars: standard deviation over seeds." if "seed" in varying(data) else ""


def _draw(axes: Axes, summary: xr.Dataset, key: str, along: str, others: list[str]) -> None:
    lines = np.unique(summary[others[0]].values) if others else [None]
    for i, value in enumerate(lines):
        chosen = np.ones(summary.sizes["sample"], bool) if value is None else summary[others[0]].values == value
        x, y = summary[along].values[chosen], summary[key].values[chosen]
        places = np.unique(x)
        means, spreads = _by_place(x, y, places, np.nanmean), _by_place(x, y, places, np.nanstd)
        look = series_style(i)
        label = "" if value is None else f"{others[0].replace('_', ' ')} {value:.4g}"
        axes.errorbar(places, means, spreads, **look.line, marker=look.marker, markersize=3.5, label=label, capsize=2)


def _by_place(x: np.ndarray, y: np.ndarray, places: np.ndarray, sum_up: Callable[[np.ndarray], float]) -> np.ndarray:
    return np.array([sum_up(y[x == place]) for place in places])
