"""Figures of sweeps: lines between numbers, marks of words, maps of many numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh

from oscillo.plotting.sweep_figure import sweep_figure

KINDS = ["rk4", "heun", "dopri5"]


def swept(**axes: Sequence[Any]) -> xr.Dataset:
    """Results between 0 and 1 over some axes."""
    sizes = [len(values) for values in axes.values()]
    values = np.random.default_rng(0).random(sizes)
    return xr.Dataset({"order": (tuple(axes), values)}, {name: list(values) for name, values in axes.items()})


def drawn(data: xr.Dataset, *axes: str, repeats: Sequence[str] = ()) -> Axes:
    figure = sweep_figure(data, "small", ["order"], axes, repeats)
    assert figure is not None
    figure.draw_without_rendering()
    return figure.axes[0]


def test_words_are_marks_without_lines_between_them_and_bars_for_the_spread() -> None:
    data = swept(kind=KINDS, seed=range(5))
    panel = drawn(data, "kind", repeats=["seed"])
    (marks,) = panel.lines
    assert marks.get_linestyle() == "None" and marks.get_xdata() == pytest.approx([0, 1, 2])
    np.testing.assert_allclose(np.asarray(marks.get_ydata()), data["order"].mean("seed"))
    assert [label.get_text() for label in panel.get_xticklabels()] == KINDS
    widest, _ = (bars for bars in panel.collections if isinstance(bars, LineCollection))
    spans = [segment[:, 1].tolist() for segment in widest.get_segments()]
    np.testing.assert_allclose(spans, np.stack([data["order"].min("seed"), data["order"].max("seed")], axis=1))


def test_series_of_words_stand_side_by_side() -> None:
    panel = drawn(swept(kind=KINDS, on=[True, False]), "kind", "on")
    first, second = (np.asarray(line.get_xdata()) for line in panel.lines)
    assert (first < [0, 1, 2]).all() and (second > [0, 1, 2]).all() and (second - first < 0.5).all()


def test_numbers_have_lines_and_bands_in_their_order() -> None:
    panel = drawn(swept(strength=[2.0, 0.5, 1.0], seed=range(5)), "strength", repeats=["seed"])
    assert panel.lines[0].get_linestyle() == "-" and panel.lines[0].get_xdata() == pytest.approx([0.5, 1.0, 2.0])
    assert len([band for band in panel.collections if isinstance(band, PolyCollection)]) == 2


def test_points_that_meet_an_axis_are_lines_with_all_their_values_as_names() -> None:
    data = swept(strength=[0.0, 1.0, 2.0], point=[0, 1], seed=range(3)).assign_coords(
        step_size=("point", [0.1, 0.05]), every=("point", [1, 2])
    )
    panel = drawn(data, "strength", "point", repeats=["seed"])
    assert [line.get_label() for line in panel.lines] == ["step size 0.1, every 1", "step size 0.05, every 2"]
    np.testing.assert_allclose(np.asarray(panel.lines[1].get_ydata()), data["order"].mean("seed").isel(point=1))


def test_many_numbers_lie_along_x_and_words_tell_lines_apart() -> None:
    panel = drawn(swept(kind=KINDS, strength=np.linspace(0, 4, 9)), "kind", "strength")
    assert panel.get_xlabel() == "strength" and [line.get_label() for line in panel.lines] == KINDS


def test_two_axes_of_many_numbers_are_a_map() -> None:
    data = swept(strength=np.linspace(0, 4, 9), rate=np.geomspace(1e-3, 1, 8))
    panel = drawn(data, "strength", "rate")
    (mesh,) = (part for part in panel.collections if isinstance(part, QuadMesh))
    corners = np.asarray(mesh.get_coordinates())
    np.testing.assert_allclose(corners[0, :, 0], np.linspace(-0.25, 4.25, 10))
    factors = corners[1:, 0, 1] / corners[:-1, 0, 1]  # cells of an axis of factors are equally high
    np.testing.assert_allclose(factors, 1000 ** (1 / 7))


@pytest.mark.parametrize(("values", "declared", "scale"), [
    ([0.5, 8.0], "strength", "log"), ([0.5, 8.0], "", "linear"), ([1.0, 2.0], "strength", "log"),
    ([1.0, 10.0, 100.0], "", "log"), ([1.0, 30.0, 60.0], "", "linear"),
])  # fmt: skip
def test_an_axis_is_logarithmic_where_that_was_declared_or_lists_look_like_it(
    values: list[float], declared: str, scale: str
) -> None:
    panel = drawn(swept(strength=values).assign_attrs(log=declared), "strength")
    assert panel.get_xscale() == scale
    labels = [label.get_text() for label in panel.get_xticklabels()]
    assert len(labels) > 1 and not any("10^" in label for label in labels)


def test_drawn_words_have_one_place_each() -> None:
    points = xr.Dataset(
        {"order": ("point", [0.1, 0.2, 0.3, 0.4])},
        {"kind": ("point", ["heun", "rk4", "heun", "rk4"]), "rate": ("point", [1.0, 2.0, 3.0, 4.0])},
    )
    panel = drawn(points, "point")
    assert [label.get_text() for label in panel.get_xticklabels()] == ["heun", "rk4"]
    assert panel.lines[0].get_xdata() == pytest.approx([0, 1, 0, 1])
