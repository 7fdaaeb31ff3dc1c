from __future__ import annotations

from typing import Any

import pytest

from oscillo.network import OscillatorLayerSpec


def problems(**integrator: Any) -> list[str]:
    layer = OscillatorLayerSpec.model_validate({
        "manifold": {"kind": "circle"}, "oscillators": 4, "coupling": {"kind": "mean_field"},
        "integrator": {"kind": "torchdiffeq", **integrator},
    })  # fmt: skip
    found = layer.problems(())
    assert all(place == ("integrator",) for place, _ in found)
    return [text for _, text in found]


@pytest.mark.parametrize(
    ("integrator", "complaint"),
    [
        ({"method": "dopri8", "substeps": 2}, "`dopri8` chooses its own inner steps; leave out `substeps`"),
        ({"method": "rk4", "rtol": 1e-8}, "`rk4` measures no error; leave out `rtol`"),
        ({"method": "euler", "atol": 1.0}, "`euler` measures no error; leave out `atol`"),
        ({"method": "explicit_adams", "substeps": 9, "rtol": 0.1, "atol": 1.0}, "leave out `rtol` and `atol`"),
        *(({"method": name, "substeps": 2}, f"`{name}` starts anew at each step of the spec, and its first 2 inner")
          for name in ("explicit_adams", "implicit_adams", "fixed_adams")),
        ({"method": "implicit_adams"}, "those of `rk4`; take 3 `substeps` or more in longer steps, or `rk4`"),
    ],
)  # fmt: skip
def test_what_a_method_would_ignore_is_refused(integrator: dict[str, Any], complaint: str) -> None:
    (problem,) = problems(**integrator)
    assert complaint in problem


@pytest.mark.parametrize(
    "integrator",
    [{"rtol": 1e-8, "atol": 1e-9}, {"method": "rk4", "substeps": 5}, {"method": "explicit_adams", "substeps": 3},
     {"method": "implicit_adams", "substeps": 10, "rtol": 1e-8}, {"method": "rk4", "rtol": 1e-5, "atol": 1e-6}],
)  # fmt: skip
def test_what_a_method_takes_is_allowed(integrator: dict[str, Any]) -> None:
    assert problems(**integrator) == []  # a number that is the default one may be written out
