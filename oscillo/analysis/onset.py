"""Where an order parameter sets in: the fit behind `critical_coupling`, on bare arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CLEAR, TOP = 5.0, 0.85
"""Order is clear from so many times the incoherent level on, and above the second nothing is left of the onset."""
_LARGEST_LEVEL = 0.16
"""Incoherent level above which no order up to `TOP` would be clear."""
_FINITE_SIZE = 3.0
"""Error of R^2 by the finite number of oscillators, in squared incoherent levels, which are about 1/n."""
_FEWEST = 3
_MOST_ENDS = 12
"""Windows begin and end at no more than so many couplings."""


class Onset(NamedTuple):
    """Where order sets in."""

    critical: float
    lower: float
    upper: float
    amplitude: float
    first: float
    last: float
    couplings: int


class _Fit(NamedTuple):
    """One way to fit: R^2 = x^power (c_0 + c_1 x + ...), x = 1/K, over the couplings first .. last - 1."""

    power: int
    degree: int
    first: int
    last: int


def find_onset(coupling: np.ndarray, order: np.ndarray, confidence: float, draws: int, seed: int) -> Onset:
    """Fit the onset of order.

    Args:
        coupling: coupling strengths in ascending order, [coupling].
        order: order parameters, [coupling, repeat]; what is not finite is left out.
        confidence: probability that the interval shall have.
        draws: of the bootstrap.
        seed: of its random numbers.

    Raises:
        ValueError: when the data show no transition.
    """
    coupling, squares = _complete(coupling, order)
    chosen, level = _clearly_ordered(coupling, squares)
    rng = np.random.default_rng(seed)
    k, y = coupling[chosen], squares[chosen]
    mean, repeats = y.mean(axis=1), y.shape[1]
    finite_size = _FINITE_SIZE * level**2
    variance = finite_size**2 + _variance_of_mean(y)
    disturbed = mean + finite_size * rng.standard_normal((draws, len(k)))
    if repeats > 1:
        # Deviations of repeats go along with one another over all couplings, as each has frequencies of its own; so
        # they are drawn together, from Student's distribution, which knows how few they are.
        freedom = 2 * (repeats - 1)
        weights = rng.standard_normal((draws, repeats)) * np.sqrt(freedom / rng.chisquare(freedom, (draws, 1)))
        disturbed += weights @ (y - mean[:, None]).T / np.sqrt(repeats * (repeats - 1))
    fits = _fits(len(k))
    critical, amplitude, criterion = _try_all(fits, k, disturbed, variance)
    # Taking the least of criterion minus twice a Gumbel number draws a fit with probability exp(-criterion / 2).
    picked = np.argmin(criterion - 2 * rng.gumbel(size=criterion.shape), axis=0)
    at = (picked, np.arange(draws))
    usable = np.isfinite(criterion[at])
    if usable.mean() < 0.5:
        raise ValueError(
            f"R^2 does not grow like 1 - K_c/K between the couplings {k[0]:.4g} and {k[-1]:.4g}; look at R against the "
            "coupling: the transition may be discontinuous, or not be one of mean-field kind"
        )
    tails = [(1 - confidence) / 2, 0.5, (1 + confidence) / 2]
    lower, middle, upper = np.quantile(critical[at][usable], tails)
    best = fits[np.bincount(picked[usable]).argmax()]
    return Onset(middle, lower, upper, np.median(amplitude[at][usable]), k[best.first], k[best.last - 1], len(k))


def _complete(coupling: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Couplings and squares of R without gaps."""
    known = np.isfinite(order)
    coupling, order, known = (array[known.any(axis=1)] for array in (coupling, order, known))
    if (whole := known.all(axis=0)).any():
        order = order[:, whole]
    elif len(order):
        # No repeat has them all, so which belongs to which is not known: as many as there are everywhere.
        count = known.sum(axis=1).min()
        order = np.stack([row[there][:count] for row, there in zip(order, known, strict=True)])
    if len(coupling) < 2 * _FEWEST:
        raise ValueError(
            f"{len(coupling)} couplings with finite order parameters are too few to find an onset; give at least "
            f"{2 * _FEWEST}, half of them above it"
        )
    if order.min() < 0 or order.max() > 1 + 1e-6:
        raise ValueError(
            f"order parameters lie between 0 and 1, and these between {order.min():.4g} and {order.max():.4g}; for "
            "vectors with amplitudes take the order parameter of their phases"
        )
    return coupling, order**2


def _clearly_ordered(coupling: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, float]:
    """Places of the couplings at which R is clear and not near 1, and the incoherent level of R.

    Raises:
        ValueError: when there are too few, with the reason.
    """
    size = np.sqrt(squares.mean(axis=1))
    level = float(np.sqrt((size[: max(2, len(size) // 10)] ** 2).mean()))
    if level > _LARGEST_LEVEL:
        raise ValueError(
            f"R is {level:.2f} at the weakest couplings (from {coupling[0]:.4g}), where it should be incoherent: begin "
            "the sweep at weaker couplings, or take more oscillators, whose incoherent level is about 1/sqrt(n)"
        )
    clear = CLEAR * level
    below = np.flatnonzero(size < clear)
    first = below[-1] + 1 if len(below) else 0
    if first == len(size):
        raise ValueError(
            f"R stays below {clear:.2f}, {CLEAR:g} times its incoherent level, up to the coupling {coupling[-1]:.4g}: "
            "no transition is seen; sweep to stronger couplings"
        )
    over = np.flatnonzero(size[first:] > TOP)
    last = first + over[0] if len(over) else len(size)
    chosen = np.arange(first, last)[coupling[first:last] > 0]
    if len(chosen) < _FEWEST:
        low, high = coupling[max(first - 1, 0)], coupling[min(last, len(coupling) - 1)]
        raise ValueError(
            f"R lies between {clear:.2f} and {TOP} at {len(chosen)} couplings, and at least {_FEWEST} are needed: give "
            f"more of them between {low:.4g} and {max(high, 1.3 * low):.4g}. If R jumps all the same, the transition "
            "is discontinuous, and what is fitted here does not hold"
        )
    return chosen, level


def _variance_of_mean(squares: np.ndarray) -> np.ndarray:
    """Variance of the mean over repeats at each coupling, drawn towards the mean over couplings, as repeats are few."""
    repeats = squares.shape[1]
    if repeats == 1:
        return np.zeros(len(squares))
    own = squares.var(axis=1, ddof=1)
    return (own * (repeats - 1) + own.mean() * 2) / (repeats + 1) / repeats


def _fits(couplings: int) -> list[_Fit]:
    """All ways to fit. Windows begin in the lower third, because far above the onset little is known of it."""
    begins = _thinned(np.arange(couplings // 3 + 1))
    ends = _thinned(np.arange(_FEWEST, couplings + 1))
    return [
        _Fit(power, degree, first, last)
        for power in (0, 1) for degree in (1, 2) for first in begins for last in ends
        if last - first >= _FEWEST + degree - 1
    ]  # fmt: skip


def _thinned(numbers: np.ndarray) -> list[int]:
    chosen = np.linspace(0, len(numbers) - 1, min(len(numbers), _MOST_ENDS)).round().astype(int)
    return numbers[chosen].tolist()


def _try_all(
    fits: list[_Fit], k: np.ndarray, squares: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """K_c, amplitude a and Akaike's criterion of all fits to all draws, each [fit, draw].

    Couplings that a window leaves out count like parameters, which makes fits to different data comparable (Jay & Neil
    2021, Phys. Rev. D 103, 114502).

    Args:
        fits: ways to fit.
        k: couplings, [coupling].
        squares: R^2 in all draws, [draw, coupling].
        variance: of R^2, [coupling].
    """
    critical, amplitude, criterion = (np.full((len(fits), len(squares)), np.inf) for _ in range(3))
    x, weight = 1 / k, 1 / np.sqrt(variance)
    for number, fit in enumerate(fits):
        part = slice(fit.first, fit.last)
        design = np.vander(x[part], fit.degree + 1, increasing=True) * (weight * x**fit.power)[part, None]
        target = squares[:, part] * weight[part]
        found = target @ np.linalg.pinv(design).T
        misfit = np.square(target - found @ design.T).sum(axis=1)
        root, slope = _onset_of(found)
        fitted = found @ (design[[0, -1]] / weight[[fit.first, fit.last - 1], None]).T
        growing = np.isfinite(root) & (root > x[fit.first]) & (fitted[:, 0] < fitted[:, 1])
        left_out = len(k) - (fit.last - fit.first)
        critical[number] = np.where(growing, 1 / root, np.nan)
        # R^2 = a (1 - K_c x) near the onset, so a K_c is the slope along x, with its sign turned.
        amplitude[number] = -slope * root ** (fit.power + 1)
        criterion[number] = np.where(growing, misfit + 2 * (fit.degree + 1) + 2 * left_out, np.inf)
    return critical, amplitude, criterion


def _onset_of(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where c_0 + c_1 x (+ c_2 x^2) falls through 0 along x, and its slope there; NaN where it does not."""
    c0, c1 = coefficients[:, 0], coefficients[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        if coefficients.shape[1] == 2:
            return np.where(c1 < 0, -c0 / c1, np.nan), c1
        slope = -np.sqrt(c1**2 - 4 * coefficients[:, 2] * c0)
        # The root with a negative slope, without a difference that cancels where c_2 is small.
        return np.where(c1 < 0, 2 * c0 / (-slope - c1), (slope - c1) / (2 * coefficients[:, 2])), slope
