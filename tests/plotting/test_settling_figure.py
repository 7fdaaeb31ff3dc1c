"""Settling: shares and moves as recorded, and what the headline makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from invented_votes import invented_settling, invented_votes

from oscillo.plotting import ReferenceLine, save_figure, settling_figure

STEPS = np.array([1, 2, 4, 8])


def result(right: list[float], changed: list[float], distance: list[float], samples: int = 100) -> xr.Dataset:
    """Shares of right and of changed answers as wanted, and one distance for all samples."""
    rank = np.arange(samples)[:, None] / samples
    dims = ("sample", "at_step")
    arrays = {
        "correct_at": (dims, rank < np.array(right)),
        "changed_at": (dims, rank < np.array(changed)),
        "distance_at": (dims, np.tile(distance, (samples, 1))),
    }
    return xr.Dataset(arrays, {"at_step": STEPS})


RISING, QUIET, STILL = [0, 0.2, 0.5, 0.8], [1, 0.5, 0.1, 0], [2, 1, 0.1, 0.001]


@pytest.mark.parametrize(
    ("case", "finding"),
    [
        ((RISING, QUIET, STILL), "net: best at a fixed point"),
        ((RISING, QUIET, [2, 1, 0.1, 0.0]), "net: best at a fixed point"),
        ((RISING, QUIET, [2, 1, 0.6, 0.5]), "net: best in the end, with settled answers and moving outputs"),
        ((RISING, [1, 1, 1, 0.3], STILL), "net: best in the end, while 30 % of the answers still change in a step"),
        (([0, 0.8, 0.7, 0.4], QUIET, STILL), "net: best after 2 steps (80 % right, 40 % after 8)"),
        (([0, 0.8, 0.8, 0.79], QUIET, STILL), "net: best at a fixed point"),  # one of 100 is chance
        (([0, 0, 0, 0], QUIET, STILL), "net: no right answer after any number of steps"),
    ],
)
def test_when_the_best_answers_come(case: tuple[list[float], ...], finding: str) -> None:
    assert settling_figure({"net": result(*case)}).get_suptitle().replace("\n", " ") == finding


def test_three_panels_hold_the_numbers_of_every_run() -> None:
    one, other = result(RISING, QUIET, STILL), result([0, 0, 0, 0.1], [1, 1, 1, 1], [3, 3, 3, 3])
    both = {"one": one, "other": other.isel(at_step=slice(3))}
    right, changed, moves = settling_figure(both, ReferenceLine("rules", {"one": 0.88, "other": 0.88})).axes
    for axes, name in ((right, "correct_at"), (changed, "changed_at")):
        for box, each in zip(axes.containers, both.values(), strict=True):
            np.testing.assert_array_equal(box.lines[0].get_xdata(), each["at_step"])
            np.testing.assert_allclose(box.lines[0].get_ydata(), each[name].mean("sample"))
    np.testing.assert_allclose(moves.lines[0].get_ydata(), STILL)
    assert moves.get_yscale() == "log" and right.get_xlim() == moves.get_xlim()
    assert "rules 88 %" in [text.get_text() for text in right.texts]


def test_with_votes_it_is_the_first_member_whose_settling_was_recorded() -> None:
    voted = invented_votes()
    drawn = settling_figure({"hard": voted}).axes[0].containers[0].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, voted["member_correct"][..., 0].mean("sample"))
    assert not np.allclose(drawn, voted["correct_at"].mean("sample"))


def test_early_stops_have_a_panel_and_their_moves_are_not_counted(tmp_path: Path) -> None:
    right = np.tile([False, False, True, True], (5, 1))
    stopped = invented_settling(right, STEPS, early_stop=True).assign(correct_at=(("sample", "at_step"), right))
    stopped["steps_taken"][:, 0] = [2, 2, 4, 8, 8]
    stopped["distance_at"][:] = np.where(STEPS > stopped["steps_taken"].values, np.nan, np.arange(1, 6)[:, None])
    figure = settling_figure({"stopped": stopped, "full": result(RISING, QUIET, STILL)})
    np.testing.assert_allclose(figure.axes[2].lines[0].get_ydata(), [3, 3, 4, 4.5])
    running, mark = figure.axes[3].lines
    np.testing.assert_allclose(running.get_ydata(), [1, 1, 0.6, 0.6, 0.4, 0.4, 0.4, 0.4])
    np.testing.assert_allclose(mark.get_xydata(), [[4.8, 0.4]])
    save_figure(figure, tmp_path / "stopped.png")
    everyone_left = stopped.assign(distance_at=stopped["distance_at"].where(stopped.at_step < 8))
    assert "net 4" in [text.get_text() for text in settling_figure({"net": everyone_left}).axes[2].texts]


def test_distances_that_are_zero_or_unknown(tmp_path: Path) -> None:
    for distance in ([0.0] * 4, [np.nan] * 4, [1, 0.0, np.nan, 0.0]):
        figure = settling_figure({"net": result(RISING, QUIET, distance)})
        save_figure(figure, tmp_path / "net.png")
        assert ("lower edge" in figure.get_supxlabel()) == (0.0 in distance)
    with pytest.raises(ValueError, match="no answers over steps"):
        settling_figure({})
