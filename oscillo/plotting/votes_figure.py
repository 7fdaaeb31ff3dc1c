"""Whether more votes and more steps help, and which selector knows the right answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oscillo.analysis import Votes
from oscillo.plotting.labels import side_labels
from oscillo.plotting.shares import ReferenceLine, draw_shares
from oscillo.plotting.statistics import counted, of_how_many, outermost, percent, wilson_interval
from oscillo.plotting.style import (
    SHADE,
    SeriesStyle,
    doubling_axis,
    headline,
    new_figure,
    percent_axis,
    style,
)
from oscillo.plotting.votes import ORACLE, SELECTORS, mean_steps, stopping, up_to

FIRST = SeriesStyle(SHADE, ".", "-")
"""Look of the first member alone."""

GRID = 0.05
"""Ends of the axis of the right panels are multiples of this."""


@style()
def votes_figure(results: Mapping[str, xr.Dataset], reference: ReferenceLine | None = None) -> Figure:
    """Draw, for each evaluation, shares of right answers against steps on the left and against votes on the right.

    Args:
        results: by evaluation, as `Votes` takes them.
        reference: what a simpler method reaches on the same samples.

    Raises:
        ValueError: without results, or when a result has no votes.
    """
    if not results:
        raise ValueError("no votes to draw")
    all_votes = [Votes(name, result) for name, result in results.items()]
    figure = new_figure(9.4, 1.3 + 2.9 * len(all_votes))
    rows = figure.subplots(len(all_votes), 2, squeeze=False, width_ratios=[1, 1])
    for (over_steps, over_votes), votes in zip(rows, all_votes, strict=True):
        _draw_steps(over_steps, votes, reference)
        _draw_votes(over_votes, votes, reference)
    rows[-1][0].set_xlabel("steps taken")
    rows[-1][1].set_xlabel("votes")
    caption = (
        "Left: by the number of steps, one vote in grey and all votes in colour. Right: by the number of votes after "
        "the last step, in a frame of its own. Thin bars: 95 % Wilson intervals of the selector that the headline "
        "names; the samples are the same for all, so selectors differ more surely than they suggest. Oracle: any of "
        "the answers is right."
    )
    if any("steps_taken" in votes.result for votes in all_votes):
        caption += " Dashed on the left: beyond the mean number of steps taken."
    headline(figure, _finding(all_votes), caption)
    return figure


def _draw_steps(axes: Axes, votes: Votes, reference: ReferenceLine | None) -> None:
    percent_axis(axes)
    doubling_axis(axes, votes.steps)
    axes.set_ylabel("right answers [%]")
    title = f"{votes.name}: 1 and {votes.counts[-1]} votes, {counted(votes.samples, 'sample')}"
    axes.set_title(title + stopping(votes.result).replace(", ", ",\n"))
    until = mean_steps(votes.result)
    axes.plot(votes.steps, votes.oracle[..., -1].mean(axis=0), label="oracle", **ORACLE.line)
    for selector in votes.selectors:
        name, look = SELECTORS[selector]
        right, intervals = votes.right(selector)[..., -1], selector == votes.main
        draw_shares(axes, votes.steps, right, look, intervals=intervals, until=until, label=name)
    alone = votes.member_right[..., 0]
    share = draw_shares(axes, votes.steps, alone, FIRST, intervals=False, until=until, label="1 vote")[-1]
    side_labels(axes, {"1 vote": (share, SHADE)}, x=votes.steps[-1])
    if reference:
        reference.draw(axes, [votes.name])


def _draw_votes(axes: Axes, votes: Votes, reference: ReferenceLine | None) -> None:
    doubling_axis(axes, votes.counts)
    axes.set_ylabel("right answers [%]")
    axes.set_title(f"{votes.name}: after {up_to(votes.result)}{counted(int(votes.steps[-1]), 'step')}")
    bound = votes.oracle[:, -1].mean(axis=0)
    axes.plot(votes.counts, bound, label="oracle", **ORACLE.line)
    ends, shown = {"oracle": (float(bound[-1]), ORACLE.color)}, [bound]
    for selector in votes.selectors:
        name, look = SELECTORS[selector]
        intervals = selector == votes.main
        share = draw_shares(axes, votes.counts, votes.right(selector)[:, -1], look, intervals=intervals, label=name)
        ends[name] = (float(share[-1]), look.color)
        shown.append(share)
        if intervals:
            shown += wilson_interval(votes.samples * share, np.full(len(share), votes.samples))
    if reference and votes.name in reference.shares:
        shown.append(np.array([reference.shares[votes.name]]))
    low, high = np.concatenate(shown).min(), np.concatenate(shown).max()
    percent_axis(axes, np.floor(low / GRID) * GRID, np.ceil(high / GRID) * GRID)
    if reference:
        reference.draw(axes, [votes.name], labelled=False)
    side_labels(axes, _end_labels(ends), x=votes.counts[-1])


def _end_labels(ends: dict[str, tuple[float, str]]) -> dict[str, tuple[float, str]]:
    """Names of curves with their last values, one for all curves if they end alike."""
    if len(set(share for share, _ in ends.values())) == 1:
        share = ends["oracle"][0]
        return {f"oracle and all selectors {percent(share)}": (share, ORACLE.color)}
    return {f"{name} {percent(share)}": (share, colour) for name, (share, colour) in ends.items()}


def _finding(all_votes: list[Votes]) -> str:
    """What all votes bring over one, with the selector that is right most often."""
    lines = []
    for votes in all_votes:
        alone, best = votes.member_right[:, -1, 0].mean(), votes.right(votes.main)[:, -1, -1].mean()
        lines.append(
            f"{votes.name}: {percent(alone)} right with one vote, {percent(best)} with {votes.counts[-1]} "
            f"by {SELECTORS[votes.main][0]} (oracle {percent(votes.oracle[:, -1, -1].mean())})"
        )
    return "\n".join(outermost(lines)) + of_how_many(lines)
