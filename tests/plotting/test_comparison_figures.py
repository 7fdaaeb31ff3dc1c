"""Titles of the figures that compare integrators claim no more than marks show."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from oscillo.plotting import comparison_figure

Marks = list[tuple[float, float]]
"""Evaluations and errors of an integrator."""

EULER: Marks = [(100, 0.7), (200, 0.4), (400, 0.05)]
HEUN: Marks = [(200, 2e-2), (400, 5e-3), (800, 1e-3)]
RK4: Marks = [(400, 2e-5), (800, 1e-6), (1600, 7.5e-8)]
DOPRI5: Marks = [(230, 1e-4), (420, 5e-7), (1000, 5.1e-9)]
RESOLVED, SATURATED = 1e-10, 0.15


def found(reference_error: float = RESOLVED, **integrators: Marks) -> xr.Dataset:
    """A comparison of a simulation, as far as the figure reads it."""
    rows = [(name, *mark) for name, marks in integrators.items() for mark in marks]
    names, evaluations, errors = (np.array(column) for column in zip(*rows, strict=True))
    plain = {"evaluations": evaluations, "seconds": evaluations / 1e4, "observed_order": 2.0, "order": 2.0}
    arrays = {name: ("setting", np.broadcast_to(values, names.shape)) for name, values in plain.items()}
    error = xr.DataArray(errors, dims="setting", attrs={"long_name": "error", "units": "rad"})
    texts = {"integrator": names, "label": names, "failure": np.full(names.shape, "")}
    coords = {name: ("setting", values.astype(object)) for name, values in texts.items()}
    facts = {
        "network": "small", "horizon": 10.0, "precision": "float64", "reference": "dopri5, rtol 1e-11",
        "reference_error": reference_error, "saturated_error": SATURATED,
    }  # fmt: skip
    return xr.Dataset(arrays | {"error": error}, coords | {"step_size": ("setting", np.ones(names.shape))}, attrs=facts)


def title(comparison: xr.Dataset) -> str:
    figure = comparison_figure(comparison)
    assert figure is not None
    return figure.get_suptitle().replace("\n", " ").removeprefix("small: ")


def test_the_title_has_the_mark_that_beats_most_others() -> None:
    more: Marks = [(800, 3e-2), (1600, 1.5e-2)]
    assert title(found(projected_euler=EULER + more, heun=[*HEUN, (1600, 3e-4)], rk4=RK4, dopri5=DOPRI5)) == (
        "dopri5 reaches an error of 5.1e-09 with fewer evaluations (1,000) than all others"
    )
    assert title(found(projected_euler=EULER, heun=HEUN, rk4=RK4, dopri5=DOPRI5)) == (
        "dopri5 reaches an error of 5.0e-07 with fewer evaluations (420) than heun or rk4"
    )


@pytest.mark.parametrize(
    ("integrators", "words"),
    [
        # An error of 1e-4 takes 250 with heun and 300 or less with rk4, whose coarsest step is closer already.
        ({"heun": [(99, 0.1), (250, 1e-4)], "rk4": [(300, 1e-6), (600, 1e-8)]}, "rk4 comes as close as 1.0e-08"),
        # Nobody has tried heun with as many.
        ({"heun": [(100, 1e-2)], "rk4": [(400, 1e-4)]}, "rk4 comes as close as 1.0e-04 with 400"),
        # Somewhere between 100 and 1,000 evaluations rk4 is as close as heun with 300.
        ({"heun": [(300, 1e-4)], "rk4": [(100, 1e-1), (1000, 1e-9)]}, "rk4 comes as close as 1.0e-09 with 1,000"),
        # Below the error of the reference there is no difference to tell.
        ({"heun": [(100, 1e-11), (200, 2e-11)], "rk4": [(100, 1e-12)]}, "heun comes as close as 1.0e-10 with 100"),
        # The second step of heun is worse than its first one, which is better than that of rk4.
        ({"heun": [(100, 1e-4), (200, 1e-2)], "rk4": [(150, 1e-3)]}, "heun reaches an error of 1.0e-04 with fewer"),
        ({"heun": HEUN}, "heun comes as close as 1.0e-03 with 800"),
    ],
)  # fmt: skip
def test_the_title_claims_nothing_that_was_not_measured(integrators: dict[str, Marks], words: str) -> None:
    assert title(found(**integrators)).startswith(words)


def test_saturated_errors_beat_nobody() -> None:
    far: dict[str, Marks] = {"heun": [(100, 1.7), (200, 1.5)], "rk4": [(200, 1.4), (400, 1.6)]}
    assert title(found(**far)) == "up to t = 10 no integrator stays close to the reference"
    assert title(found(reference_error=1.2, **far)) == "up to t = 10 no integrator stays close to the reference"
    assert title(found(heun=far["heun"], rk4=[(200, 1.4), (400, 1e-3)])) == (
        "rk4 comes as close as 1.0e-03 with 400 evaluations"
    )


def test_bands_mark_what_is_not_resolved_and_what_is_saturated() -> None:
    for comparison, words in (
        (found(rk4=RK4), ["not resolved"]),
        (found(projected_euler=EULER, rk4=RK4), ["not resolved", "saturated"]),
        (found(reference_error=1.0, projected_euler=EULER), ["not resolved"]),
    ):
        figure = comparison_figure(comparison)
        assert figure is not None
        assert [text.get_text().partition(":")[0] for text in figure.axes[0].texts] == words
