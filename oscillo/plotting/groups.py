"""How a number is distributed in some groups: histograms, or one mark for each sample where there are few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from oscillo.plotting.style import PERCENT_TICKS, SeriesStyle

FEW = 20
"""Samples. A group of fewer is drawn one by one instead of as a histogram."""

BINS = (10, 30)
"""Fewest and most bins of a histogram."""


class Group(NamedTuple):
    """A group of samples."""

    label: str
    values: np.ndarray
    """The number, [sample]."""
    weights: np.ndarray
    """What each sample counts, [sample]."""
    look: SeriesStyle


def draw_groups(axes: Axes, groups: Sequence[Group]) -> None:
    """Draw the shares of each group that fall into common bins, the first group on top.

    Where all groups are small there are no shares, and no axis of them.

    Args:
        axes: empty.
        groups: one sample or more in each.
    """
    large = [len(group.values) for group in groups if len(group.values) >= FEW]
    count = int(np.clip(np.sqrt(min(large, default=FEW)), *BINS))
    bins = np.histogram_bin_edges(np.concatenate([group.values for group in groups]), count).tolist()
    for label, values, weights, look in reversed(groups):
        if len(values) < FEW:
            height = np.full(len(values), 0.06)
            place = axes.get_xaxis_transform()
            axes.plot(values, height, linestyle="", transform=place, zorder=3, label=label, **look.mark)
            continue
        shares = weights / weights.sum()
        axes.hist(values, bins, weights=shares, color=look.color, alpha=0.25, histtype="stepfilled")
        axes.hist(values, bins, weights=shares, histtype="step", linewidth=1.3, label=label, **look.line)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylim(bottom=0)
    if large:
        axes.set_ylabel("share of the group [%]")
        axes.yaxis.set_major_formatter(PERCENT_TICKS)
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 4, 5, 10]))
    else:
        axes.set_yticks([])
