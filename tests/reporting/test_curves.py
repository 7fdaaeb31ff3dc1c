"""Which curves a run has, and what they show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import xarray as xr

from oscillo.reporting.curves import energy_charts, learned_charts, series_charts


def run(**groups: xr.Dataset) -> Any:
    tree = xr.DataTree.from_dict({name.replace("__", "/"): group for name, group in groups.items()})
    return SimpleNamespace(data=tree, provenance={})


def along(values: np.ndarray, *dims: str, **coords: Any) -> xr.DataArray:
    numbers = {dim: np.arange(size) for dim, size in zip(dims, values.shape, strict=True)}
    return xr.DataArray(values, dims=dims, coords=numbers | coords)


def test_right_and_wrong_answers_have_a_line_each() -> None:
    energy = along(np.array([[0.0, -4.0], [0.0, -6.0], [0.0, -1.0]]), "sample", "step")
    found = run(
        summary__hard__layer0=energy.to_dataset(name="energy"),
        result__hard=xr.Dataset({"correct": ("sample", [True, True, False])}),
    )
    (chart,) = energy_charts(found)
    assert [(line.label, line.y.tolist()) for line in chart.lines] == [("right (2)", [0, -5]), ("wrong (1)", [0, -1])]
    (together,) = energy_charts(found, split=False)
    assert [line.y.tolist() for line in together.lines] == [[0, -4]]


def test_observables_with_times_of_their_own_have_curves_too() -> None:
    simulated = run(
        series=along(np.ones((2, 4)), "sample", "time").to_dataset(name="order_parameter"),
        observables__speed=along(np.ones((2, 3)), "sample", "time").to_dataset(name="speed"),
        observables__local=along(np.ones((2, 3, 5)), "sample", "time", "oscillator").to_dataset(name="local_order"),
    )
    assert [chart.title for chart in series_charts(simulated)] == ["order parameter", "speed"]
    evaluated = run(observables__id__layer1__norm=along(np.ones((2, 3)), "sample", "step").to_dataset(name="norm"))
    assert [chart.title for chart in energy_charts(evaluated)] == ["norm: id"]


def test_what_was_recorded_while_a_network_learned_is_shown_along_its_steps() -> None:
    values = np.array([[[9.0, 1.0], [9.0, 3.0]], [[9.0, 5.0], [9.0, 7.0]]])  # epoch, sample, step
    energy = along(values, "epoch", "sample", "step", optimizer_step=("epoch", [0, 50]))
    (chart,) = learned_charts(run(training__layer0__energy=energy.to_dataset(name="energy")))
    assert chart.lines[0].x.tolist() == [0, 50] and chart.lines[0].y.tolist() == [2.0, 6.0]


def test_samples_that_left_do_not_count() -> None:
    energy = along(np.array([[1.0, np.nan, np.nan], [1.0, 3.0, np.nan]]), "sample", "step")
    (chart,) = energy_charts(run(summary__id__layer0=energy.to_dataset(name="energy")))
    assert chart.lines[0].x.tolist() == [0, 1] and chart.lines[0].y.tolist() == [1.0, 3.0]


def test_many_members_are_one_band() -> None:
    numbers = np.arange(40.0)[:, None] * np.ones(3)
    series = along(numbers, "sample", "time", seed=("sample", range(40))).to_dataset(name="order_parameter")
    (chart,) = series_charts(run(series=series))
    (line,) = chart.lines
    assert line.y.tolist() == [19.5] * 3 and line.band is not None and "40 members" in chart.note
