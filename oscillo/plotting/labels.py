"""Names of curves, written beside them instead of in a legend."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

LINE_HEIGHT = 1.25
"""Distance between two labels, in font sizes."""


def side_labels(
    axes: Axes, labels: Mapping[str, tuple[float, str]], *, inside: bool = False, size: float = 8.0
) -> None:
    """Write names beside the right edge, at the height of their values and never over one another.

    Call it when limits, scale and size of the axes are final.

    Args:
        axes: where the curves are.
        labels: value on the y axis, and colour, of each name.
        inside: write them at the left edge instead, within the axes and just above their values.
        size: of the font, in points.
    """
    if not labels:
        return
    heights = axes.transAxes.inverted().transform(
        axes.transData.transform([(0.0, value) for value, _ in labels.values()])
    )[:, 1]
    figure = axes.get_figure(root=True)
    rows = axes.get_subplotspec().get_gridspec().nrows if axes.get_subplotspec() else 1
    # Before the layout is made the height of the axes is not known; a share of the figure's is near enough.
    points = 72 * figure.get_figheight() * 0.7 / rows
    gap = LINE_HEIGHT * size / points
    for (name, (_, colour)), height in zip(labels.items(), spread(heights, gap), strict=True):
        place = (
            {"x": 0.012, "y": height + 0.12 * gap, "va": "bottom"}
            if inside
            else {"x": 1.03, "y": height, "va": "center"}
        )
        axes.text(s=name, **place, transform=axes.transAxes, color=colour, fontsize=size, ha="left")


def spread(positions: np.ndarray, gap: float) -> np.ndarray:
    """Move positions apart until neighbours are at least `gap` apart, as little as possible.

    Positions that come too close form a block around their mean (pool adjacent violators), so the sum of the
    squared moves is the smallest possible, and their order stays.

    Args:
        positions: any order, [label].
        gap: smallest distance.

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
    risen = np.concatenate([np.full(size, total / size) for total, size in blocks]) if blocks else reduced
    result = np.empty(len(positions))
    result[order] = risen + gap * np.arange(len(positions))
    return result
