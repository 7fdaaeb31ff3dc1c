"""High-dimensional states as colours: the first three principal components become red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

FEATURES = ("component", "oscillator")
"""Dimensions that together make the vector of one site."""

CHANNELS = 3


@dataclass(frozen=True, eq=False)
class PrincipalColours:
    """A map from state vectors to colours that keeps distances as far as three numbers can.

    The axes are the directions of largest variance of the states that it was fitted to. Their signs, which
    nothing fixes, are such that the largest weight is positive. Constant directions become mid-grey.

    Attributes:
        mean: of the states, [feature].
        axes: unit vectors, largest variance first, [channel, feature]; rows of zeros where the states vary in
            fewer directions than there are channels.
        explained: share of the variance along each axis, [channel].
    """

    mean: np.ndarray
    axes: np.ndarray
    explained: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray) -> PrincipalColours:
        """Find the axes.

        Args:
            vectors: states, [observation, feature]; at least one.

        Raises:
            ValueError: when there is nothing to fit to, or a number is not finite.
        """
        vectors = np.asarray(vectors, dtype=np.float64)
        if vectors.ndim != 2 or not vectors.size or not np.isfinite(vectors).all():
            raise ValueError(f"principal components need finite vectors [observation, feature], got {vectors.shape}")
        mean = vectors.mean(axis=0)
        centred = vectors - mean
        variances, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
        variances, directions = variances[::-1].clip(min=0), directions[:, ::-1].T
        total = variances.sum()
        used = variances[:CHANNELS] > 1e-10 * max(total, 1e-300)
        axes, explained = np.zeros((CHANNELS, vectors.shape[1])), np.zeros(CHANNELS)
        found = directions[:CHANNELS][used]
        largest = np.abs(found).argmax(axis=1)
        axes[: len(found)] = found * np.sign(found[np.arange(len(found)), largest])[:, None]
        explained[: len(found)] = variances[:CHANNELS][used] / (total or 1.0)
        return cls(mean, axes, explained)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Positions along the axes, [*observation, channel], of vectors [*observation, feature]."""
        return (np.asarray(vectors, dtype=np.float64) - self.mean) @ self.axes.T


def site_vectors(states: xr.DataArray) -> np.ndarray:
    """The states as vectors, [*other dimensions in their order, feature].

    Raises:
        ValueError: when the states have neither components nor oscillators.
    """
    inner = [dim for dim in FEATURES if dim in states.dims]
    if not inner:
        raise ValueError(f"states need a dimension {' or '.join(FEATURES)}, got {states.dims}")
    outer = [dim for dim in states.dims if dim not in inner]
    ordered = states.transpose(*outer, *inner)
    return ordered.values.reshape(*(ordered.sizes[dim] for dim in outer), -1)


def principal_colours(
    fitted: Sequence[xr.DataArray], shown: Sequence[xr.DataArray]
) -> tuple[list[xr.DataArray], np.ndarray]:
    """Colour states by their first three principal components, all on one scale.

    The components are fitted once, to all of `fitted`. Each becomes one colour channel that runs from its
    smallest to its largest value over all of `shown`, so that equal colours mean equal components everywhere.

    Args:
        fitted: trajectories of one network, with dimensions `component` or `oscillator` or both, and any others.
        shown: the states to be coloured, of the same network.

    Returns:
        For each of `shown` its colours in [0, 1], with the dimension `channel` in place of component and
        oscillator; and the share of the variance that each channel holds, [3].

    Raises:
        ValueError: when the states are empty, not finite or not of one size.
    """
    vectors = [site_vectors(states) for states in (*fitted, *shown)]
    if len({part.shape[-1] for part in vectors}) != 1:
        raise ValueError(f"states of different sizes: {sorted({part.shape[-1] for part in vectors})}")
    fit = PrincipalColours.fit(np.concatenate([part.reshape(-1, part.shape[-1]) for part in vectors[: len(fitted)]]))
    scores = [fit.scores(part) for part in vectors[len(fitted) :]]
    everything = np.concatenate([part.reshape(-1, CHANNELS) for part in scores])
    low, span = everything.min(axis=0), np.ptp(everything, axis=0)
    flat = span <= 1e-9 * max(span.max(), 1e-300)
    colours = [np.where(flat, 0.5, (part - low) / np.where(flat, 1.0, span)).clip(0, 1) for part in scores]
    return [_like(states, values) for states, values in zip(shown, colours, strict=True)], fit.explained


def _like(states: xr.DataArray, values: np.ndarray) -> xr.DataArray:
    dims = [dim for dim in states.dims if dim not in FEATURES]
    kept = {dim: states.coords[dim].values for dim in dims if dim in states.coords}
    return xr.DataArray(values, dims=(*dims, "channel"), coords={**kept, "channel": ["red", "green", "blue"]})
