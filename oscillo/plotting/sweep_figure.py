"""A sweep at a glance: results against what was swept over, as lines, as maps, or as clouds of points."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from oscillo.plotting.style import SHADE, SeriesStyle, headline, log_ticks, new_figure, series_style, style

_MOST_LINES = 7
"""Values of an axis up to which each may have a line; more lie along x, and of two such axes a map is drawn."""

_MOST_PANELS, _MOST_COLUMNS = 4, 4

_MAP = "viridis"

_LETTER = 8
"""Width of a letter of a word on an axis, in pixels."""

_BESIDE = 0.6
"""Share of the distance between two categories that the marks of all series take."""


@style()
def sweep_figure(
    data: xr.Dataset, name: str, results: Sequence[str], axes: Sequence[str], repeats: Sequence[str] = (),
    onset: tuple[float, float, float] | None = None,
) -> Figure | None:  # fmt: skip
    """Results of a sweep against its axes; None where there is nothing to draw.

    Args:
        data: with a dimension for each axis, and coordinates along them.
        name: of the sweep.
        results: names of variables to show, the main one first.
        axes: names of the dimensions to show results against, at least one.
        repeats: names of dimensions of repetitions, which are shown as a spread.
        onset: where order sets in along the first axis, with the ends of its 95 % interval, where that is known.
    """
    # Spreads over time come after everything else, and are the first to find no room.
    shown = [key for key in results if not key.endswith("_std") and bool(np.isfinite(data[key]).any())][:_MOST_PANELS]
    if not shown:
        return None
    with warnings.catch_warnings():  # where all repetitions failed there is nothing to take a mean of
        warnings.simplefilter("ignore", RuntimeWarning)
        if "point" in axes:
            if len(axes) == 1 or data.sizes["point"] > _MOST_LINES:
                return _clouds(data, name, shown)
            data = _with_words(data)
        figure = _lines_or_maps(data, name, shown, axes, repeats)
        if onset is not None:
            _mark_onset(figure, f"{name}: order sets in at {_word(data, axes[0])}", onset)
        return figure


def _lines_or_maps(
    data: xr.Dataset, name: str, shown: Sequence[str], axes: Sequence[str], repeats: Sequence[str]
) -> Figure:
    numbers = [axis for axis in axes if _is_number(data[axis])]
    many = [axis for axis in numbers if data.sizes[axis] > _MOST_LINES]
    data = data.sortby(numbers)
    # What has many values lies along x, and of what has few each has a line.
    first, *others = [*many, *(axis for axis in axes if axis not in many)]
    map_wanted = len(many) > 1
    averaged = [*repeats, *others[1:]]
    figure = new_figure(6.6, 0.9 + (2.9 if map_wanted else 2.5) * len(shown))
    panels = np.atleast_1d(figure.subplots(len(shown), 1, sharex=True))
    for panel, key in zip(panels, shown, strict=True):
        if map_wanted:
            _draw_map(figure, panel, data, key, first, others[0])
        else:
            _draw_series(panel, data, key, [first, *others[:1]])
        _axis(panel, data, first)
    panels[-1].set_xlabel(_label(data, first))
    if others and not map_wanted:
        panels[0].legend(title=_label(data, others[0]), loc="upper left", bbox_to_anchor=(1.0, 1.0))
    against = " and ".join(_word(data, axis) for axis in (first, *others[:1]))
    spread = "" if map_wanted else "bands" if _is_number(data[first]) else "bars"
    headline(figure, f"{name}: {_word(data, shown[0])} against {against}", _caption(data, averaged, spread))
    return figure


def _caption(data: xr.Dataset, averaged: Sequence[str], spread: str) -> str:
    """What means are taken over, and what shows the spread."""
    if not averaged:
        return ""
    seeds = {dim: f"{data.sizes[dim]} {_word(data, dim)}s" for dim in averaged if dim.endswith("seed")}
    told = " and ".join(seeds.get(dim, f"{data.sizes[dim]} values of {_word(data, dim)}") for dim in averaged)
    return f"Mean over {told}{f'; {spread}: the middle 50 % and all of them' if spread else ''}."


def _mark_onset(figure: Figure, what: str, onset: tuple[float, float, float]) -> None:
    """Show where order sets in, and say so in the title."""
    value, low, high = onset
    for panel in figure.axes:
        panel.axvspan(low, high, color=SHADE, alpha=0.2, linewidth=0)
        panel.axvline(value, color=SHADE, linewidth=1.0, linestyle=(0, (4, 2)))
    headline(figure, f"{what} {value:.4g} (95 %: {low:.4g} to {high:.4g})")


def _draw_series(panel: Axes, data: xr.Dataset, key: str, along: Sequence[str]) -> None:
    """Means against the first axis, a series for each value of the second, with the spread over all others."""
    first, *second = along
    x, count = _numbers(data[first]), data.sizes[second[0]] if second else 1
    for i in range(count):
        values = data[key].isel({second[0]: i}) if second else data[key]
        values = values.transpose(first, ...).values.reshape(len(x), -1)
        levels = np.nanquantile(values, [0.0, 0.25, 0.75, 1.0], axis=1) if values.shape[1] > 1 else None
        label = _value(data[second[0]].values[i]) if second else None
        if _is_number(data[first]):
            _draw_line(panel, x, np.nanmean(values, axis=1), levels, series_style(i), label)
        else:  # nothing lies between two words, so there is room for all series side by side
            beside = _BESIDE * ((i + 0.5) / count - 0.5)
            _draw_marks(panel, x + beside, np.nanmean(values, axis=1), levels, series_style(i), label)
    panel.set_ylabel(_label(data, key))


def _draw_line(
    panel: Axes, x: np.ndarray, means: np.ndarray, levels: np.ndarray | None, look: SeriesStyle, label: str | None
) -> None:
    panel.plot(x, means, **look.line, marker=look.marker, markersize=3.5, label=label)
    if levels is not None:
        panel.fill_between(x, levels[0], levels[3], color=look.color, alpha=0.12, linewidth=0)
        panel.fill_between(x, levels[1], levels[2], color=look.color, alpha=0.25, linewidth=0)


def _draw_marks(
    panel: Axes, x: np.ndarray, means: np.ndarray, levels: np.ndarray | None, look: SeriesStyle, label: str | None
) -> None:
    panel.plot(x, means, linestyle="none", **look.mark, label=label)
    if levels is not None:
        panel.vlines(x, levels[0], levels[3], color=look.color, alpha=0.4, linewidth=1.0)
        panel.vlines(x, levels[1], levels[2], color=look.color, alpha=0.4, linewidth=4.0)


def _draw_map(figure: Figure, panel: Axes, data: xr.Dataset, key: str, first: str, second: str) -> None:
    """Means as colours over two axes."""
    panel.grid(False)
    values = data[key].mean([dim for dim in data[key].dims if dim not in (first, second)])
    x, y = _edges(data, first), _edges(data, second)
    picture = panel.pcolormesh(x, y, values.transpose(second, first).values, cmap=_MAP)
    figure.colorbar(picture, ax=panel, pad=0.02).set_label(_label(data, key))
    panel.set_ylabel(_label(data, second))
    if _is_log(data, second):
        panel.set_yscale("log")
        _plain_ticks(panel.yaxis)


def _edges(data: xr.Dataset, key: str) -> np.ndarray:
    """Ends of the cells around rising numbers, which meet in the middle as the axis shows it."""
    log, numbers = _is_log(data, key), data[key].values.astype(float)
    numbers = np.log(numbers) if log else numbers
    steps = np.diff(numbers) if len(numbers) > 1 else np.ones(1)
    middles = (numbers[1:] + numbers[:-1]) / 2
    edges = np.concatenate([numbers[:1] - steps[0] / 2, middles, numbers[-1:] + steps[-1] / 2])
    return np.exp(edges) if log else edges


def _with_words(data: xr.Dataset) -> xr.Dataset:
    """The dataset with points that are told by all of their values."""
    keys = [str(key) for key, value in data.coords.items() if value.dims == ("point",) and key != "point"]
    rows = zip(*(data[key].values.tolist() for key in keys), strict=True)
    words = [
        ", ".join(f"{_word(data, key)} {_value(value)}" for key, value in zip(keys, row, strict=True)) for row in rows
    ]
    return data.assign_coords(point=("point", words, {"long_name": "point"}))


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
            _axis(panel, data, place)
        row[0].set_ylabel(_label(data, key))
    for panel, place in zip(panels[-1], keys, strict=True):
        panel.set_xlabel(_label(data, place))
    headline(figure, f"{name}: {_word(data, shown[0])} of {data.sizes['point']} points", _each_mark(data, shown[0]))
    return figure


def _each_mark(data: xr.Dataset, key: str) -> str:
    """What a mark of clouds is."""
    others = [_word(data, str(dim)) for dim in data[key].dims if dim != "point"]
    return f"Each mark is one point{''.join(f', one {word}' for word in others)}."


def _axis(panel: Axes, data: xr.Dataset, key: str) -> None:
    """The x axis of a coordinate: words, even steps or even factors."""
    if not _is_number(data[key]):
        words = [_value(word) for word in _words(data[key])]
        panel.set_xticks(range(len(words)), words)
        if len(words) * max(map(len, words)) * _LETTER > panel.bbox.width:
            panel.tick_params("x", rotation=25)
            for label in panel.get_xticklabels():
                label.set_horizontalalignment("right")
        panel.set_xlim(-0.5, len(words) - 0.5)
        panel.grid(False, axis="x")
    elif _is_log(data, key):
        panel.set_xscale("log")
        _plain_ticks(panel.xaxis)
    panel.tick_params(colors=SHADE, labelcolor="black")


def _plain_ticks(axis: Axis) -> None:
    """Round numbers, written as such, on a logarithmic axis that spans few powers of ten."""
    low, high = axis.get_view_interval()
    if high / low < 1e4:
        axis.set_major_locator(FixedLocator(log_ticks(low, max(high, 2 * low))))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())


def _is_number(values: xr.DataArray) -> bool:
    return values.dtype.kind in "iuf"


def _words(values: xr.DataArray) -> list[object]:
    """Different values in the order in which they come."""
    return list(dict.fromkeys(values.values.tolist()))


def _numbers(values: xr.DataArray) -> np.ndarray:
    """Where the values lie on an axis; words lie side by side."""
    words = _words(values)
    return values.values if _is_number(values) else np.array([words.index(value) for value in values.values.tolist()])


def _is_log(data: xr.Dataset, key: str) -> bool:
    """Whether numbers lie by even factors: because they were declared so, or rather so than by even steps."""
    if key in str(data.attrs.get("log", "")).split():
        return True
    numbers = np.unique(data[key].values).astype(float)
    if len(numbers) < 3 or numbers[0] <= 0 or numbers[-1] < 20 * numbers[0]:
        return False
    steps, factors = np.diff(numbers), np.diff(np.log(numbers))
    return bool(factors.std() / factors.mean() < steps.std() / steps.mean())


def _word(data: xr.Dataset, key: str) -> str:
    return str(data[key].attrs.get("long_name", key.replace("_", " ")))


def _label(data: xr.Dataset, key: str) -> str:
    units = data[key].attrs.get("units", "1")
    return _word(data, key) if units in ("1", "") else f"{_word(data, key)} ({units})"


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
