"""High-dimensional states as colours: the first three principal components become red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from oscillo.analysis.principal_axes import PrincipalAxes

FEATURES = ("component", "oscillator")
"""Dimensions that together make the vector of one site."""

CHANNELS = 3


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
    fit = PrincipalAxes.fit([part.reshape(-1, part.shape[-1]) for part in vectors[: len(fitted)]], CHANNELS)
    scores = [fit.scores(part) for part in vectors[len(fitted) :]]
    everything = np.concatenate([part.reshape(-1, CHANNELS) for part in scores])
    low, high = everything.min(axis=0), everything.max(axis=0)
    return [_like(states, channels(part, low, high)) for states, part in zip(shown, scores, strict=True)], fit.explained


def channels(scores: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Colour channels in [0, 1] of scores [..., channel], each from its low to its high end.

    A channel that hardly varies beside the others is mid-grey.
    """
    span = high - low
    flat = span <= 1e-9 * max(span.max(), 1e-300)
    return np.where(flat, 0.5, (scores - low) / np.where(flat, 1.0, span)).clip(0, 1)


def _like(states: xr.DataArray, values: np.ndarray) -> xr.DataArray:
    dims = [dim for dim in states.dims if dim not in FEATURES]
    kept = {dim: states.coords[dim].values for dim in dims if dim in states.coords}
    return xr.DataArray(values, dims=(*dims, "channel"), coords={**kept, "channel": ["red", "green", "blue"]})
