"""Figures of simulations, from small invented data: what they draw for few, many and varying members."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from oscillo_tasks.simulate.figures import figures, member_labels


def series(strengths: list[float], seeds: int) -> xr.Dataset:
    """An order parameter of every member at eleven times."""
    samples = len(strengths) * seeds
    values = np.random.default_rng(0).random((samples, 11))
    return xr.Dataset(
        {"order_parameter": (("sample", "time"), values, {"long_name": "order parameter"})},
        coords={
            "sample": np.arange(samples), "time": np.linspace(0, 1, 11),
            "seed": ("sample", np.tile(np.arange(seeds), len(strengths))),
            "strength": ("sample", np.repeat(strengths, seeds)),
        },
    )  # fmt: skip


def drawn(**groups: xr.Dataset) -> dict[str, Figure]:
    drawings = figures(SimpleNamespace(spec={"name": "invented"}, data=xr.DataTree.from_dict(groups)))
    return {name: figure for name, draw in drawings.items() if (figure := draw()) is not None}


def test_few_members_have_names() -> None:
    axes = drawn(series=series([1.0, 2.0], 1))["series"].axes
    assert len(axes) == 1
    legend = axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["strength 1", "strength 2"]


def test_many_seeds_are_a_band() -> None:
    (axes,) = drawn(series=series([1.0], 8))["series"].axes
    assert len(axes.lines) == 1
    assert len(axes.collections) == 2


def test_many_values_are_lines_with_a_scale() -> None:
    data = series([0.5, 1.0, 1.5, 2.0], 2)
    axes, scale = drawn(series=data)["series"].axes
    assert scale.get_ylabel() == "strength"
    assert scale.get_ylim() == (0.5, 2.0)
    assert len(axes.lines) == 4
    shown = np.array([line.get_ydata() for line in axes.lines])
    assert shown == pytest.approx(data["order_parameter"].values.reshape(4, 2, 11).mean(1))


def test_rounding_errors_of_locked_oscillators_do_not_fill_the_axes() -> None:
    frequencies = 1e-9 * np.random.default_rng(0).normal(size=(1, 50))
    summary = xr.Dataset(
        {"mean_frequency": (("sample", "oscillator"), frequencies)},
        coords={"sample": [0], "seed": ("sample", [0])},
    )
    (axes,) = drawn(summary=summary)["frequencies"].axes
    low, high = axes.get_ylim()
    assert high - low > 1e-3


def frequencies_of(values: np.ndarray) -> xr.Dataset:
    """Mean frequencies [sample, oscillator]."""
    seeds = np.arange(len(values))
    return xr.Dataset(
        {"mean_frequency": (("sample", "oscillator"), values)}, coords={"sample": seeds, "seed": ("sample", seeds)}
    )


def test_frequencies_are_those_of_members_that_have_not_diverged() -> None:
    values = np.full((13, 4), np.nan)
    assert "frequencies" not in drawn(summary=frequencies_of(values))
    values[[7, 8]] = [[1.0, 2.0, 3.0, 4.0], [1.0, np.nan, np.inf, 5.0]]
    (axes,) = drawn(summary=frequencies_of(values))["frequencies"].axes
    assert [line.get_label() for line in axes.lines] == ["seed 7", "seed 8"]
    low, high = axes.get_ylim()
    assert 0.5 < low < 1 and 4.9 < high < 6


@pytest.mark.parametrize(("strengths", "seeds"), [([1.0, 2.0], 1), ([1.0], 8), ([1.0, 2.0, 3.0, 4.0], 2)])
@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_members_that_diverge_leave_figures(
    strengths: list[float], seeds: int, lost: float, recwarn: pytest.WarningsRecorder
) -> None:
    data = series(strengths, seeds)
    data["order_parameter"][:, 5:] = lost
    assert "series" in drawn(series=data)
    summary = data.isel(time=7, drop=True).rename(order_parameter="order_parameter_mean")
    assert ("parameters" in drawn(summary=summary)) == (len(strengths) > 2)
    assert not recwarn.list


def test_grids_are_those_of_members_that_have_not_diverged() -> None:
    state = np.random.default_rng(0).normal(size=(3, 9, 6, 6, 4, 1))
    dims = ("sample", "time", "y", "x", "component", "oscillator")
    coords = {"sample": np.arange(3), "seed": ("sample", np.arange(3)), "time": np.arange(9.0)}
    state[[0, 2], 4:] = np.nan
    figure = drawn(states=xr.Dataset({"state": (dims, state)}, coords=coords))["oscillators"]
    assert {axes.get_ylabel() for axes in figure.axes} == {"seed 1", ""}
    state[:, 4:] = np.nan
    assert "oscillators" not in drawn(states=xr.Dataset({"state": (dims, state)}, coords=coords))


@pytest.mark.parametrize("seeds", [1, 8])
@pytest.mark.parametrize("largest", [0.4, 3.0])
def test_order_parameters_are_shown_from_zero_to_the_largest(seeds: int, largest: float) -> None:
    """Of amplitudes above one, as Stuart-Landau oscillators have them, it is above one, too."""
    data = series([1.0, 2.0, 3.0], seeds)
    data["order_parameter"] *= largest / data["order_parameter"].max()
    summary = data.max("time").rename(order_parameter="order_parameter_mean")
    for figure in drawn(series=data, summary=summary).values():
        low, high = figure.axes[0].get_ylim()
        assert -0.1 < low <= 0 and max(1.0, 0.8 * largest) < high < 1.1 * max(1.0, largest)


@pytest.mark.parametrize(("components", "bars"), [(2, 1), (4, 0)])
def test_grids_have_a_scale_where_they_show_phases(components: int, bars: int) -> None:
    state = np.random.default_rng(0).normal(size=(1, 9, 6, 6, components, 1))
    states = xr.Dataset(
        {"state": (("sample", "time", "y", "x", "component", "oscillator"), state)},
        coords={"sample": [0], "seed": ("sample", [0]), "time": np.arange(9.0)},
    )
    figure = drawn(states=states)["oscillators"]
    shown = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert len(figure.axes) == len(shown) + bars
    width, height = figure.get_size_inches()
    assert height < 0.3 * width  # one row of pictures


def test_members_are_told_apart_by_what_varies() -> None:
    assert member_labels(series([1.0], 1)) == [""]
    assert member_labels(series([1.0], 2)) == ["seed 0", "seed 1"]
    assert member_labels(series([1.0, 2.0], 2))[3] == "strength 2, seed 1"
