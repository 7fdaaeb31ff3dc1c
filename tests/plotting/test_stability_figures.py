"""What figures and tables of exponents claim, and whose exponents they put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr

from oscillo.plotting.stability_figures import lyapunov_figure, samples_by_what_differs


def found(largest: Sequence[float], error: float, **labels: Sequence[Any]) -> xr.Dataset:
    """Two exponents of some samples over a time of 50, with parameters that are not named `correct`."""
    exponents = np.stack([np.array(largest), np.array(largest) - 1], axis=1)
    times = np.linspace(5, 50, 10)
    arrays = {
        "exponents": (("sample", "exponent"), exponents),
        "standard_error": (("sample", "exponent"), np.full_like(exponents, error)),
        "course": (("sample", "time", "exponent"), np.repeat(exponents[:, None], 10, axis=1)),
    }
    coords = {name: ("sample", list(values)) for name, values in labels.items()}
    parameters = " ".join(name for name in labels if name not in ("seed", "correct"))
    facts = {"resolution": 0.02, "steps": 500, "parameters": parameters}
    return xr.Dataset(arrays, coords | {"time": times, "exponent": [1, 2]}, facts)


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (0.037, 0.066, "cannot be told from zero (+0.037 ± 0.07)"),
        (0.01, 0.001, "cannot be told from zero (+0.01 ± 0.02)"),
        (0.3, 0.066, "is +0.3: chaos"),
        (-0.3, 0.066, "is -0.3: all that is near comes together"),
        (0.3, np.nan, "is +0.3: chaos"),
    ],
)
def test_chaos_is_claimed_beyond_resolution_and_two_errors(value: float, error: float, told: str) -> None:
    figure = lyapunov_figure(found([value], error), "small")
    assert any(f"small: the largest exponent {told}" in " ".join(text.get_text().split()) for text in figure.texts)


def test_samples_of_other_parameters_are_groups_and_seeds_are_none() -> None:
    data = found([0.0, 0.1, 0.2, 0.3], 0.01, strength=[1.0, 1.0, 2.5, 2.5], seed=[0, 1, 0, 1])
    groups = samples_by_what_differs(data)
    assert [label for label, _ in groups] == ["strength 1 (2)", "strength 2.5 (2)"]
    assert [some["exponents"].values[:, 0].tolist() for _, some in groups] == [[0.0, 0.1], [0.2, 0.3]]
    (alone,) = samples_by_what_differs(found([0.0, 0.1], 0.01, strength=[1.0, 1.0], seed=[0, 1]))
    assert alone[0] == "" and alone[1].sizes["sample"] == 2
    many = samples_by_what_differs(found(np.zeros(9).tolist(), 0.01, strength=np.arange(9.0).tolist()))
    assert len(many) == 1


def test_right_answers_come_before_wrong_ones() -> None:
    groups = samples_by_what_differs(found([0.0, 0.1, 0.2], 0.01, correct=[False, True, False]))
    assert [label for label, _ in groups] == ["right answers (1)", "wrong answers (2)"]
