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
    SeriesStyle,
    headline,
    new_figure,
    percent_axis,
    series_style,
    style,
)

_MOST_BARS = 20

_MOST_CURVES = 8


@style()
def lyapunov_figure(found: xr.Dataset, name: str) -> Figure:
    """The exponents of all samples, and how the largest one converged.

    Args:
        found: group `lyapunov` of an answer.
        name: of the network.
    """
    figure = new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.2))
    groups = _answers(found)
    for shift, (label, some, look) in enumerate(groups):
        values = some["exponents"].values
        place = some["exponent"].values + (shift - (len(groups) - 1) / 2) * 0.22
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
        left.errorbar(
            place, middle, (middle - low, high - middle), linestyle="none", capsize=2, label=label, **look.mark
        )
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
    samples = found.sizes["sample"]
    spread = f"Marks: medians over samples, bars from 10 to 90 % of {samples}. " if samples > 1 else ""
    caption = f"{spread}Grey: what {found.attrs['steps']:,} steps cannot tell from zero."
    headline(figure, f"{name}: {_finding(groups, resolution)}", caption)
    return figure


def _answers(found: xr.Dataset) -> list[tuple[str, xr.Dataset, SeriesStyle]]:
    """All samples, or those with right and those with wrong answers."""
    if "correct" in found.coords and len(np.unique(found["correct"])) > 1:
        right = found["correct"].values.astype(bool)
        return [
            (f"right answers ({int(right.sum())})", found.isel(sample=right), FIRST_GROUP),
            (f"wrong answers ({int((~right).sum())})", found.isel(sample=~right), SECOND_GROUP),
        ]
    return [("", found, FIRST_GROUP)]


def _finding(groups: list[tuple[str, xr.Dataset, SeriesStyle]], resolution: float) -> str:
    """What the largest exponents say."""
    largest = [float(np.median(some["exponents"].isel(exponent=0))) for _, some, _ in groups]
    if len(groups) > 1:
        told = [
            f"{value:+.2g} with {label.split(' (')[0]}" for value, (label, _, _) in zip(largest, groups, strict=True)
        ]
        return f"the largest exponent is {' and '.join(told)}"
    (value,) = largest
    if abs(value) <= resolution:
        return f"the largest exponent cannot be told from zero ({value:+.2g})"
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
