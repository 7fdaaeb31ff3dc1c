"""How well a number tells two kinds apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


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


def pair_count(values: ArrayLike, right: ArrayLike) -> int:
    """How many pairs of a right and a wrong member of one sample there are: what `pair_auc` is a share of.

    Args:
        values: a number of each member, [sample, member]; one that is not a number is left out.
        right: whether the member is right, bool [sample, member].
    """
    right, known = np.asarray(right, dtype=bool), np.isfinite(np.asarray(values, dtype=float))
    return int(((right & known).sum(axis=1) * (~right & known).sum(axis=1)).sum())


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
