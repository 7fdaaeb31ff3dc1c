"""Names of curves, written beside them instead of in a legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from oscillo.plotting.style import SHADE

LINE_HEIGHT = 1.25
"""Distance between two labels, in font sizes."""

PAD = 7.0
"""Distance from the curve, in points."""


def say_why_empty(axes: Axes, text: str) -> None:
    """Say in place of data why none are drawn."""
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8, color=SHADE)


def side_labels(
    axes: Axes,
    labels: Mapping[str, tuple[float, str]],
    *,
    x: float,
    place: Literal["beside", "above"] = "beside",
    size: float = 8.0,
) -> None:
    """Write names to the right of a point of the x axis, at the height of their values, never over one another.

    They stay beside the axes as far as there is room for all.

    Call it when limits and scale of the axes are final.

    Args:
        axes: where the curves are.
        labels: value on the y axis, and colour, of each name.
        x: where the longest curve ends, or for `above` where the labels begin.
        place: of each name: beside its value; or above it, as for a horizontal line.
        size: of the font, in points.
    """
    if not labels:
        return
    offset, anchor = {"beside": ((PAD, 0), "center"), "above": ((3, 3), "bottom")}[place]
    values = [(x, value) for value, _ in labels.values()]
    heights = axes.transAxes.inverted().transform(axes.transData.transform(values))[:, 1]
    places = spread(heights, _gap(axes, size), 0.0, 1.0)
    for (name, (_, colour)), height in zip(labels.items(), places, strict=True):
        axes.annotate(
            name, (x, height), xycoords=("data", "axes fraction"), xytext=offset,
            textcoords="offset points", ha="left", va=anchor, color=colour, fontsize=size,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
            path_effects=[withStroke(linewidth=2.5, foreground="white")], annotation_clip=False, zorder=6,
        )  # fmt: skip


def _gap(axes: Axes, size: float) -> float:
    """Height of a line of text as a share of the axes.

    Before the layout is made the height of the axes is not known; a share of the figure's is near enough.
    """
    figure, place = axes.get_figure(root=True), axes.get_subplotspec()
    assert figure is not None
    rows = place.get_gridspec().nrows if place is not None else 1
    return LINE_HEIGHT * size / (72 * figure.get_figheight() * 0.7 / rows)


def spread(positions: np.ndarray, gap: float, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    """Move positions apart until neighbours are at least `gap` apart, as little as possible.

    Positions that come too close form a block around their mean (pool adjacent violators), so the sum of the
    squared moves is the smallest possible, and their order stays.

    Args:
        positions: any order, [label].
        gap: smallest distance.
        low: smallest new position, if all find room above it.
        high: largest new position.

    Returns:
        The new positions, in the given order.
    """
    order = np.argsort(positions, kind="stable")
    # With the gaps taken out the positions only have to rise.
    reduced = np.asarray(positions, dtype=float)[order] - gap * np.arange(len(positions))
    blocks: list[tuple[float, int]] = []
    for value in reduced:
        total, size = float(value), 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            earlier, members = blocks.pop()
            total, size = total + earlier, size + members
        blocks.append((total, size))
    risen = [total / size for total, size in blocks for _ in range(size)]
    # Bounds on what only has to rise are met by cutting the rise off.
    result = np.empty(len(positions))
    result[order] = np.clip(risen, low, high - gap * (len(positions) - 1)) + gap * np.arange(len(positions))
    return result
