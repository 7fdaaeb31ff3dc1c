"""Stability at a glance: spectra of Lyapunov exponents, eigenvalues of fixed points, shares of basins."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oscillo.plotting.style import (
    FIRST_GROUP,
    INK,
    SECOND_GROUP,
    SHADE,
    headline,
    new_figure,
    percent_axis,
    series_style,
    style,
)

_MOST_BARS = 20

_MOST_CURVES = 8

_MOST_GROUPS = 6
"""Groups of samples up to which each is shown by itself."""


@style()
def lyapunov_figure(found: xr.Dataset, name: str) -> Figure:
    """The exponents of all samples, and how the largest one converged.

    Args:
        found: group `lyapunov` of an answer.
        name: of the network.
    """
    figure = new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.2))
    groups = samples_by_what_differs(found)
    looks = (FIRST_GROUP, SECOND_GROUP) if len(groups) < 3 else [series_style(number) for number in range(len(groups))]
    for shift, ((label, some), look) in enumerate(zip(groups, looks, strict=False)):
        place = some["exponent"].values + (shift - (len(groups) - 1) / 2) * 0.44 / len(groups)
        middle, below, above = _spread(some)
        left.errorbar(place, middle, (below, above), linestyle="none", capsize=2, label=label, **look.mark)
        times = some["time"].values
        course = some["course"].isel(exponent=0).values
        for curve in course[:_MOST_CURVES]:
            right.plot(times, curve, color=look.color, alpha=0.25, linewidth=0.7)
        right.plot(times, np.median(course, axis=0), color=look.color, linestyle=look.linestyle, label=label)
    resolution = float(found.attrs["resolution"])
    for axes in (left, right):
        axes.axhspan(-resolution, resolution, color=SHADE, alpha=0.15, linewidth=0)
        axes.axhline(0, color=SHADE, linewidth=0.8)
    left.set(xlabel="exponent, largest first", ylabel="Lyapunov exponent (1/time)")
    right.set(xlabel="time counted", ylabel="largest exponent so far (1/time)")
    if len(found["exponent"]) <= 20:
        left.set_xticks(found["exponent"].values[:: max(1, len(found["exponent"]) // 10)])
    _limit(right, found["course"].isel(exponent=0).values, 1.5 * resolution)
    if len(groups) > 1:
        left.legend()
    several = any(some.sizes["sample"] > 1 for _, some in groups)
    bars = "medians over samples, bars from 10 to 90 % of them" if several else "bars of two standard errors"
    caption = f"Marks: {bars}. Grey: what {found.attrs['steps']:,} steps cannot tell from zero."
    headline(figure, f"{name}: {_finding(groups, resolution)}", caption)
    return figure


def samples_by_what_differs(found: xr.Dataset) -> list[tuple[str, xr.Dataset]]:
    """Samples with right and with wrong answers, or with other parameters; all as one where these are too many.

    Args:
        found: group `lyapunov` of an answer.

    Returns:
        What a group has in common, empty where there is one alone, and its samples.
    """
    names = ["correct"] if "correct" in found.coords else str(found.attrs.get("parameters", "")).split()
    names = [name for name in names if len(np.unique(found[name])) > 1]
    rows = list(zip(*(found[name].values.tolist() for name in names), strict=True))
    groups: list[tuple[str, xr.Dataset]] = []
    for kind in sorted(set(rows), reverse="correct" in names):
        chosen = found.isel(sample=[number for number, row in enumerate(rows) if row == kind])
        told = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in zip(names, kind, strict=True))
        told = ("right answers" if kind[0] else "wrong answers") if "correct" in names else told
        groups.append((f"{told} ({chosen.sizes['sample']})", chosen))
    return groups if 1 < len(groups) <= _MOST_GROUPS else [("", found)]


def _spread(some: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exponents, and how far their bars reach to either side: over samples, or two errors of a single one."""
    values = some["exponents"].values
    if len(values) == 1:
        error = 2 * np.nan_to_num(some["standard_error"].values[0])
        return values[0], error, error
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
    return middle, middle - low, high - middle


def _finding(groups: list[tuple[str, xr.Dataset]], resolution: float) -> str:
    """What the largest exponents say."""
    largest = [float(np.median(some["exponents"].isel(exponent=0))) for _, some in groups]
    if len(groups) > 1:
        told = [f"{value:+.2g} with {label.split(' (')[0]}" for value, (label, _) in zip(largest, groups, strict=True)]
        return f"the largest exponent is {', '.join(told[:-1])} and {told[-1]}"
    (value,), ((_, some),) = largest, groups
    error = float(np.nan_to_num(np.median(some["standard_error"].isel(exponent=0))))
    if abs(value) <= max(resolution, 2 * error):
        return f"the largest exponent cannot be told from zero ({value:+.2g} ± {max(resolution, error):.1g})"
    return f"the largest exponent is {value:+.2g}: {'chaos' if value > 0 else 'all that is near comes together'}"


def _limit(axes: Axes, course: np.ndarray, least: float) -> None:
    """Leave the first moments, when nothing has converged, off the scale, which reaches so far at the least."""
    late = course[:, course.shape[1] // 5 :]
    low, high = min(-least, float(late.min())), max(least, float(late.max()))
    margin = 0.1 * (high - low)
    axes.set_ylim(low - margin, high + margin)


@style()
def fixed_points_figure(found: xr.Dataset, name: str) -> Figure:
    """Eigenvalues of the points in the complex plane, and how many directions each is unstable in.

    Args:
        found: group `fixed_points` of an answer.
        name: of the network.
    """
    figure = new_figure(9.0, 3.8)
    left, right = figure.subplots(1, 2)
    of_flow = found.attrs["of"] == "flow"
    stable = found["stable"].values.astype(bool)
    for chosen, look, label in ((stable, FIRST_GROUP, "stable"), (~stable, SECOND_GROUP, "unstable")):
        if not chosen.any():
            continue
        some = found.isel(point=chosen)
        x, y = some["eigenvalues_real"].values, some["eigenvalues_imaginary"].values
        left.plot(x.ravel(), y.ravel(), linestyle="none", markersize=4, alpha=0.8, label=label, **look.mark)
        right.scatter(
            some["order_parameter"], some["unstable"], s=10 + 250 * some["starts"] / found["starts"].sum(),
            facecolors=look.color if look.filled else "none", edgecolors=look.color, marker=look.marker, alpha=0.8,
        )  # fmt: skip
    if of_flow:
        left.axvline(0, color=SHADE, linewidth=0.8)
    else:
        angle = np.linspace(0, 2 * np.pi, 200)
        left.plot(np.cos(angle), np.sin(angle), color=SHADE, linewidth=0.8)
        left.set_aspect("equal", adjustable="datalim")
    if of_flow and not (np.abs(found["eigenvalues_imaginary"]) > 1e-9).any():
        left.set_ylim(-1, 1)  # else rounding errors would have a scale of their own
    unit = " (1/time)" if of_flow else ""
    left.set(xlabel=f"real part of the eigenvalues{unit}", ylabel=f"imaginary part{unit}")
    right.set(xlabel="order parameter", ylabel="directions that grow")
    right.set_xlim(-0.03, max(1.03, right.get_xlim()[1]))
    right.yaxis.get_major_locator().set_params(integer=True)
    left.legend()
    count = found.sizes["point"]
    caption = f"Areas: starts that led there; {found.attrs['lost']} of {found.attrs['starts']} led nowhere."
    headline(figure, f"{name}: {count} fixed points, {int(stable.sum())} of them stable", caption)
    return figure


@style()
def basins_figure(found: xr.Dataset, name: str) -> Figure:
    """The share of starts that end in each attractor.

    Args:
        found: group `basins` of an answer.
        name: of the network.
    """
    shown = found.isel(attractor=slice(_MOST_BARS))
    labels, heading = _labels(shown)
    order = np.arange(shown.sizes["attractor"])
    if heading == "winding number":
        order = np.argsort(shown["winding"].values)
    shares = shown["fraction"].values[order]
    errors = np.abs(np.stack((shown["low"].values[order], shown["high"].values[order])) - shares)
    moving = float(found.attrs["moving"])
    places = np.arange(len(shares))
    look = series_style(0)
    figure = new_figure(max(5.0, 1.6 + 0.45 * (len(shares) + 1)), 3.6)
    axes = figure.subplots()
    axes.bar(places, shares, 0.7, color=look.color)
    axes.errorbar(places, shares, errors, linestyle="none", color=INK, capsize=2.5, linewidth=1.0)
    ticks = [labels[row] for row in order]
    if moving > 0:
        axes.bar(len(shares), moving, 0.7, color="white", edgecolor=SHADE, hatch="///")
        places, ticks = np.arange(len(shares) + 1), [*ticks, "still\nmoving"]
    axes.set_xticks(places, ticks)
    percent_axis(axes, 0, 1.1 * float(max((shares + errors[1]).max(), moving)))
    axes.set(xlabel=heading, ylabel="share of starts (%)")
    axes.grid(axis="x", visible=False)
    count, starts = found.sizes["attractor"], found.attrs["starts"]
    more = f" The {_MOST_BARS} largest of {count} are shown." if count > _MOST_BARS else ""
    several = f"{count} attractors, the largest basin holds" if count > 1 else "one attractor, its basin holds"
    headline(
        figure, f"{name}: {several} {100 * float(found['fraction'][0]):.3g} %",
        f"Bars: 95 % intervals, from {starts:,} random starts.{more}",
    )  # fmt: skip
    return figure


def _labels(found: xr.Dataset) -> tuple[list[str], str]:
    """What tells the attractors apart: their winding number, the order parameter, or the frequency."""
    winding = found["winding"].values
    if np.isfinite(winding).all() and len(np.unique(winding)) == len(winding):
        return [f"{value:.0f}" for value in winding], "winding number"
    for key, word in (("order_parameter", "order parameter"), ("frequency", "frequency (rad/time)")):
        texts = [f"{value:.2g}" for value in found[key].values]
        if len(set(texts)) > len(texts) / 2:
            return texts, f"{word} of the attractor"
    return [str(number) for number in found["attractor"].values], "attractor"
