"""Intervals, quantiles, separations, their text, and labels that do not touch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.analysis import pair_auc, share_below
from oscillo.plotting import counted, duration, log_ticks, percent, spread, weighted_quantiles, wilson_interval

few = st.lists(st.integers(-3, 3), min_size=1, max_size=8)


@given(st.integers(0, 50), st.integers(1, 50))
def test_interval_holds_the_share_and_solves_wilsons_equation(hits: int, more: int) -> None:
    trials = hits + more
    share = hits / trials
    low, high = wilson_interval(hits, trials)
    assert 0 <= low <= share <= high <= 1
    for end in (float(low), float(high)):
        if 0 < end < 1:  # the shares from which the one seen is just 1.96 standard errors away
            assert abs(share - end) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / trials), rel=1e-5)


def test_interval_at_its_ends() -> None:
    z2 = 1.959964**2
    low, high = wilson_interval([0, 10, 0], [10, 10, 0])
    np.testing.assert_allclose(low, [0, 10 / (10 + z2), 0], rtol=1e-6)
    np.testing.assert_allclose(high, [z2 / (10 + z2), 1, 1], rtol=1e-6)


@given(few, few)
def test_share_below_counts_pairs(first: list[int], second: list[int]) -> None:
    pairs = [1.0 if a < b else 0.5 if a == b else 0.0 for a in first for b in second]
    assert share_below(first, second) == pytest.approx(np.mean(pairs))
    assert np.isnan(share_below([], second))


@given(st.lists(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, np.nan]), st.booleans()), min_size=4, max_size=4)))
def test_pairs_of_one_sample_are_counted(drawn: list[list[tuple[float, bool]]]) -> None:
    values, right = (np.array([[member[k] for member in row] for row in drawn]).reshape(-1, 4) for k in (0, 1))
    pairs = [
        1.0 if one < other else 0.5 if one == other else 0.0
        for row in drawn for one, good in row for other, fine in row
        if good and not fine and np.isfinite(one + other)
    ]  # fmt: skip
    expected = np.mean(pairs) if pairs else np.nan
    assert pair_auc(values, right, lower_is_right=True) == pytest.approx(expected, nan_ok=True)
    assert pair_auc(values, right, lower_is_right=False) == pytest.approx(1 - expected, nan_ok=True)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), min_size=1, max_size=9), st.floats(0.01, 1))
def test_a_weight_of_two_is_as_good_as_two_samples(drawn: list[tuple[int, int]], share: float) -> None:
    values, weights = (np.array(column) for column in zip(*drawn, strict=True))
    weights[0] += 1  # some of them weigh something
    apart = np.repeat(values, weights)
    found = weighted_quantiles(np.stack([values, -values], axis=1), weights / 7, [share])
    for one, other in zip(found[0], (apart, -apart), strict=True):
        assert (other <= one).mean() >= share - 1e-8 and (other < one).mean() < share


@given(st.floats(0, 1))
def test_percent_never_claims_all_or_none(share: float) -> None:
    assert (percent(share) == "100 %") == (share == 1)
    assert (percent(share) == "0 %") == (share == 0)


def test_text() -> None:
    assert [percent(share) for share in (0.942, 0.84, 0.9999, 0.0001)] == ["94.2 %", "84 %", "> 99.9 %", "< 0.1 %"]
    assert [counted(number, "step") for number in (1, 2, 1024)] == ["1 step", "2 steps", "1,024 steps"]
    assert [duration(seconds) for seconds in (35, 44 * 60, 2.3 * 3600)] == ["35 s", "44 min", "2.3 h"]


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.floats(0.01, 0.5))
def test_spread_labels_keep_order_distance_and_mean(positions: list[float], gap: float) -> None:
    before = np.array(positions)
    after = spread(before, gap)
    order = np.argsort(before, kind="stable")
    assert np.all(np.diff(after[order]) >= gap - 1e-9)
    assert after.mean() == pytest.approx(before.mean(), abs=1e-9)
    if np.all(np.diff(before[order]) >= gap):
        np.testing.assert_allclose(after, before, atol=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0.01, 0.15))
def test_spread_labels_stay_within_bounds(positions: list[float], gap: float) -> None:
    after = spread(np.array(positions), gap, 0.0, 1.0)
    assert np.all((-1e-9 <= after) & (after <= 1 + 1e-9))
    assert np.all(np.diff(np.sort(after)) >= gap - 1e-9)


@given(st.floats(-6, 6), st.floats(2, 1e12))
def test_a_logarithmic_axis_has_neither_few_nor_many_ticks(power: float, span: float) -> None:
    low = 10**power
    ticks = np.array(log_ticks(low, low * span))
    assert 4 <= len(ticks) <= 7
    assert np.all((low <= ticks) & (ticks <= low * span)) and np.all(np.diff(ticks) > 0)
