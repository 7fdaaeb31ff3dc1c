from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oscillo.integrators.map import MapSpec
from oscillo.network import OscillatorLayerSpec

UNPROJECTED = {"kind": "projected_euler", "project": False}
NORMALISED = {"kind": "conditional", "normalization": "group"}


def layer(manifold: dict[str, Any], **stimulus: Any) -> OscillatorLayerSpec:
    return OscillatorLayerSpec.model_validate({
        "manifold": manifold, "oscillators": 4, "coupling": {"kind": "mean_field"},
        "stimulus": {"kind": "sine", "acts_on": "velocity", **stimulus},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("manifold", "direction"),
    [({"kind": "circle"}, None), ({"kind": "circle"}, [-1.0]), ({"kind": "plane"}, [0.0, 1.0]),
     ({"kind": "plane"}, None), ({"kind": "euclidean"}, None),
     ({"kind": "euclidean", "dimension": 3}, [1.0, 0.0, 0.0])],
)  # fmt: skip
def test_a_current_has_as_many_numbers_as_velocities(manifold: dict[str, Any], direction: list[float] | None) -> None:
    assert layer(manifold, direction=direction).problems(()) == []


@pytest.mark.parametrize(
    ("manifold", "direction", "complaint"),
    [({"kind": "circle"}, [1.0, 0.0], "has 2 components, and 1 are wanted"),
     ({"kind": "plane"}, [1.0], "has 1 components, and 2 are wanted"),
     ({"kind": "plane"}, [0.0, 0.0], "a `direction` of zeros"),
     ({"kind": "sphere", "dimension": 2}, [1.0, 0.0], "would point off it")],
)  # fmt: skip
def test_a_current_that_cannot_be_is_refused(manifold: dict[str, Any], direction: Any, complaint: str) -> None:
    ((place, text),) = layer(manifold, direction=direction).problems(())
    assert place[0] == "stimulus" and complaint in text


def test_a_map_has_no_velocities() -> None:
    spec = layer({"kind": "plane"}).model_copy(update={"integrator": MapSpec()})
    ((place, text),) = spec.problems(())
    assert place == ("stimulus", "acts_on") and "a map has no velocities" in text


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [({"manifold": {"kind": "circle"}, "integrator": UNPROJECTED}, "only on a `sphere`"),
     ({"manifold": {"kind": "plane"}, "integrator": UNPROJECTED}, "only on a `sphere`"),
     ({"manifold": {"kind": "plane"}, "inertia": {}, "frequency": {"kind": "identity"}}, "a velocity and no force"),
     ({"manifold": {"kind": "euclidean"}, "stimulus": NORMALISED}, "over 1 number"),
     ({"manifold": {"kind": "circle"}, "stimulus": NORMALISED}, "over 2 numbers")],
)  # fmt: skip
def test_settings_without_a_meaning_are_refused(fields: dict[str, Any], complaint: str) -> None:
    spec = OscillatorLayerSpec.model_validate({"oscillators": 4, "coupling": {"kind": "mean_field"}} | fields)
    ((_, text),) = spec.problems(())
    assert complaint in text


@pytest.mark.parametrize("inside", [lambda coupling: coupling, lambda coupling: {"kind": "sum", "terms": [coupling]}])
def test_a_delay_of_velocities_is_refused(inside: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    spec = OscillatorLayerSpec.model_validate({
        "manifold": {"kind": "euclidean"}, "oscillators": 4, "coupling": {"kind": "mean_field"},
        "velocity_coupling": inside(inside({"kind": "dense", "delay": {"time": 1.0}})), "inertia": {},
    })  # fmt: skip
    ((place, text),) = spec.problems(())
    assert place == ("velocity_coupling",) and "felt at once" in text
