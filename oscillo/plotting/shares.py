"""Shares of samples along an axis, with their intervals, and the line they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from oscillo.plotting.labels import side_labels
from oscillo.plotting.statistics import percent, wilson_interval
from oscillo.plotting.style import SHADE, SeriesStyle

STOPPED = (0, (1.5, 1.5))
"""Dashes of a line behind the mean number of steps taken before an early stop."""


def draw_shares(
    axes: Axes, x: ArrayLike, hits: np.ndarray, look: SeriesStyle, *, intervals: bool = True, until: float = np.inf,
    **line: Any,
) -> np.ndarray:  # fmt: skip
    """Draw the share of samples that are hit, point by point, with 95 % Wilson intervals.

    Args:
        axes: where.
        x: place of each point, [point].
        hits: bool [sample, point].
        look: of the series.
        intervals: whether these are drawn; series of equal shares would draw theirs over one another.
        until: mean place at which samples stop; behind the last point before it the line is dashed.
        **line: arguments of matplotlib's `errorbar` that the look does not have, or that take its place.

    Returns:
        The shares, [point].
    """
    share = hits.mean(axis=0)
    low, high = wilson_interval(hits.sum(axis=0), np.full(len(share), len(hits)))
    drawn: dict[str, Any] = look.line | look.mark | {"elinewidth": 0.9, "clip_on": False, "zorder": 3} | line
    bars = (share - low, high - share) if intervals else None
    x, taken = np.asarray(x), int(np.searchsorted(x, until, side="right"))
    if taken < len(share):
        drawn["linestyle"] = ""
        width = drawn.get("linewidth")
        for part, dashes in ((slice(taken), look.linestyle), (slice(max(taken - 1, 0), None), STOPPED)):
            axes.plot(
                x[part], share[part], color=look.color, linestyle=dashes, linewidth=width, clip_on=False, zorder=3.1
            )
    axes.errorbar(x, share, yerr=bars, **drawn)
    return share


@dataclass(frozen=True)
class ReferenceLine:
    """A share that a simpler method reaches on the same samples.

    Attributes:
        label: name of the method.
        shares: what it reaches, by name of the result.
    """

    label: str
    shares: Mapping[str, float]

    def draw(self, axes: Axes, names: Sequence[str], *, labelled: bool = True) -> None:
        """Draw the lines of some results, one for those that are equal; call it when the limits are final.

        Args:
            axes: where.
            names: of the results that are drawn there; those without a share get no line.
            labelled: whether the lines are named.
        """
        lines: dict[float, list[str]] = {}
        for name in names:
            if name in self.shares:
                lines.setdefault(self.shares[name], []).append(name)
        labels = {}
        for share, members in lines.items():
            axes.axhline(share, color=SHADE, linestyle=(0, (4, 2)), linewidth=1.1, zorder=2)
            whose = f" ({', '.join(members)})" if len(lines) > 1 else ""
            labels[f"{self.label} {percent(share)}{whose}"] = (share, SHADE)
        if labelled:
            side_labels(axes, labels, x=axes.get_xlim()[0] * 1.03, place="above")
