"""How many boards are solved: over steps, and by the number of givens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oscillo.plotting import (
    FIRST_GROUP,
    SECOND_GROUP,
    SHADE,
    ReferenceLine,
    SeriesStyle,
    counted,
    doubling_axis,
    draw_shares,
    headline,
    mean_steps,
    new_figure,
    of_how_many,
    outermost,
    percent,
    percent_axis,
    series_style,
    side_labels,
    stopping,
    style,
    up_to,
    voted,
    wilson_interval,
)
from oscillo_tasks.sudoku.metrics import blank_cells, over_cells

COLUMNS = 3
"""Panels beside each other."""

BOARDS_PER_BIN = 12
"""With fewer boards per number of givens, neighbouring numbers are taken together."""

MOST_TICKS = 7
"""Names of bins that fit below a panel."""

LEGEND_ROOM = 1.22
"""Upper end of the axis of shares, so that no bar runs through the legend."""

_GROUPS = (("singles suffice", FIRST_GROUP), ("need branching", SECOND_GROUP))


def singles_line(results: Mapping[str, xr.Dataset]) -> ReferenceLine:
    """The shares of boards that naked and hidden singles finish, for results with `branching` [sample]."""
    shares = {name: float(1 - result["branching"].values.mean()) for name, result in results.items()}
    return ReferenceLine("singles alone", shares)


@style()
def accuracy_over_steps(
    results: Mapping[str, xr.Dataset], declared_steps: int | None = None, said: str = "trained with {steps}"
) -> Figure:
    """Draw the share of boards solved, and of blank cells right, against the steps taken.

    Beside every curve stands the singles-only line: the share of the same boards that naked and hidden singles
    finish.

    Args:
        results: by evaluation, each with `correct_at` and `cells_correct_at` [sample, at_step], the coordinate
            `at_step`, `puzzle` [sample, y, x] and `branching` [sample].
        declared_steps: steps that the network declares, where they are to be marked.
        said: what is said of them, with `{steps}` where they stand.

    Raises:
        ValueError: without results.
    """
    if not results:
        raise ValueError("no evaluation to draw")
    figure = new_figure(9.4, 4.8)
    axes = figure.subplots()
    percent_axis(axes)
    doubling_axis(axes, np.unique(np.concatenate([result["at_step"].values for result in results.values()])))
    axes.set_xlabel("steps taken")
    axes.set_ylabel("share right [%]")
    if declared_steps:
        _mark_steps(axes, declared_steps, said.format(steps=counted(declared_steps, "step")))
    singles_line(results).draw(axes, list(results))
    labels: dict[str, tuple[float, str]] = {}
    longest = max(int(result["at_step"][-1]) for result in results.values())
    looks = {name: series_style(index) for index, name in enumerate(results)}
    cells: list[xr.DataArray] = []
    # Short courses over long ones and thin ones over wide ones, since they may run along the same points.
    widths = iter(np.linspace(1.6 + 0.4 * (len(results) - 1), 1.6, len(results)))
    for name, result in sorted(results.items(), key=lambda item: -int(item[1]["at_step"][-1])):
        _draw_cells(axes, result, looks[name], cells)
        right = result["correct_at"].transpose("sample", "at_step").values.astype(bool)
        line = {"until": mean_steps(result), "linewidth": next(widths)}
        shares = draw_shares(axes, result["at_step"].values, right, looks[name], **line)
        labels[f"{name}{_end_label(result, float(shares[-1]), longest)}"] = (float(shares[-1]), looks[name].color)
    side_labels(axes, labels, x=longest)
    headline(figure, _finding_over_steps(results, declared_steps), _caption_over_steps(results))
    return figure


def _end_label(result: xr.Dataset, share: float, longest: int) -> str:
    """What stands behind the name of a curve. Who chooses stands in the caption, or names take half of the figure."""
    count = f", {members} votes" if (members := result.sizes.get("member", 1)) > 1 else ""
    earlier = f" after {last:,}" if (last := int(result["at_step"][-1])) < longest else ""
    stop = f" (early stop, mean {mean_steps(result):.1f})" if "steps_taken" in result else ""
    return f"{count}: {percent(share)}{earlier}{stop}"


def _caption_over_steps(results: Mapping[str, xr.Dataset]) -> str:
    caption = (
        "Solid: boards, with 95 % Wilson intervals. Dotted: blank cells that are right, one line where evaluations "
        "agree. Dashed: boards that naked and hidden singles finish."
    )
    if names := [voted(name, result) for name, result in results.items() if result.sizes.get("member", 1) > 1]:
        caption += f" Of votes, the chosen answer counts: {'; '.join(names)}."
    if any("steps_taken" in result for result in results.values()):
        caption += " Finely dashed: beyond the mean number of steps taken before the early stop."
    return caption


def _mark_steps(axes: Axes, steps: int, said: str) -> None:
    axes.axvline(steps, color=SHADE, linewidth=0.9, zorder=1)
    axes.annotate(
        said, (steps, 1.0), xytext=(-2, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="right", fontsize=8, color=SHADE, annotation_clip=True,
    )  # fmt: skip


def _draw_cells(axes: Axes, result: xr.Dataset, look: SeriesStyle, drawn: list[xr.DataArray]) -> None:
    """Draw the share of blank cells that are right, and add it to `drawn`, unless it runs along one of those."""
    blanks = blank_cells(result["puzzle"].transpose("sample", ...).values)
    shares = over_cells(result["cells_correct_at"].transpose("sample", "at_step").values, blanks)
    course = xr.DataArray(shares, dims="at_step", coords={"at_step": result["at_step"]})
    for other in drawn:
        if course.at_step.isin(other.at_step).all() and np.allclose(other.sel(at_step=course.at_step), course):
            return
    if not drawn:
        place = (int(course.at_step[len(course) // 2]), float(course[len(course) // 2]))
        axes.annotate("cells", place, (-4, 4), textcoords="offset points", ha="right", fontsize=8, color=look.color)
    axes.plot(course.at_step, course, color=look.color, alpha=0.75, linestyle=":", linewidth=1.3)
    drawn.append(course)


def _finding_over_steps(results: Mapping[str, xr.Dataset], declared_steps: int | None) -> str:
    """What the most steps bring, in the evaluation that takes them, and which number of them is best."""
    name, result = max(results.items(), key=lambda item: int(item[1]["at_step"][-1]))
    share = result["correct_at"].mean("sample")
    last = int(share["at_step"][-1])
    start = declared_steps if declared_steps in share["at_step"].values and declared_steps != last else None
    first = int(share["at_step"][0]) if start is None else start
    best = int(share[::-1].idxmax())
    solved = {step: percent(float(share.sel(at_step=step))) for step in sorted({first, best, last})}
    earliest, *later = solved
    told = [f"{solved[earliest]} solved after {counted(earliest, 'step')}"]
    told += [f"{solved[step]} after {up_to(result)}{step:,}" for step in later]
    singles = percent(float(1 - result["branching"].values.mean()))
    return f"{voted(name, result)}{stopping(result)}: {', '.join(told)}\n(singles alone: {singles} of the boards)"


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
        shares.set_title(f"{voted(name, result)}\n{counted(result.sizes['sample'], 'board')}")
        if column == 0:
            shares.set_ylabel("boards solved [%]")
            counts.set_ylabel("boards")
    fullest = max(panels[::2].flat, key=lambda axes: len(axes.get_legend_handles_labels()[1]))
    fullest.legend(loc="upper center", ncols=2, handlelength=2.8, columnspacing=1.2)
    hatched = ", branching ones hatched" if any(result["branching"].any() for result in results.values()) else ""
    caption = f"Thin bars: 95 % Wilson intervals. Below: numbers of boards{hatched}."
    headline(figure, _finding_by_givens(results), caption)
    return figure


def bin_edges(givens: np.ndarray) -> np.ndarray:
    """Bounds of bins of equal width, as narrow as leaves about `BOARDS_PER_BIN` boards in each.

    Args:
        givens: of every board, [sample].

    Returns:
        Rising integers; bin i holds the boards with edges[i] <= givens < edges[i + 1].
    """
    low, high = int(givens.min()), int(givens.max())
    numbers = high - low + 1
    width = min(numbers, -(-BOARDS_PER_BIN * numbers // len(givens)))
    return low + width * np.arange(-(-numbers // width) + 1)


def _draw_by_givens(shares: Axes, counts: Axes, result: xr.Dataset) -> None:
    givens, right, branching = (result[name].values for name in ("givens", "correct", "branching"))
    edges = bin_edges(givens)
    width = edges[1] - edges[0]
    centres = (edges[:-1] + edges[1:] - 1) / 2
    below = np.zeros(len(centres))
    present = [pair for pair in zip(_GROUPS, (~branching, branching), strict=True) if pair[1].any()]
    sides = (-1, 1) if len(present) > 1 else (0,)
    for ((name, look), chosen), side in zip(present, sides, strict=True):
        boards, hits = (np.histogram(givens[mask], edges)[0] for mask in (chosen, chosen & right))
        share = np.where(boards > 0, hits / np.maximum(boards, 1), np.nan)
        low, high = wilson_interval(hits, boards)
        place = centres + 0.1 * width * side
        shares.vlines(place[boards > 0], low[boards > 0], high[boards > 0], color=look.color, linewidth=0.9, alpha=0.6)
        line: dict[str, Any] = look.line | look.mark | {"linewidth": 0.8}
        shares.plot(place, share, label=name, clip_on=False, **line)
        shown = boards > 0
        face, hatch = (look.color, "") if look.filled else ("white", "////")
        counts.bar(
            centres[shown], boards[shown], 0.8 * width, below[shown], facecolor=face, edgecolor=look.color, hatch=hatch,
            linewidth=0.8,
        )  # fmt: skip
        below += boards
    percent_axis(shares)
    shares.set(ylim=(-0.03, LEGEND_ROOM), yticks=np.linspace(0, 1, 5))
    shares.tick_params(labelbottom=False)
    counts.set_xlabel("givens")
    every = -(-len(centres) // MOST_TICKS)
    for axes in (shares, counts):
        axes.set_xticks(centres[::every], _bin_names(edges, int(givens.max()))[::every])
    counts.set_ylim(0, below.max() * 1.12)
    counts.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10], integer=True))
    counts.grid(axis="x", visible=False)
    for axes in (shares, counts):
        axes.set_xlim(edges[0] - 0.5 - 0.1 * width, edges[-1] - 0.5 + 0.1 * width)


def _bin_names(edges: np.ndarray, highest: int) -> list[str]:
    ends = np.minimum(edges[1:] - 1, highest)
    return [str(low) if low == high else f"{low}–{high}" for low, high in zip(edges[:-1], ends, strict=True)]


def _finding_by_givens(results: Mapping[str, xr.Dataset]) -> str:
    """The share of the harder kind of boards, or of all where there is none."""
    shares = {}
    for name, result in results.items():
        if (chosen := result["branching"].values).any():
            shares[name] = f"{percent(result['correct'].values[chosen].mean())} of {chosen.sum():,}"
    if not shares:
        solved = [
            f"{percent(result['correct'].values.mean())} of {result.sizes['sample']:,} ({name})"
            for name, result in results.items()
        ]
        return f"Boards solved: {', '.join(outermost(solved))}{of_how_many(solved)}; none needs branching"
    told = [f"{share} ({name})" for name, share in shares.items()]
    return f"Of the boards that need branching, solved: {', '.join(outermost(told))}{of_how_many(told)}"
