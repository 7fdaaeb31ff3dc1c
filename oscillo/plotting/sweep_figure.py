"""A sweep at a glance: results against what was swept over, as lines, as maps, or as clouds of points."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oscillo.plotting.style import SHADE, headline, new_figure, series_style, style

_REPEATS = ("seed", "member")
"""Dimensions of repetitions, which are shown as a spread."""

_MOST_LINES = 7
"""Values of a second axis up to which each has a line; of more a map is drawn."""

_MOST_PANELS, _MOST_COLUMNS = 4, 4

_MAP = "viridis"


@style()
def sweep_figure(
    data: xr.Dataset, name: str, results: Sequence[str], axes: Sequence[str],
    onset: tuple[float, float, float] | None = None,
) -> Figure | None:  # fmt: skip
    """Results of a sweep against its axes; None where there is nothing to draw.

    Args:
        data: with a dimension for each axis, and coordinates along them.
        name: of the sweep.
        results: names of variables to show, the main one first.
        axes: names of the dimensions that were swept over.
        onset: where order sets in along the first axis, with the ends of its 95 % interval, where that is known.
    """
    # Spreads over time come after everything else, and are the first to find no room.
    shown = [key for key in results if not key.endswith("_std") and bool(np.isfinite(data[key]).any())][:_MOST_PANELS]
    if not shown:
        return None
    with warnings.catch_warnings():  # where all repetitions failed there is nothing to take a mean of
        warnings.simplefilter("ignore", RuntimeWarning)
        if "point" in axes:
            return _clouds(data, name, shown)
        repeats = [dim for dim in _REPEATS if dim in data[shown[0]].dims]
        along = [axis for axis in axes if axis not in repeats]
        if not along:
            along, repeats = repeats[:1], repeats[1:]
        figure = _lines_or_maps(data, name, shown, along, repeats)
        if onset is not None:
            _mark_onset(figure, f"{name}: order sets in at {_word(data, along[0])}", onset)
        return figure


def _lines_or_maps(
    data: xr.Dataset, name: str, shown: Sequence[str], along: Sequence[str], repeats: Sequence[str]
) -> Figure:
    first, *others = along
    map_wanted = bool(others) and data.sizes[others[0]] > _MOST_LINES and _is_number(data[others[0]])
    averaged = [*repeats, *others[1:]]
    figure = new_figure(6.6, 0.9 + (2.9 if map_wanted else 2.5) * len(shown))
    panels = np.atleast_1d(figure.subplots(len(shown), 1, sharex=True))
    for panel, key in zip(panels, shown, strict=True):
        if map_wanted:
            _draw_map(figure, panel, data[key].mean([d for d in averaged if d in data[key].dims]), first, others[0])
        else:
            _draw_lines(panel, data[key], data, [first, *others[:1]], averaged)
        _axis(panel, data[first])
    panels[-1].set_xlabel(_label(data, first))
    if others and not map_wanted:
        panels[0].legend(title=_label(data, others[0]), loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = " and ".join(_plural(data, dim) for dim in averaged)
    spread = "" if map_wanted or not told else "; bands: the middle 50 % and all of them"
    caption = f"Mean over {told}{spread}." if told else ""
    against = " and ".join(_word(data, axis) for axis in (along[:2]))
    headline(figure, f"{name}: {_word(data, shown[0])} against {against}", caption)
    return figure


def _mark_onset(figure: Figure, what: str, onset: tuple[float, float, float]) -> None:
    """Show where order sets in, and say so in the title."""
    value, low, high = onset
    for panel in figure.axes:
        panel.axvspan(low, high, color=SHADE, alpha=0.2, linewidth=0)
        panel.axvline(value, color=SHADE, linewidth=1.0, linestyle=(0, (4, 2)))
    headline(figure, f"{what} {value:.4g} (95 %: {low:.4g} to {high:.4g})")


def _draw_lines(
    panel: Axes, values: xr.DataArray, data: xr.Dataset, along: Sequence[str], averaged: Sequence[str]
) -> None:
    """Means against the first axis, one line for each value of the second, with the spread over all others."""
    first, *second = along
    x = _numbers(data[first])
    dims = [dim for dim in averaged if dim in values.dims]
    for i in range(data.sizes[second[0]]) if second else [0]:
        line = values.isel({second[0]: i}) if second else values
        line = line.transpose(first, *dims).values.reshape(len(x), -1)
        look = series_style(i)
        label = _value(data[second[0]].values[i]) if second else None
        panel.plot(x, np.nanmean(line, axis=1), **look.line, marker=look.marker, markersize=3.5, label=label)
        if line.shape[1] > 1:
            levels = np.nanquantile(line, [0.0, 0.25, 0.75, 1.0], axis=1)
            panel.fill_between(x, levels[0], levels[3], color=look.color, alpha=0.12, linewidth=0)
            panel.fill_between(x, levels[1], levels[2], color=look.color, alpha=0.25, linewidth=0)
    panel.set_ylabel(_label(data, str(values.name)))


def _draw_map(figure: Figure, panel: Axes, values: xr.DataArray, first: str, second: str) -> None:
    """Means as colours over two axes."""
    panel.grid(False)
    x, y = _numbers(values[first]), _numbers(values[second])
    picture = panel.pcolormesh(x, y, values.transpose(second, first).values, cmap=_MAP, shading="nearest")
    figure.colorbar(picture, ax=panel, pad=0.02).set_label(_label(values, str(values.name)))
    panel.set_ylabel(_label(values, second))
    if _is_log(values[second]):
        panel.set_yscale("log")


def _clouds(data: xr.Dataset, name: str, shown: Sequence[str]) -> Figure:
    """Results of points that were drawn or that go together, against each of their values."""
    keys = [str(key) for key, value in data.coords.items() if value.dims == ("point",) and key != "point"]
    keys = keys[:_MOST_COLUMNS]
    figure = new_figure(1.2 + 2.8 * len(keys), 0.9 + 2.5 * len(shown))
    panels = np.atleast_2d(figure.subplots(len(shown), len(keys), sharex="col", sharey="row", squeeze=False))
    look = series_style(0)
    for row, key in zip(panels, shown, strict=True):
        values = data[key].transpose("point", ...).values.reshape(data.sizes["point"], -1)
        for panel, place in zip(row, keys, strict=True):
            x = np.repeat(_numbers(data[place]), values.shape[1])
            panel.plot(x, values.ravel(), linestyle="none", **look.mark, alpha=0.7, markersize=3.5)
            _axis(panel, data[place])
        row[0].set_ylabel(_label(data, key))
    for panel, place in zip(panels[-1], keys, strict=True):
        panel.set_xlabel(_label(data, place))
    headline(figure, f"{name}: {_word(data, shown[0])} of {data.sizes['point']} points", "Each mark is one point.")
    return figure


def _axis(panel: Axes, values: xr.DataArray) -> None:
    """The x axis of a coordinate: words, even steps or even factors."""
    if not _is_number(values):
        panel.set_xticks(range(values.size), [_value(value) for value in values.values])
    elif _is_log(values):
        panel.set_xscale("log")
    panel.tick_params(colors=SHADE, labelcolor="black")


def _is_number(values: xr.DataArray) -> bool:
    return values.dtype.kind in "iuf"


def _numbers(values: xr.DataArray) -> np.ndarray:
    return values.values if _is_number(values) else np.arange(values.size)


def _is_log(values: xr.DataArray) -> bool:
    """Whether numbers lie rather by even factors than by even steps."""
    numbers = np.sort(np.unique(_numbers(values))).astype(float)
    if len(numbers) < 3 or numbers[0] <= 0 or numbers[-1] < 20 * numbers[0]:
        return False
    steps, factors = np.diff(numbers), np.diff(np.log(numbers))
    return bool(factors.std() / factors.mean() < steps.std() / steps.mean())


def _word(data: xr.Dataset | xr.DataArray, key: str) -> str:
    return str(data[key].attrs.get("long_name", key.replace("_", " "))) if isinstance(data, xr.Dataset) else key


def _label(data: xr.Dataset | xr.DataArray, key: str) -> str:
    told = data.attrs if isinstance(data, xr.DataArray) and key == data.name else data[key].attrs
    units = told.get("units", "1")
    word = str(told.get("long_name", key.replace("_", " ")))
    return word if units in ("1", "") else f"{word} ({units})"


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _plural(data: xr.Dataset, dim: str) -> str:
    return f"{data.sizes[dim]} {dim}s" if dim in _REPEATS else f"{data.sizes[dim]} values of {_word(data, dim)}"
