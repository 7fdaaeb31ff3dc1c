"""Numbers that figures show beside the data: intervals, quantiles, how far two groups lie apart, and their text."""

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


def share_below(first: ArrayLike, second: ArrayLike) -> float:
    """Share of pairs whose entry of `first` is below that of `second`, ties counted half (Mann-Whitney U / nm).

    0.5 means that the two cannot be told apart, 1 that all of `first` lies below all of `second`. NaN when one
    of them is empty.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if not first.size or not second.size:
        return float("nan")
    ordered = np.sort(second)
    not_above, below = np.searchsorted(ordered, first, "right"), np.searchsorted(ordered, first, "left")
    return float(1 - (not_above + below).mean() / (2 * second.size))


def pair_auc(values: ArrayLike, right: ArrayLike, *, lower_is_right: bool) -> float:
    """How often a number tells the right from the wrong member of the same sample.

    Only pairs within a sample count, since numbers may differ far more from sample to sample than within one.

    Args:
        values: the number, such as an energy, of each member, [sample, member]; one that is not a number is left out.
        right: whether the member is right, bool [sample, member].
        lower_is_right: whether a low number speaks for the member, as an energy does; else a high one.

    Returns:
        Share of the pairs of a right and a wrong member of one sample in which the number speaks for the right one,
        ties counted half; 0.5 for numbers that say nothing. NaN when no sample has both.
    """
    values, right = np.asarray(values, dtype=float), np.asarray(right, dtype=bool)
    values, known = values if lower_is_right else -values, np.isfinite(values)
    told, pairs = 0.0, 0
    for sample in np.flatnonzero((right & known).any(axis=1) & (~right & known).any(axis=1)):
        first, second = (values[sample, kind & known[sample]] for kind in (right[sample], ~right[sample]))
        told += share_below(first, second) * first.size * second.size
        pairs += first.size * second.size
    return told / pairs if pairs else float("nan")


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


def duration(seconds: float) -> str:
    """A time as people say it: `35 s`, `44 min`, `2.3 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
