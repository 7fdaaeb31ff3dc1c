"""How many boards are solved: over steps, and by the number of givens."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

from oscillo.plotting import (
    FIRST_GROUP,
    SECOND_GROUP,
    SHADE,
    SeriesStyle,
    headline,
    new_figure,
    percent,
    percent_axis,
    series_style,
    side_labels,
    style,
    wilson_interval,
)

COLUMNS = 3
"""Panels beside each other."""

_GROUPS = (("singles suffice", FIRST_GROUP), ("need branching", SECOND_GROUP))


@style()
def accuracy_over_steps(results: Mapping[str, xr.Dataset], training_steps: int | None = None) -> Figure:
    """Draw the share of boards solved, and of blank cells right, against the steps taken.

    Beside every curve stands the singles-only line: the share of the same boards that naked and hidden singles
    finish.

    Args:
        results: by evaluation, each with `correct_at` and `cells_correct_at` [sample, at_step], the coordinate
            `at_step`, and `branching` [sample].
        training_steps: steps that the network was trained with, where they are known.

    Raises:
        ValueError: without results.
    """
    if not results:
        raise ValueError("no evaluation to draw")
    figure = new_figure(8.0, 4.8)
    axes = figure.subplots()
    percent_axis(axes)
    labels: dict[str, tuple[float, str]] = {}
    for index, (name, result) in enumerate(results.items()):
        look = series_style(index)
        final = _draw_course(axes, result, look)
        labels[f"{name}  {percent(final)}"] = (final, look.color)
    side_labels(axes, labels)
    singles = {}
    for share, names in _singles_lines(results).items():
        colour = series_style(list(results).index(names[0])).color
        axes.axhline(share, color=colour, linestyle=(0, (2, 2)), linewidth=1.1)
        singles[f"singles alone {percent(share)} ({', '.join(names)})"] = (share, colour)
    side_labels(axes, singles, inside=True)
    _step_axis(axes, np.unique(np.concatenate([result["at_step"].values for result in results.values()])))
    axes.set_ylabel("boards solved [%]")
    if training_steps:
        axes.axvline(training_steps, color=SHADE, linewidth=0.9, zorder=1)
        axes.annotate(
            f"trained with\n{training_steps} steps", (training_steps, 0.0), xycoords=("data", "axes fraction"),
            xytext=(4, 6), textcoords="offset points", fontsize=8, color=SHADE,
        )  # fmt: skip
    caption = (
        "Solid: boards, with 95 % Wilson intervals. Faint: share of the blank cells that are right. "
        "Dashed: boards that naked and hidden singles finish."
    )
    headline(figure, _finding_over_steps(results, training_steps), caption)
    return figure


def _draw_course(axes: Axes, result: xr.Dataset, look: SeriesStyle) -> float:
    """Draw one evaluation and return the share of boards solved at its end."""
    steps = result["at_step"].values
    right = result["correct_at"].transpose("at_step", "sample").values.astype(bool)
    share = right.mean(axis=1)
    low, high = wilson_interval(right.sum(axis=1), np.full(len(steps), right.shape[1]))
    cells = result["cells_correct_at"].mean("sample").values
    axes.plot(steps, cells, color=look.color, alpha=0.35, linewidth=1.0)
    axes.errorbar(
        steps,
        share,
        yerr=(share - low, high - share),
        **(look.line | look.mark),
        elinewidth=0.9,
        clip_on=False,
        zorder=3,
    )
    return float(share[-1])


def _singles_lines(results: Mapping[str, xr.Dataset]) -> dict[float, list[str]]:
    """Shares of boards that singles finish, each with the evaluations that have it."""
    lines: dict[float, list[str]] = {}
    for name, result in results.items():
        lines.setdefault(float(1 - result["branching"].values.mean()), []).append(name)
    return lines


def _step_axis(axes: Axes, steps: np.ndarray) -> None:
    """A logarithmic axis in powers of two, with a tick wherever answers were read out."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(steps[-12:]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlim(max(steps[0], 1) * 0.93, steps[-1] * 1.07)
    axes.set_xlabel("steps taken")


def _finding_over_steps(results: Mapping[str, xr.Dataset], training_steps: int | None) -> str:
    """What the most steps bring, in the evaluation that takes them."""
    name, result = max(results.items(), key=lambda item: int(item[1]["at_step"][-1]))
    share = result["correct_at"].mean("sample")
    last = int(share["at_step"][-1])
    start = training_steps if training_steps in share["at_step"].values and training_steps != last else None
    first = int(share["at_step"][0]) if start is None else start
    before, after = percent(float(share.sel(at_step=first))), percent(float(share[-1]))
    singles = percent(float(1 - result["branching"].values.mean()))
    return (
        f"{name}: {before} of the boards solved after {first} steps, {after} after {last}\n(singles alone: {singles})"
    )


@style()
def accuracy_by_givens(results: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the share of boards solved by the number of givens, apart for boards that singles finish.

    Args:
        results: by evaluation, each with `correct`, `givens` and `branching` [sample].

    Raises:
        ValueError: without results.
    """
    if not results:
        raise ValueError("no evaluation to draw")
    columns = min(COLUMNS, len(results))
    rows = -(-len(results) // columns)
    figure = new_figure(1.2 + 3.3 * columns, 1.0 + 3.6 * rows)
    panels = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[3, 1] * rows)
    for position in range(rows * columns):
        row, column = divmod(position, columns)
        shares, counts = panels[2 * row, column], panels[2 * row + 1, column]
        if position >= len(results):
            shares.set_axis_off()
            counts.set_axis_off()
            continue
        name, result = list(results.items())[position]
        _draw_by_givens(shares, counts, result)
        shares.set_title(f"{name}, {result.sizes['sample']:,} boards")
        if column == 0:
            shares.set_ylabel("boards solved [%]")
            counts.set_ylabel("boards")
    panels[0, 0].legend(loc="lower right")
    caption = "Bars on the marks: 95 % Wilson intervals. Below: how many boards there are, branching ones hatched."
    headline(figure, _finding_by_givens(results), caption)
    return figure


def _draw_by_givens(shares: Axes, counts: Axes, result: xr.Dataset) -> None:
    givens, right, branching = (result[name].values for name in ("givens", "correct", "branching"))
    numbers = np.arange(givens.min(), givens.max() + 1)
    below = np.zeros(len(numbers))
    for (name, look), of_group, shift in zip(_GROUPS, (~branching, branching), (-0.13, 0.13), strict=True):
        boards = np.array([(of_group & (givens == number)).sum() for number in numbers])
        hits = np.array([(right & of_group & (givens == number)).sum() for number in numbers])
        known = boards > 0
        share = hits[known] / boards[known]
        low, high = wilson_interval(hits[known], boards[known])
        ends = (share - low, high - share)
        shares.errorbar(
            numbers[known] + shift,
            share,
            yerr=ends,
            label=name,
            **(look.line | look.mark),
            elinewidth=0.9,
            linewidth=1.0,
        )
        face = look.color if look.filled else "white"
        counts.bar(
            numbers,
            boards,
            0.8,
            below,
            facecolor=face,
            edgecolor=look.color,
            hatch="" if look.filled else "////",
            linewidth=0.8,
        )
        below += boards
    percent_axis(shares)
    shares.tick_params(labelbottom=False)
    counts.set_xlabel("givens")
    counts.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    counts.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    counts.grid(axis="x", visible=False)
    for axes in (shares, counts):
        axes.set_xlim(numbers[0] - 0.7, numbers[-1] + 0.7)


def _finding_by_givens(results: Mapping[str, xr.Dataset]) -> str:
    """Both shares of every evaluation."""
    parts = []
    for name, result in results.items():
        right, branching = result["correct"].values, result["branching"].values
        groups = [("singles", ~branching), ("branching", branching)]
        shares = [f"{kind} {percent(right[chosen].mean())}" for kind, chosen in groups if chosen.any()]
        parts.append(f"{name} ({', '.join(shares)})")
    return "Boards solved: " + "; ".join(parts)
