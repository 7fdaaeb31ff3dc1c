"""Numbers that figures show beside the data: intervals, quantiles, and their text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

_NORMAL_95 = 1.959963984540054


def wilson_interval(hits: ArrayLike, trials: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share (Wilson 1927), good for small numbers and for shares near 0 and 1.

    Args:
        hits: how many of the trials came out well.
        trials: how many there were; of the same shape.

    Returns:
        Lower and upper ends, in [0, 1]; 0 and 1 where there was no trial.
    """
    hits, trials = np.asarray(hits, dtype=float), np.asarray(trials, dtype=float)
    known = np.maximum(trials, 1.0)
    share, spread = hits / known, _NORMAL_95**2 / known
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    # The ends enclose the share itself, which rounding would otherwise break at shares of 0 and 1.
    low, high = np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)
    return np.where(trials > 0, low, 0.0), np.where(trials > 0, high, 1.0)


def weighted_quantiles(values: ArrayLike, weights: ArrayLike, shares: ArrayLike) -> np.ndarray:
    """Values that at least a share of the weight does not exceed: the inverse of the weighted distribution.

    Args:
        values: [sample, ...].
        weights: 0 or more, some of them positive, [sample].
        shares: in (0, 1], [share].

    Returns:
        [share, ...]; with equal weights and an odd number of samples the half is the median.
    """
    values, weights = np.asarray(values), np.asarray(weights, dtype=float)
    order = np.argsort(values, axis=0)
    below = np.cumsum(weights[order], axis=0)
    # A hair less than the share, so that sums of weights that are not quite even reach it.
    wanted = np.asarray(shares, dtype=float).reshape(-1, *[1] * values.ndim) * (1 - 1e-9)
    rank = (below / below[-1] < wanted).sum(axis=1)
    return np.take_along_axis(np.take_along_axis(values, order, axis=0), rank, axis=0)


def percent(share: float) -> str:
    """A share as text, `94.2 %` or `94 %`; never rounded to 0 or 100 unless it is."""
    value = 100 * float(share)
    if 0 < value < 0.05:
        return "< 0.1 %"
    if 99.95 < value < 100:
        return "> 99.9 %"
    return f"{value:.1f}".removesuffix(".0") + " %"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence, the last one joined by "and"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def outermost(parts: Sequence[str]) -> list[str]:
    """First and last of several parts: headlines name no more, and say so with `of_how_many`."""
    return [parts[0], parts[-1]] if len(parts) > 2 else list(parts)


def of_how_many(parts: Sequence[str]) -> str:
    """What a headline adds where `outermost` leaves parts out."""
    return f" (first and last of {len(parts)})" if len(parts) > 2 else ""


def counted(number: int, noun: str) -> str:
    """A number of things: `1 step`, `1,024 steps`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """A time as people say it: `35 s`, `44 min`, `2.3 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
