"""States as colours: an isometry as far as three numbers go, on one scale."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.analysis.principal_axes import PrincipalAxes
from oscillo.plotting import principal_colours, site_vectors

DIMS = ("step", "y", "x", "component", "oscillator")
seeds = st.integers(0, 2**32 - 1)


def trajectory(seed: int, rank: int | None = None, steps: int = 4) -> xr.DataArray:
    """States whose variances along the main directions are well apart."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(steps * 9, rank or 6)) * 2.0 ** -np.arange(rank or 6)
    axes, _ = np.linalg.qr(rng.normal(size=(8, rank or 6)))
    states = (latent @ axes.T + rng.normal(size=8)).reshape(steps, 3, 3, 2, 4)
    return xr.DataArray(states, dims=DIMS, coords={"step": np.arange(steps)})


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_three_dimensional_states_keep_their_distances(seed: int) -> None:
    vectors = site_vectors(trajectory(seed, rank=3)).reshape(-1, 8)
    fit = PrincipalAxes.fit([vectors])
    scores = fit.scores(vectors)
    before = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    after = np.linalg.norm(scores[:, None] - scores[None], axis=-1)
    np.testing.assert_allclose(after, before, atol=1e-9)
    assert fit.explained.sum() == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_explained_variance_is_that_of_the_singular_values(seed: int) -> None:
    vectors = site_vectors(trajectory(seed)).reshape(-1, 8)
    singular = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False) ** 2
    explained = PrincipalAxes.fit(np.array_split(vectors, 5)).explained
    np.testing.assert_allclose(explained, singular[:3] / singular.sum(), rtol=1e-8)


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.01, 100))
def test_turned_shifted_and_scaled_states_have_the_same_colours(seed: int, scale: float) -> None:
    states = trajectory(seed)
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    moved = states.copy(data=(scale * site_vectors(states) @ turn + rng.normal(size=8)).reshape(states.shape))
    (before,), _ = principal_colours([states], [states])
    (after,), _ = principal_colours([moved], [moved])
    for channel in range(3):  # an axis has no sign of its own
        one, other = before.values[..., channel], after.values[..., channel]
        assert np.allclose(one, other, atol=1e-6) or np.allclose(one, 1 - other, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seeds, seeds)
def test_one_scale_for_everything_shown(first: int, second: int) -> None:
    one, other = trajectory(first), trajectory(second)
    shown = [one.isel(step=[0, 3]), other.isel(step=[1]), one.isel(step=[3])]
    colours, explained = principal_colours([one, other], shown)
    together = np.concatenate([part.values.reshape(-1, 3) for part in colours])
    np.testing.assert_allclose(together.min(0), 0, atol=1e-12)
    np.testing.assert_allclose(together.max(0), 1, atol=1e-12)
    np.testing.assert_array_equal(colours[0].sel(step=3), colours[2].sel(step=3))
    assert colours[0].dims == ("step", "y", "x", "channel")
    assert np.all(np.diff(explained) <= 0) and 0 < explained.sum() <= 1


def test_order_of_the_dimensions_does_not_matter() -> None:
    states = trajectory(0)
    (straight,), _ = principal_colours([states], [states])
    swapped = states.transpose("oscillator", "x", "step", "component", "y")
    (turned,), _ = principal_colours([swapped], [swapped])
    np.testing.assert_allclose(turned.transpose(*straight.dims), straight, atol=1e-12)


def test_missing_directions_are_grey() -> None:
    still = xr.zeros_like(trajectory(0)) + 3.0
    (colours,), explained = principal_colours([still], [still])
    assert np.all(colours == 0.5) and np.all(explained == 0)
    line = trajectory(0, rank=1)
    (colours,), explained = principal_colours([line], [line])
    assert explained[0] == pytest.approx(1) and colours[..., 0].max() == 1
    assert np.all(colours[..., 1:] == 0.5)


def test_refusals() -> None:
    states = trajectory(0)
    with pytest.raises(ValueError, match="finite"):
        principal_colours([states.where(states > 0)], [states])
    with pytest.raises(ValueError, match="different sizes"):
        principal_colours([states], [states.isel(component=[0])])
    with pytest.raises(ValueError, match="component or oscillator"):
        site_vectors(xr.DataArray(np.zeros((2, 2)), dims=("y", "x")))
