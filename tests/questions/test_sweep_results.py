"""What a sweep shows at its end: which rows, which means, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from rich.table import Table
from small_sweeps import OSCILLATORS, STRENGTH

from oscillo.questions.sweep.gathering import gathered
from oscillo.questions.sweep.results import figures, tables, transition
from oscillo.questions.sweep.units import Division
from oscillo.spec import SweepSpec


def swept(axes: Mapping[str, Sequence[Any]], names: Sequence[str] = ("order_parameter_mean",)) -> xr.Dataset:
    """The dataset of a sweep whose results are 0, 1, 2, ..."""
    sizes = {name: len(values) for name, values in axes.items() if name[:7] != "member_"}
    values = np.arange(np.prod(list(sizes.values())), dtype=float).reshape(list(sizes.values()))
    coordinates = {name: (("member",) if name[:7] == "member_" else (name,), list(v)) for name, v in axes.items()}
    variables = {name: (tuple(sizes), values) for name in names}
    attributes = {"axes": " ".join(name for name in sizes if name != "member")}
    return xr.Dataset(variables, coordinates, attributes)


def columns(table: Table) -> dict[str, list[str]]:
    return {str(column.header): [str(cell) for cell in column.cells] for column in table.columns}


def test_means_are_over_seeds_alone() -> None:
    (table,) = tables(swept({"seed": range(5), "strength": range(20), "graph_seed": range(3)}))
    shown = columns(table)
    assert list(shown) == ["strength", "order parameter mean"] and len(shown["strength"]) == 20
    assert table.title == "results, mean over 5 seeds and 3 graph seeds" and table.caption is None
    assert shown["order parameter mean"][0] == "121"  # 60 s + g for all s below 5 and g below 3


def test_two_axes_of_many_points_are_both_shown() -> None:
    (table,) = tables(swept({"strength": range(41), "kind": ["rk4", "heun"], "seed": range(2)}))
    shown = columns(table)
    assert table.title == "results, mean over 2 seeds"
    assert shown["kind"] == ["rk4", "heun"] * 11 and shown["strength"][:4] == ["0", "0", "4", "4"]
    assert str(table.caption).startswith("22 of 82 rows; all of them: oscillo.open_run(RUN)")


def test_results_that_find_no_room_are_told() -> None:
    (table,) = tables(swept({"strength": range(4)}, [f"result{i}" for i in range(11)]))
    assert len(table.columns) == 9 and str(table.caption).startswith("8 of 11 results; all of them")


def test_seeds_alone_have_a_row_each() -> None:
    (table,) = tables(swept({"seed": range(4)}))
    assert columns(table)["seed"] == ["0", "1", "2", "3"] and table.title == "results"


def test_members_that_differ_in_a_parameter_are_no_repetitions() -> None:
    members = {"member": range(6), "member_width": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0], "member_seed": [0, 1, 2] * 2}
    (table,) = tables(swept({"strength": [0.5, 1.5], **members}))
    shown = columns(table)
    assert shown["strength"] == ["0.5", "0.5", "1.5", "1.5"] and shown["member width"] == ["1", "2"] * 2
    assert shown["order parameter mean"] == ["1", "4", "7", "10"] and table.title == "results, mean over 3 member seeds"


def test_members_whose_parameters_go_together_have_a_row_each() -> None:
    members = {"member": range(3), "member_width": [1.0, 2.0, 3.0], "member_depth": [5.0, 6.0, 7.0]}
    (table,) = tables(swept({"seed": range(2), **members}))
    assert columns(table)["member width"] == ["1", "2", "3"]
    assert columns(table)["order parameter mean"] == ["1.5", "2.5", "3.5"]


def test_where_order_sets_in_is_told_of_one_transition_alone() -> None:
    strengths = np.linspace(0, 4, 25)
    order = np.sqrt(np.clip(1 - 2 / np.maximum(strengths, 1e-9), 0.0005, 1))
    data = swept({"strength": strengths, "member": range(2), "member_seed": range(2)})
    data["order_parameter_mean"][:] = order[:, None]
    onset = transition(data)
    assert onset is not None and 1.9 < onset[0] < 2.1
    assert transition(data.rename(member_seed="member_width")) is None


def test_ranges_declared_logarithmic_are_drawn_so() -> None:
    grid = {STRENGTH: {"first": 0.5, "last": 8, "count": 2, "spacing": "log"}, OSCILLATORS: [5, 6]}
    sweep = SweepSpec.model_validate({"grid": grid})
    data = gathered(sweep, Division([], [], {}, 1), {})
    assert data.attrs["log"] == "strength"
    data["order_parameter_mean"] = (("strength", "oscillators"), np.ones((2, 2)))
    figure = figures(data, "small", None)["sweep"]()
    assert figure is not None and figure.axes[0].get_xscale() == "log"
