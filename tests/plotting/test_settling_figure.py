"""Settling: shares and moves as recorded, and what the headline makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_votes import invented_settling, invented_votes

from oscillo.plotting import ReferenceLine, percent, save_figure, settling_figure

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
    return xr.Dataset(arrays, {"at_step": STEPS[-len(right) :]})


RISING, QUIET, STILL = [0, 0.2, 0.5, 0.8], [1, 0.5, 0.1, 0], [2, 1, 0.1, 0.001]


@pytest.mark.parametrize(
    ("right", "told"),
    [
        (RISING, "80 % right after 8 steps"),
        ([0, 0.8, 0.7, 0.4], "80 % right after 2 steps, 40 % after 8"),
        ([0.5, 0.5, 0.5, 0.5], "50 % right after 8 steps"),
        ([0, 0, 0, 0], "0 % right after 8 steps"),
    ],
)
def test_the_headline_tells_the_best_and_the_last_step(right: list[float], told: str) -> None:
    figure = settling_figure({"net": result(right, [1, 1, 1, 0.3], STILL)})
    assert figure.get_suptitle() == f"net: {told}; 30 % of the answers changed in the last step"


def test_a_single_step_and_thousands_are_written_out() -> None:
    one = result([0.5], [1], [2.0], samples=4).assign_coords(at_step=[1])
    assert "50 % right after 1 step;" in settling_figure({"net": one}).get_suptitle()
    many = settling_figure({"net": one.assign_coords(at_step=[1024])})
    assert "after 1,024 steps;" in many.get_suptitle()
    many.draw_without_rendering()
    assert [tick.get_text() for tick in many.axes[-1].get_xticklabels()] == ["1,024"]


@settings(max_examples=5, deadline=None)
@given(st.floats(1e-6, 10), st.floats(1, 1.5))
def test_moves_have_ticks_however_little_they_differ(low: float, spread: float) -> None:
    moves = settling_figure({"net": result(RISING, QUIET, [low * spread, low, low, low])}).axes[2]
    bottom, top = moves.get_ylim()
    ticks = moves.get_yticks()
    assert len(ticks) >= 4 and np.all((bottom <= ticks) & (ticks <= top))


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
    figure = settling_figure({"hard": voted})
    last = percent(float(voted["member_correct"][:, -1, 0].mean()))
    assert figure.get_suptitle().startswith(f"hard, first of 8 initial states: {last} right after 32 steps; ")
    drawn = figure.axes[0].containers[0].lines[0].get_ydata()
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
    assert "stopped 4.5, n = 2" in [text.get_text() for text in figure.axes[2].texts]
    everyone_left = stopped.assign(
        steps_taken=stopped["steps_taken"].clip(max=4), distance_at=stopped["distance_at"].where(STEPS <= 4)
    )
    assert "net 4, n = 3 after 4" in [text.get_text() for text in settling_figure({"net": everyone_left}).axes[2].texts]


def test_samples_that_stopped_neither_change_nor_move() -> None:
    right = np.tile([False, False, True, True], (5, 1))
    going = invented_settling(right, STEPS, early_stop=True).assign(correct_at=(("sample", "at_step"), right))
    going["steps_taken"][:, 0] = [2, 2, 2, 2, 8]
    going["changed_at"][:] = STEPS <= going["steps_taken"].values
    going["distance_at"][:] = np.where(going["changed_at"], np.array([9, 9, 9, 9, 1])[:, None], np.nan)
    figure = settling_figure({"net": going})
    np.testing.assert_allclose(figure.axes[1].containers[0].lines[0].get_ydata(), [1, 1, 0.2, 0.2])
    np.testing.assert_allclose(figure.axes[2].lines[0].get_ydata(), [9, 9, 1, 1])
    assert "20 % of the\nanswers changed" in figure.get_suptitle()
    whole, dashed = figure.axes[0].lines[:2]
    assert (list(whole.get_xdata()), list(dashed.get_xdata())) == ([1, 2], [2, 4, 8])  # 3.2 lie between 2 and 4
    assert figure.get_suptitle().startswith(
        "net, early stop (3.2 steps taken on average): 100 % right after up to 8 steps"
    )
    assert "net 1, n = 1" in [text.get_text() for text in figure.axes[2].texts]


def test_distances_that_are_zero_or_unknown(tmp_path: Path) -> None:
    for distance in ([0.0] * 4, [np.nan] * 4, [1, 0.0, np.nan, 0.0]):
        figure = settling_figure({"net": result(RISING, QUIET, distance)})
        save_figure(figure, tmp_path / "net.png")
        assert ("lower edge" in figure.get_supxlabel()) == (0.0 in distance)
    with pytest.raises(ValueError, match="no answers over steps"):
        settling_figure({})
