"""Figures of states: what they show is what the data say."""

from __future__ import annotations

import sys
from typing import Any

import matplotlib.style
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import oscillo.accessor  # noqa: F401
from oscillo import analysis
from oscillo.plotting import SiteColours, draw_circle, draw_raster, new_figure, raster_scale, series_style, style
from oscillo.plotting.members import moments
from oscillo.plotting.views import Views

keys = st.integers(0, 2**31)


def circle(key: int = 0, samples: int = 2, times: int = 40, n: int = 12) -> xr.DataArray:
    """Phases of a few samples that turn slowly."""
    draws = np.random.default_rng(key)
    speed = draws.normal(size=(samples, 1, n))
    theta = draws.uniform(-np.pi, np.pi, (samples, 1, n)) + 0.1 * speed * np.arange(times)[:, None]
    coords = {"time": 0.1 * np.arange(times), "strength": ("sample", np.arange(1.0, samples + 1))}
    attrs = {"long_name": "phase", "units": "rad"}
    return xr.DataArray(
        np.angle(np.exp(1j * theta)), dims=("sample", "time", "oscillator"), coords=coords, name="phase", attrs=attrs
    )


def grid(key: int = 0, components: int = 3, oscillators: int = 1, samples: int = 2, times: int = 5) -> xr.DataArray:
    values = np.random.default_rng(key).normal(size=(samples, times, 4, 6, components, oscillators))
    dims = ("sample", "time", "y", "x", "component", "oscillator")
    return xr.DataArray(values, dims=dims, coords={"time": np.arange(times) * 1.0}, name="state")


def words(figure: Figure) -> str:
    texts = [figure.get_suptitle(), figure.get_supxlabel()]
    return " ".join([*texts, *(axes.get_title(loc) for axes in figure.axes for loc in ("left", "center"))])


@settings(max_examples=20, deadline=None)
@given(keys)
def test_the_arrow_is_the_order_parameter(key: int) -> None:
    theta = circle(key).isel(sample=0, time=3)
    axes = new_figure(2, 2).subplots()
    draw_circle(axes, theta)
    tip = axes.texts[0].xy  # pyright: ignore[reportAttributeAccessIssue]
    assert np.hypot(*tip) == pytest.approx(float(analysis.order_parameter(theta)))
    assert f"R = {np.hypot(*tip):.2f}" in [text.get_text() for text in axes.texts]
    dots = np.asarray(axes.collections[0].get_offsets())
    np.testing.assert_allclose(dots, np.stack([np.cos(theta), np.sin(theta)], axis=1), atol=1e-12)


def test_of_many_oscillators_some_are_shown_and_all_count() -> None:
    theta = xr.DataArray(np.append(np.zeros(9000), np.full(1000, np.pi)), dims="oscillator", name="phase")
    axes = new_figure(2, 2).subplots()
    draw_circle(axes, theta)
    assert len(np.asarray(axes.collections[0].get_offsets())) == 2000
    assert "R = 0.80" in [text.get_text() for text in axes.texts]


def test_a_raster_shows_each_phase_at_its_time_and_oscillator() -> None:
    theta = circle().isel(sample=0)
    axes = new_figure(4, 2).subplots()
    picture = draw_raster(axes, theta)
    np.testing.assert_array_equal(picture.get_array(), theta.values.T)
    assert picture.get_extent() == pytest.approx([-0.05, 3.95, -0.5, 11.5])
    assert picture.get_cmap().name == "twilight" and picture.get_clim() == (-np.pi, np.pi)


def test_a_raster_of_uneven_times_shows_the_nearest_one() -> None:
    theta = circle(times=4).isel(sample=0).assign_coords(time=[0.0, 1.0, 2.0, 9.0])
    picture = draw_raster(new_figure(4, 2).subplots(), theta)  # at 0, 3, 6 and 9
    np.testing.assert_array_equal(picture.get_array(), theta.values.T[:, [0, 2, 3, 3]])


def test_panels_of_a_raster_have_one_scale() -> None:
    values = grid(components=3).isel(y=0, x=0)
    low, high = raster_scale(values).get_clim()
    assert (low, high) == (float(values.isel(component=0).min()), float(values.isel(component=0).max()))
    figure = values.osc.plot.raster()
    assert {image.get_clim() for axes in figure.axes for image in axes.images} == {(low, high)}


@settings(max_examples=20, deadline=None)
@given(keys, st.sampled_from([(1, 1), (2, 1), (4, 1), (3, 5)]))
def test_equal_states_have_equal_colours_whenever_they_are_drawn(key: int, shape: tuple[int, int]) -> None:
    states = grid(key, *shape)
    colours = SiteColours.fit(states)
    whole = colours.image(states)
    assert whole.shape == (2, 5, 4, 6, 3) and whole.dtype == np.float32
    assert whole.min() >= 0 and whole.max() <= 1
    one = colours.image(states.isel(sample=1, time=2).transpose("oscillator", "x", "component", "y"))
    np.testing.assert_allclose(one, whole[1, 2], atol=1e-6)
    # Limits are those of the whole trajectory: a part of it, fitted alone, would be stretched.
    assert (colours.scale is None) == (shape[0] * shape[1] > 2)
    if colours.scale is None:
        assert whole.reshape(-1, 3).min(0) == pytest.approx(0) and whole.reshape(-1, 3).max(0) == pytest.approx(1)


def test_colours_of_half_precision_and_of_dasks_arrays_are_the_same() -> None:
    states = grid(components=4)
    plain, half = SiteColours.fit(states), SiteColours.fit(states.astype(np.float16))
    np.testing.assert_allclose(half.image(states), plain.image(states), atol=0.02)
    np.testing.assert_allclose(SiteColours.fit(states.chunk({"time": 2})).image(states), plain.image(states), atol=1e-6)


def test_phases_are_coloured_around_the_circle() -> None:
    theta = xr.DataArray([[[-np.pi], [np.pi], [0.0]]], dims=("y", "x", "oscillator"), name="phase")
    image = SiteColours.fit(theta).image(theta)[0]
    np.testing.assert_allclose(image[0], image[1], atol=0.02)
    assert abs(image[0] - image[2]).max() > 0.4


def test_maps_of_layers_have_a_row_each() -> None:
    layers = {"/layer0": grid(0).to_dataset(), "/layer1": grid(1, times=3).to_dataset()}
    figure = xr.DataTree.from_dict(layers).osc.plot.maps("trained")
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["layer 0", "layer 1"]
    assert "trained: the grid at some times, in each of 2 layers" in words(figure) and "layer 1 " in words(figure)
    alone = xr.DataTree.from_dict({"/layer0": grid(0).to_dataset()}).osc.plot.maps()
    assert [axes.get_ylabel() for axes in alone.axes if axes.get_ylabel()] == ["sample 0", "sample 1"]


def test_a_locking_matrix_has_its_largest_group_first() -> None:
    turned = np.outer(np.linspace(0, 60, 200), [1.0, 7.3, 1.0, 4.1, 1.0])
    theta = xr.DataArray(np.angle(np.exp(1j * turned)), dims=("time", "oscillator"), name="phase")
    (axes, bar) = theta.osc.plot.locking().axes
    shown = np.asarray(axes.images[0].get_array())
    assert (shown[:3, :3] > 0.99).all() and (shown[3:, :3] < 0.5).all() and axes.get_title("left") == "1 group"
    assert axes.images[0].get_clim() == (0, 1) and bar.get_ylabel() == "phase-locking value"
    recorded = analysis.phase_locking(theta).rename(oscillator="node", oscillator2="other_node").to_dataset()
    np.testing.assert_allclose(np.asarray(recorded.osc.plot.locking().axes[0].images[0].get_array()), shown)


def test_the_recorded_order_parameter_is_drawn_or_that_of_the_states() -> None:
    theta = circle()
    lines = theta.osc.plot.order_parameter().axes[0].lines
    np.testing.assert_allclose(lines[1].get_ydata(), analysis.order_parameter(theta)[1])
    recorded = xr.Dataset({"phase": theta, "order_parameter": 0 * theta.isel(oscillator=0)})
    assert not np.asarray(recorded.osc.plot.order_parameter().axes[0].lines[1].get_ydata()).any()
    energy = theta.osc.plot.energy(np.eye(12)).axes[0]
    np.testing.assert_allclose(energy.lines[0].get_ydata(), -6.0)


def test_the_peak_of_a_spectrum_is_at_the_frequency() -> None:
    theta = xr.DataArray(
        np.angle(np.exp(2j * 0.1 * np.arange(1000)))[:, None], dims=("time", "oscillator"), name="phase",
        coords={"time": 0.1 * np.arange(1000)},
    )  # fmt: skip
    (axes,) = theta.osc.plot.spectrum().axes
    line = axes.lines[0]
    assert np.asarray(line.get_xdata())[np.argmax(line.get_ydata())] == pytest.approx(2.0, abs=0.1)
    assert "rad" in axes.get_xlabel() and axes.get_xlim()[1] < 10


def test_what_a_spectrum_has_no_room_for_is_told() -> None:
    time = 0.1 * np.arange(400)
    values = np.stack([np.sin(time), 1e-9 * np.sin(time)])
    series = xr.DataArray(values, dims=("sample", "time"), coords={"time": time, "strength": ("sample", [1.0, 5.0])})
    figure = series.rename("x").osc.plot.spectrum()
    assert "Below the frame, as what hardly moves: strength 5." in words(figure)
    assert "(rad/time)" in figure.axes[0].get_xlabel()
    by_step = series.drop_vars("time").rename("x").rename(time="step").osc.plot.spectrum()
    assert "(rad/step)" in by_step.axes[0].get_xlabel() and "step/rad" in by_step.axes[0].get_ylabel()


def test_a_trajectory_ends_where_the_components_say() -> None:
    theta = circle()
    score = analysis.pca(theta)["score"]
    (axes,) = theta.osc.plot.trajectory().axes
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_data_3d()).T, score.isel(sample=0))  # pyright: ignore[reportAttributeAccessIssue]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["strength 1", "strength 2"]  # pyright: ignore[reportOptionalMemberAccess]


def test_tsne_stands_beside_the_components_and_repeats_with_its_seed() -> None:
    theta = circle(times=15)
    one, again, other = (theta.osc.plot.embedding("tsne", seed=seed) for seed in (1, 1, 2))

    def points(figure: Figure, panel: int) -> np.ndarray:
        return np.asarray(figure.axes[panel].collections[0].get_offsets())

    assert [axes.get_title("left") for axes in one.axes[:2]] == ["principal components", "t-SNE"]
    np.testing.assert_array_equal(points(one, 1), points(again, 1))
    assert not np.array_equal(points(one, 1), points(other, 1))
    expected = analysis.pca(theta, 2)["score"].values.reshape(-1, 2)
    np.testing.assert_allclose(abs(points(one, 0)), abs(expected), atol=1e-6)
    assert "seed 1" in words(one)


def test_points_are_coloured_by_what_is_named() -> None:
    theta = circle(times=6).assign_coords(right=("sample", [True, False]))
    axes = theta.osc.plot.embedding(colour="right").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["False", "True"]  # pyright: ignore[reportOptionalMemberAccess]
    by_time = theta.osc.plot.embedding().axes[0].collections[0].get_array()
    np.testing.assert_allclose(by_time, np.tile(theta["time"], 2))
    with pytest.raises(ValueError, match="no coordinate `wrong` along the points, only sample, time, strength, right"):
        theta.osc.plot.embedding(colour="wrong")


def test_tsne_without_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(ImportError, match=r"pip install 'oscillo\[embedding\]'"):
        circle().osc.plot.embedding("tsne")
    with pytest.raises(ValueError, match="`method` is `pca` or `tsne`"):
        circle().osc.plot.embedding("umap")


def test_the_transition_is_marked_where_order_sets_in() -> None:
    strength = np.repeat(np.linspace(0.5, 6, 23), 3)
    order = np.sqrt(np.clip(1 - 2 / strength, 0, None)) + 0.02
    noise = 0.003 * np.random.default_rng(0).normal(size=strength.size)
    coords = {"strength": ("sample", strength), "seed": ("sample", np.tile(np.arange(3), 23))}
    data = xr.DataArray(order + noise, dims="sample", coords=coords, name="order_parameter_mean")
    figure = data.to_dataset().osc.plot.transition()
    (axes,) = figure.axes
    found = float(analysis.critical_coupling(data)["critical_coupling"])
    assert any(np.allclose(np.asarray(line.get_xdata(), dtype=float), found) for line in axes.lines)
    assert f"order sets in at strength {found:.4g}" in words(figure).lower()
    flat = data.copy(data=np.full(strength.size, 0.02)).to_dataset().osc.plot.transition()
    assert "No onset of order" in words(flat)


def test_every_view_says_what_is_missing() -> None:
    nothing = xr.Dataset({"loss": ("step", [1.0, 2.0])})
    for name in [name for name in vars(Views) if not name.startswith("_")]:
        with pytest.raises(ValueError, match=r"neither|no `energy`"):
            getattr(nothing.osc.plot, name)()


@given(st.integers(1, 500), st.integers(1, 9))
def test_moments_are_the_first_the_last_and_rising(times: int, most: int) -> None:
    found = moments(times, most)
    assert found[0] == 0 and len(found) <= most and (np.diff(found) > 0).all()
    assert found[-1] == times - 1 or most == 1


def test_the_style_file_is_the_style() -> None:
    before: dict[str, Any] = dict(matplotlib.rcParams)
    with matplotlib.style.context(["default", "oscillo.plotting.oscillo"]):
        loaded: dict[str, Any] = dict(matplotlib.rcParams)
    with style():
        assert dict(matplotlib.rcParams) == loaded
    assert dict(matplotlib.rcParams) == before
    cycle = [entry["color"] for entry in loaded["axes.prop_cycle"]]
    assert cycle == [series_style(i).color.lstrip("#") for i in range(7)] or cycle == [
        series_style(i).color for i in range(7)
    ]
