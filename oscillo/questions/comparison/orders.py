"""The order of convergence that errors tell."""

from __future__ import annotations

from math import inf, nan

import numpy as np
from numpy.typing import ArrayLike

_SMOOTH, _SETTLED = 0.2, 0.5
"""By how much two slopes in a row may differ for the difference to be a correction that can be taken off; and for the
errors to have an order at all."""

_SHRINKING = 0.75
"""Where slopes come to a limit they change less from step size to step size; with halved steps half as much."""


def observed_order(step_sizes: ArrayLike, errors: ArrayLike, floor: float = 0.0, ceiling: float = inf) -> float:
    """Order p of errors c h^p + d h^(p + 1), from the finest steps whose errors are resolved and not saturated.

    The slope of log error against log step between two step sizes is p + O(h). Where the last two slopes are close,
    and come closer, the one at h = 0 is extrapolated (Richardson 1911); where they are far apart, as when steps are too
    large for the method to be stable, or where delays leave kinks, there is no order to tell. Nor do saturated
    errors tell one: states that have nothing to do with the reference any more are as far from it with any step.

    Args:
        step_sizes: of one integrator, [setting].
        errors: theirs; not a number where it failed.
        floor: errors below it are not resolved.
        ceiling: errors above it are saturated.

    Returns:
        The order; not a number with fewer than two errors between floor and ceiling, or where slopes have not settled.
    """
    h, e = (np.asarray(values, dtype=float) for values in (step_sizes, errors))
    kept = (e > floor) & (e < ceiling)
    chosen = np.argsort(h[kept])[::-1]
    h, e = h[kept][chosen], e[kept][chosen]
    if len(h) < 2:
        return nan
    slopes = np.diff(np.log(e)) / np.diff(np.log(h))
    change = float(slopes[-1] - slopes[-2]) if len(slopes) > 1 else 0.0
    if abs(change) > _SETTLED:
        return nan
    growing = len(slopes) > 2 and abs(change) > _SHRINKING * abs(slopes[-2] - slopes[-3])
    if change == 0 or growing or abs(change) > _SMOOTH:
        return float(slopes[-1])
    coarse, fine = np.sqrt(h[:-1] * h[1:])[-2:]  # between which steps the slopes hold
    return float(slopes[-1] + change * fine / (coarse - fine))
