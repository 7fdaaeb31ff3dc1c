"""What a sweep is made of: its points, how they are written, and how they are shared out to runs."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_sweeps import OSCILLATORS, STEP_SIZE, STRENGTH, small

from oscillo.questions.sweep.arguments import split, with_axes
from oscillo.questions.sweep.units import Division, divided, division_text
from oscillo.runspec import checked, read_source, read_spec
from oscillo.spec import SpecError, SweepSpec
from oscillo.spec.ranges import axis_names

numbers = st.lists(st.integers(-50, 50), min_size=1, max_size=5, unique=True)


@given(numbers, numbers, numbers)
def test_a_grid_has_every_combination_once(a: list[int], b: list[int], c: list[int]) -> None:
    sweep = SweepSpec.model_validate({"grid": {"x.a": a, "x.b": b}, "zip": {"y.c": c, "y.d": c}})
    found = [tuple(point.values()) for point in sweep.points]
    assert found == [(i, j, k, k) for i, j, k in product(a, b, c)]
    assert sweep.size == len(found)
    assert [axis.name for axis in sweep.axes] == ["a", "b", "point"]


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 20))
def test_drawn_points_lie_in_their_ranges_and_more_of_them_begin_the_same(seed: int, few: int, more: int) -> None:
    ranges: dict[str, Any] = {
        "a": {"first": 1e-4, "last": 0.1, "spacing": "log"}, "b": {"first": -2, "last": 3},
        "c": {"first": 1, "last": 4, "whole": True}, "d": ["x", "y"],
    }  # fmt: skip
    first, second = (
        SweepSpec.model_validate({"random": {"points": count, "seed": seed, "ranges": ranges}}).points
        for count in (few, few + more)
    )
    assert second[:few] == first
    for point in second:
        assert 1e-4 <= point["a"] <= 0.1 and -2 <= point["b"] <= 3
        assert point["c"] in (1, 2, 3, 4) and point["d"] in ("x", "y")


def test_points_of_lists_are_drawn_once_each() -> None:
    ranges = {"a": ["x", "y", "x"], "b": {"first": 1, "last": 3, "whole": True}}
    points = SweepSpec.model_validate({"random": {"points": 6, "ranges": ranges}}).points
    assert {(point["a"], point["b"]) for point in points} == set(product("xy", (1, 2, 3)))


def test_drawn_factors_are_as_likely_on_every_scale() -> None:
    spec = {"random": {"points": 4000, "ranges": {"a": {"first": 1e-4, "last": 1.0, "spacing": "log"}}}}
    logs = np.log10([point["a"] for point in SweepSpec.model_validate(spec).points])
    assert np.histogram(logs, bins=4, range=(-4, 0))[0] == pytest.approx([1000] * 4, abs=120)


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ({}, "nothing is swept over"),
        ({"grid": {"seed": []}}, "needs at least 1 item"),
        ({"grid": {"seed": [1, 1]}}, "1 is there twice"),
        ({"grid": {"seed": [1]}, "zip": {"seed": [1]}}, "swept over twice"),
        ({"zip": {"seed": [1, 2], STRENGTH: [1.0]}}, "equally many"),
        ({"zip": {"seed": [1]}, "random": {"points": 1, "ranges": {STRENGTH: [1.0]}}}, "`zip` or `random`"),
        ({"random": {"points": 2, "ranges": {STRENGTH: {"first": 2, "last": 1}}}}, "nothing between 2 and 1"),
        ({"grid": {"network.layers.0.coupling.strengt": [1]}}, f"did you mean `{STRENGTH}`"),
        ({"grid": {"network.layers.1.oscillators": [1]}}, f"`network.layers` has no `1`; did you mean `{OSCILLATORS}`"),
        ({"zip": {"network.coupling.strength": [1]}}, f"`network` has no `coupling`; did you mean `{STRENGTH}`"),
        ({"grid": {"task.stebs": [1]}}, r"did you mean `task\.steps`"),
        (
            {"random": {"points": 1, "ranges": {"strenght": [1]}}},
            f"the spec has no `strenght`; did you mean `{STRENGTH}`",
        ),
        ({"grid": {"steps": [1]}}, r"did you mean `network\.layers\.0\.integrator\.steps` or `task\.steps`"),
        ({"grid": {"network.layers.0.coupling.k": [1]}}, "has no `k`; it has strength, "),
        (
            {"random": {"points": 5, "ranges": {STRENGTH: {"first": 1.0, "last": 1.00000000003}}}},
            "there are 3 different points to draw",
        ),
        (
            {"random": {"points": 5, "ranges": {STRENGTH: [1, 2], "seed": [3, 4]}}},
            "there are 4 different points to draw",
        ),
        ({"grid": {"network.layers.0.coupling": [1]}}, "only single values can be swept over"),
        ({"grid": {"network.sites": [1]}}, "only single values can be swept over"),
        ({"grid": {"name": ["a", "b"]}}, "cannot be swept over"),
        ({"grid": {OSCILLATORS: [5, -5]}}, "must be at least 1"),
        ({"grid": {"precision": ["float64", "float46"]}}, "float64"),
        ({"grid": {STRENGTH: ["a", "b"]}}, "takes"),
        ({"grid": {"network.layers.0.integrator.steps": [3, 4], "seed": [0.5, 1.5]}}, "whole number"),
    ],
)
def test_what_cannot_be_swept_over_is_refused(sweep: dict[str, Any], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        divided(read_spec(small(sweep=sweep)))


def test_the_sweep_takes_over_what_the_ensemble_varies() -> None:
    ensemble = {"seeds": 2, "vary": {STRENGTH: [1.0, 2.0], "network.layers.0.frequency.distribution.mean": [0.0, 1.0]}}
    division = shared_out({"grid": {STRENGTH: [3.0, 4.0]}}, task__ensemble=ensemble)
    assert division.taken_over == [STRENGTH] and division.members == 4
    members = division.units[0].spec.spec.task.ensemble.members  # pyright: ignore[reportAttributeAccessIssue]
    assert [member.parameters[STRENGTH] for member in members] == [3.0] * 4 + [4.0] * 4
    assert "which the ensemble of the spec varies" in division_text(division)


def shared_out(sweep: dict[str, Any], **changes: Any) -> Division:
    return divided(read_spec(small(sweep=sweep, **changes)))


def test_points_that_share_shapes_share_a_run() -> None:
    division = shared_out({"grid": {OSCILLATORS: [5, 6], STRENGTH: [1.0, 2.0, 3.0], "seed": [4, 5]}})
    assert [list(unit.points) for unit in division.units] == [list(range(6)), list(range(6, 12))]
    assert set(division.together) == {STRENGTH, "seed"} and set(division.apart) == {OSCILLATORS}
    for unit in division.units:
        assert unit.spec.spec.task.ensemble.size == 6  # pyright: ignore[reportAttributeAccessIssue]


def test_a_run_has_no_more_points_than_asked_for() -> None:
    division = shared_out({"grid": {STRENGTH: [1.0, 2.0, 3.0], "seed": [4, 5]}, "points_per_run": 4})
    assert [list(unit.points) for unit in division.units] == [[0, 1, 2, 3], [4, 5]]


def test_what_no_batch_can_have_takes_runs_of_its_own() -> None:
    division = shared_out({"zip": {STEP_SIZE: [0.1, 0.05], "task.steps": [20, 40]}})
    assert [list(unit.points) for unit in division.units] == [[0], [1]]
    assert [unit.spec.spec.task.steps for unit in division.units] == [20, 40]  # pyright: ignore[reportAttributeAccessIssue]


def test_an_integrator_that_mixes_members_gets_runs_of_one() -> None:
    integrator = {"kind": "torchdiffeq", "method": "dopri5", "step_size": 0.1}
    division = shared_out({"grid": {STRENGTH: [1.0, 2.0]}}, network__layers__0__integrator=integrator)
    assert len(division.units) == 2 and "over all members together" in division.apart[STRENGTH]


def test_why_points_run_on_their_own_is_told() -> None:
    grid = {OSCILLATORS: [5, 6], "task.steps": [10, 20], "precision": ["float32", "float64"], "seed": [1, 2]}
    told = division_text(shared_out({"grid": grid | {STEP_SIZE: [0.1, 0.2], STRENGTH: [1.0]}})).split("; ")
    assert told == [
        "32 points in 16 runs",
        f"points that differ in `{OSCILLATORS}` run on their own, as they differ in the shape of the state",
        "points that differ in `task.steps` or `precision` run on their own, as within a batch only the seed and "
        "numbers of the network can differ",
        f"points that differ in `{STEP_SIZE}` run on their own, as they differ in `integrator.step_size`, which all "
        "points of a batch share",
    ]


def test_a_problem_of_some_points_is_blamed_on_the_values_that_they_share() -> None:
    overrides, swept = split([f"{OSCILLATORS}=5,6", f"{STEP_SIZE}=0.1,0.3,0.5", f"{STRENGTH}=1,2"])
    spec = small(task={"kind": "simulate", "duration": 1})
    with pytest.raises(SpecError) as refusal:
        divided(checked(with_axes(read_source(spec, overrides), swept)))
    (problem,) = refusal.value.problems
    assert problem.message.startswith(f"with {STEP_SIZE} = 0.3: task.duration: 1 is no whole number of steps of 0.3")
    assert problem.source is not None and problem.source.text == f"{STEP_SIZE}=0.1,0.3,0.5"


def test_axes_are_written_as_ranges_and_lists() -> None:
    arguments = [
        f"{STRENGTH}=0:4:5",
        "seed=2:5",
        "task.steps=10,20",
        "a=1e-3:1:4:log",
        "network.sites=[]",
        "~x",
        "b=c:d",
    ]
    overrides, swept = split(arguments)
    assert overrides == ["network.sites=[]", "~x", "b=c:d"]
    values = {key: value for key, (value, _) in swept.items()}
    assert values["seed"] == [2, 3, 4] and values["task.steps"] == [10, 20]
    assert values[STRENGTH] == {"first": 0.0, "last": 4.0, "count": 5, "spacing": "linear"}
    assert values["a"]["spacing"] == "log"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a=0.5:2", "has a count"),
        ("seed=5:5", "no whole number"),
        ("a=0:1", "has a count"),
        ("a=1,,2", "lacks a value"),
    ],
)
def test_a_range_that_is_none_is_told_with_its_argument(text: str, told: str) -> None:
    with pytest.raises(SpecError, match=told) as refusal:
        split(["x=1", text])
    assert "command line, argument 2" in str(refusal.value)


def test_axes_of_the_command_line_come_beside_those_of_the_spec() -> None:
    document = read_source(small(sweep={"grid": {"seed": [1, 2]}}))
    _, swept = split([f"{STRENGTH}=1,2,3"])
    sweep = checked(with_axes(document, swept)).spec.sweep
    assert sweep is not None and sweep.size == 6
    drawn = checked(with_axes(read_source(small()), split([f"{STRENGTH}=0.1:10:2:log"])[1], "random", 7)).spec.sweep
    assert drawn is not None and len(drawn.points) == 7


@given(st.lists(st.sampled_from(["a.b.c", "a.d.c", "e.c", "f", "g.0.h", "i.1.h"]), unique=True, min_size=1))
def test_axes_have_names_that_tell_them_apart(places: list[str]) -> None:
    names = list(axis_names(places, ("f",)).values())
    assert len(set(names)) == len(names) and "f" not in names
