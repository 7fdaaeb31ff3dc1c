"""Error against compute: what more steps and more votes cost, and which of the two to buy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, NullLocator

from oscillo.analysis import Votes
from oscillo.plotting.labels import side_labels
from oscillo.plotting.shares import ReferenceLine
from oscillo.plotting.statistics import counted, of_how_many, outermost, percent, wilson_interval
from oscillo.plotting.style import FAINT, SHADE, headline, log_ticks, new_figure, series_style, style
from oscillo.plotting.votes import SELECTORS, up_to

COLUMNS = 2
"""Panels beside each other."""

_LIGHTEST, _DARKEST = 0.42, 1.0
"""Part of the colour map that the numbers of votes are spread over, from few to many."""

SPAN = 10.0
"""The axis of wrong answers spans at least this factor."""


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
    span = np.concatenate([votes.flops.ravel() for votes in all_votes])
    findings = []
    for axes, votes in zip(panels.flat, all_votes, strict=False):
        _compute_axis(axes, span.min(), span.max())
        findings.append(_draw(axes, votes, selector or votes.main, reference))
    for axes in panels.flat[len(all_votes) :]:
        axes.set_axis_off()
    for row in panels:
        row[0].set_ylabel("wrong answers [%]")
    caption = (
        "Numbers at the upper ends: votes; points of a curve: steps, each with its 95 % Wilson interval. Grey band: "
        "the least error for the compute. FLOP: multiplications and additions of the mean sample, all votes together."
    )
    if any(votes.right(selector or votes.main).all(axis=0).any() for votes in all_votes):
        caption += " What is never wrong stands at 0, below the logarithmic axis."
    headline(figure, "\n".join(outermost(findings)) + of_how_many(findings), caption)
    return figure


def _draw(axes: Axes, votes: Votes, selector: str, reference: ReferenceLine | None) -> str:
    """Draw one evaluation, and say what it shows."""
    wrong, flops = (~votes.right(selector)).mean(axis=0), votes.flops
    low, high = wilson_interval(votes.samples * wrong, np.full(wrong.shape, votes.samples))
    shares = [wrong, low[wrong > 0], high]
    if reference and votes.name in reference.shares:
        shares.append(np.array([1 - reference.shares[votes.name]]))
    axes.set_title(f"{votes.name}, {SELECTORS[selector][0]}, {counted(votes.samples, 'sample')}")
    floor = _error_axis(axes, np.concatenate([part.ravel() for part in shares]), votes.samples)
    shown, low = np.maximum(wrong, floor), np.maximum(low, floor)
    best = lower_envelope(flops.ravel(), wrong.ravel())
    axes.plot(
        flops.ravel()[best], shown.ravel()[best], color=FAINT, linewidth=7, drawstyle="steps-post", zorder=1,
        label="least error",
    )  # fmt: skip
    shades = np.linspace(_LIGHTEST, _DARKEST, len(votes.counts))
    for number, count in enumerate(votes.counts):
        colour, look = to_hex(colormaps["Blues"](shades[number])), series_style(number)
        axes.vlines(flops[:, number], low[:, number], high[:, number], color=colour, linewidth=0.8, alpha=0.5, zorder=2)
        axes.plot(
            flops[:, number], shown[:, number], color=colour, marker=look.marker, markersize=4, linewidth=1.2,
            zorder=3, markerfacecolor=colour if look.filled else "white", label=f"votes {count}",
        )  # fmt: skip
        axes.annotate(
            counted(count, "vote") if count == 1 else str(count), (flops[0, number], high[0, number]), xytext=(0, 4),
            textcoords="offset points", ha="center", fontsize=8, color=colour if number else SHADE,
        )  # fmt: skip
    if reference and votes.name in reference.shares:
        _draw_reference(axes, reference, votes.name, floor)
    return _finding(votes, flops, wrong)


def _error_axis(axes: Axes, shares: np.ndarray, samples: int) -> float:
    """Make the y axis logarithmic for some shares, with room for names above them, and return where 0 is drawn."""
    # No share but 0 lies below that of a single sample.
    least = 1 / samples
    high = max(shares.max(), least)
    floor = min(least / 2, high / SPAN) if (shares == 0).any() else 0.0
    low = floor or min(shares.min(), high / SPAN)
    margin = (high / low) ** 0.08
    axes.set(yscale="log", ylim=(low / margin, high * margin))
    ticks = log_ticks(low / margin, min(high * margin, 1.0))
    axes.yaxis.set_major_locator(FixedLocator([floor, *(t for t in ticks if t >= least)] if floor else ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: "0" if share == floor else f"{100 * share:.3g}"))
    return floor


def _compute_axis(axes: Axes, least: float, most: float) -> None:
    """Make the x axis logarithmic, with room for a name above its ends and ticks with prefixes of the SI."""
    margin = max(1.4, (most / least) ** 0.08)
    low, high = least / margin, most * margin
    axes.set(xscale="log", xlim=(low, high), xlabel="compute per sample [FLOP]")
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(low, high)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter())


def _draw_reference(axes: Axes, reference: ReferenceLine, name: str, floor: float) -> None:
    error = 1 - reference.shares[name]
    axes.axhline(max(error, floor), color=SHADE, linestyle=(0, (4, 2)), linewidth=1.0, zorder=1)
    label = {f"{reference.label}\n{percent(error)}": (max(error, floor), SHADE)}
    side_labels(axes, label, x=axes.get_xlim()[1])


def _finding(votes: Votes, flops: np.ndarray, wrong: np.ndarray) -> str:
    """The least error of all votes and the least of one vote, each with the steps and the cost it takes."""
    points = [_point(votes, flops[:, number], wrong[:, number], number) for number in (-1, 0)]
    return f"{votes.name}: {points[0]}, {points[1]}" if len(votes.counts) > 1 else f"{votes.name}: {points[0]}"


def _point(votes: Votes, flops: np.ndarray, wrong: np.ndarray, number: int) -> str:
    """The least error of so many votes, at the fewest steps that reach it."""
    step = int(wrong.argmin())
    amount = EngFormatter(unit="FLOP", places=1)(float(flops[step]))
    held = f"({up_to(votes.result)}{counted(int(votes.steps[step]), 'step')}, {amount})".replace(" ", "\u00a0")
    count = counted(int(votes.counts[number]), "vote").replace(" ", "\u00a0")
    return f"{percent(wrong[step])} wrong with {count} {held}"
