"""Error against compute: what more steps and more votes cost, and which of the two to buy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, LogLocator, NullFormatter, NullLocator

from oscillo.analysis import Votes
from oscillo.plotting.shares import ReferenceLine
from oscillo.plotting.statistics import percent, wilson_interval
from oscillo.plotting.style import FAINT, PERCENT_TICKS, SHADE, headline, new_figure, series_style, style
from oscillo.plotting.votes import SELECTORS

COLUMNS = 2
"""Panels beside each other."""

_LIGHTEST, _DARKEST = 0.42, 1.0
"""Part of the colour map that the numbers of votes are spread over, from few to many."""

_PERCENTS = tuple(digit * 10.0**power for power in range(-5, 1) for digit in (1, 2, 5))


def lower_envelope(cost: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Which points nothing as cheap and nothing cheaper beats.

    Args:
        cost: [point].
        error: [point].

    Returns:
        Positions of the points by rising cost; their errors fall strictly.
    """
    order = np.lexsort((error, cost))
    least = np.minimum.accumulate(error[order])
    return order[np.append(True, least[1:] < least[:-1])]


@style()
def compute_figure(
    results: Mapping[str, xr.Dataset], selector: str | None = None, reference: ReferenceLine | None = None
) -> Figure:
    """Draw the share of wrong answers against FLOP per sample, one curve over the steps for each number of votes.

    Args:
        results: by evaluation, as `Votes` takes them, with the attributes that give the cost.
        selector: how answers are chosen; None takes, in each evaluation, the one with the most right answers.
        reference: what a simpler method reaches on the same samples.

    Raises:
        ValueError: without results, when a result has no votes or no cost, or does not know the selector.
    """
    if not results:
        raise ValueError("no votes to draw")
    all_votes = [Votes(name, result) for name, result in results.items()]
    lacking = [votes.name for votes in all_votes if selector and selector not in votes.selectors]
    if lacking:
        raise ValueError(f"no votes by {selector} in {', '.join(lacking)}")
    columns = min(COLUMNS, len(all_votes))
    rows = -(-len(all_votes) // columns)
    figure = new_figure(6.4 if columns == 1 else 9.4, 1.3 + 3.6 * rows)
    panels = figure.subplots(rows, columns, squeeze=False)
    findings = []
    for axes, votes in zip(panels.flat, all_votes, strict=False):
        findings.append(_draw(axes, votes, selector or votes.main, reference))
    for axes in panels.flat[len(all_votes) :]:
        axes.set_axis_off()
    for row in panels:
        row[0].set_ylabel("wrong answers [%]")
    caption = (
        "Numbers at the upper ends: votes; points of a curve: steps, each with its 95 % Wilson interval. Grey band: "
        "the least error for the compute. FLOP: multiplications and additions of the mean sample, all votes together."
    )
    headline(figure, "\n".join(findings), caption)
    return figure


def _draw(axes: Axes, votes: Votes, selector: str, reference: ReferenceLine | None) -> str:
    """Draw one evaluation, and say what it shows."""
    right, flops = votes.right(selector), votes.flops
    wrong, least = (~right).mean(axis=0), 1 / (2 * votes.samples)
    low, high = wilson_interval((~right).sum(axis=0), np.full(wrong.shape, votes.samples))
    low = np.maximum(low, least)
    axes.set(xscale="log", yscale="log", title=f"{votes.name}, {SELECTORS[selector][0]}")
    shown = np.maximum(wrong, least)
    best = lower_envelope(flops.ravel(), wrong.ravel())
    axes.plot(
        flops.ravel()[best], shown.ravel()[best], color=FAINT, linewidth=7, solid_capstyle="round", zorder=1,
        label="least error",
    )  # fmt: skip
    shades = np.linspace(_LIGHTEST, _DARKEST, len(votes.counts))
    for number, count in enumerate(votes.counts):
        colour, look = to_hex(colormaps["Blues"](shades[number])), series_style(number)
        course, ends = shown[:, number], np.stack([low[:, number], high[:, number]])
        axes.vlines(flops[:, number], *ends, color=colour, linewidth=0.8, zorder=2)
        axes.plot(
            flops[:, number], course, color=colour, marker=look.marker, markersize=4, linewidth=1.2, zorder=3,
            markerfacecolor=colour if look.filled else "white", label=f"votes {count}",
        )  # fmt: skip
        text = f"{count} vote" if count == 1 else str(count)
        axes.annotate(
            text, (flops[0, number], high[0, number]), xytext=(0, 4), textcoords="offset points", ha="center",
            fontsize=8, color=colour if number else SHADE,
        )  # fmt: skip
    _axes_of(axes, float(low.min()), float(shown.max()))
    if wrong.min() == 0:
        _draw_none_wrong(axes, least, votes.samples)
    if reference and votes.name in reference.shares:
        _draw_reference(axes, reference, votes.name, least)
    axes.set_xlabel("compute per sample")
    return _finding(votes, flops, wrong)


def _axes_of(axes: Axes, low: float, high: float) -> None:
    """Limits and ticks for shares from the lowest to the highest, with room for the names above them."""
    low, high = min(low, high / 2), max(high, 0.7)
    margin = (high / low) ** 0.08
    axes.set_ylim(low / margin, high * margin)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in _PERCENTS if low / margin < tick <= 1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PERCENT_TICKS)
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_major_formatter(EngFormatter(unit="FLOP"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.07)


def _draw_none_wrong(axes: Axes, least: float, samples: int) -> None:
    """Draw where no sample is wrong: at half of the least share that can be seen."""
    axes.axhline(least, color=SHADE, linestyle=":", linewidth=1.0, zorder=1)
    axes.annotate(
        f"none of {samples:,} wrong", (0, least), xycoords=("axes fraction", "data"), xytext=(3, 3),
        textcoords="offset points", fontsize=8, color=SHADE,
    )  # fmt: skip


def _draw_reference(axes: Axes, reference: ReferenceLine, name: str, least: float) -> None:
    error = max(1 - reference.shares[name], least)
    axes.axhline(error, color=SHADE, linestyle=(0, (4, 2)), linewidth=1.0, zorder=1)
    axes.annotate(
        f"{reference.label} {percent(1 - reference.shares[name])}", (0, error), xycoords=("axes fraction", "data"),
        xytext=(3, 3), textcoords="offset points", fontsize=8, color=SHADE,
    )  # fmt: skip


def _finding(votes: Votes, flops: np.ndarray, wrong: np.ndarray) -> str:
    """The least error and its cost, and what a tenth of that buys."""
    best = lower_envelope(flops.ravel(), wrong.ravel())
    cheap = best[flops.ravel()[best] <= flops.ravel()[best[-1]] / 10]
    amount = EngFormatter(unit="FLOP", places=1)(float(flops.ravel()[best[-1]]))
    told = f"{votes.name}: {_point(votes, wrong, best[-1], f'wrong for {amount}')}"
    if cheap.size and wrong.ravel()[cheap[-1]] < 1:
        told += f", {_point(votes, wrong, cheap[-1], 'for a tenth')}"
    return told


def _point(votes: Votes, wrong: np.ndarray, position: int, cost: str) -> str:
    step, number = np.unravel_index(position, wrong.shape)
    count, steps = _counted(votes.counts[number], "vote"), _counted(votes.steps[step], "step")
    held = f"({count} of {steps})".replace(" ", "\u00a0")
    return f"{percent(wrong[step, number])} {cost} {held}"


def _counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
