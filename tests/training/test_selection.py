from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from oscillo.evaluation.schedule import vote_counts
from oscillo.evaluation.selection import (
    ENERGIES,
    choose,
    compared_steps,
    energy_scores,
    same_answers,
    vote_metrics,
)

quick = settings(max_examples=40, deadline=None)
tables = hnp.arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=st.integers(0, 3))


@quick
@given(tables)
def test_equal_numbers_mean_equal_answers(answers):
    found = same_answers(answers[..., None])
    for row, numbers in zip(answers, found, strict=True):
        for member, first in enumerate(numbers):
            assert first <= member and row[first] == row[member]
            assert member == first or row[member] not in row[:first]


@quick
@given(tables)
def test_the_majority_is_the_most_frequent_answer_and_the_first_of_several(answers):
    votes = vote_counts(answers.shape[1])
    chosen = choose("majority", same_answers(answers[..., None]), votes)
    for row, members in zip(answers, chosen, strict=True):
        for count, member in zip(votes, members, strict=True):
            counts = [int((row[:count] == row[other]).sum()) for other in range(count)]
            assert member == int(np.argmax(counts))


@quick
@given(tables)
def test_energies_are_taken_low_and_confidences_high_and_the_first_of_equal_ones(values):
    scores, votes = values.astype(float), vote_counts(values.shape[1])
    low, high = choose("energy_last", scores, votes), choose("confidence", scores, votes)
    for number, count in enumerate(votes):
        np.testing.assert_array_equal(low[:, number], scores[:, :count].argmin(axis=1))
        np.testing.assert_array_equal(high[:, number], scores[:, :count].argmax(axis=1))


def test_what_is_not_a_number_is_never_chosen_among_numbers():
    scores = np.array([[np.nan, 3.0, 2.0], [np.nan, np.nan, np.nan]])
    assert choose("energy_last", scores, [1, 3]).tolist() == [[0, 2], [0, 0]]
    assert choose("confidence", scores, [3]).tolist() == [[1], [0]]


def test_energies_of_answers_along_the_way_and_after_leaving():
    energy = np.array([[5.0, 4.0, 3.0, 2.0], [6.0, 5.0, 4.5, np.nan]])
    measured = {"energy": energy, "pseudo_energy": 10 * energy}
    found = energy_scores(measured, [1, 2, 3], np.array([3, 2]), sums=False)
    assert found["energy_last"].tolist() == [[4, 3, 2], [5, 4.5, 4.5]]
    assert found["pseudo_energy_last"].tolist() == [[50, 40, 30], [60, 50, 50]]  # of the state before
    assert "energy_sum" not in found
    whole = energy_scores({name: value[:1] for name, value in measured.items()}, [1, 3], np.array([3]), sums=True)
    assert whole["energy_sum"].tolist() == [[9, 14]] and whole["pseudo_energy_sum"].tolist() == [[50, 120]]


@quick
@given(selector=st.sampled_from(ENERGIES), last=st.integers(1, 9), data=st.data())
def test_no_other_energies_are_compared_than_those_of_the_steps_that_are_named(selector, last, data):
    ends = sorted({last, *data.draw(st.sets(st.integers(1, last)))})
    taken = np.array([last if selector.endswith("_sum") else data.draw(st.sampled_from(ends)) for _ in range(3)])
    known = np.random.default_rng(last).random((3, last + 1))
    lacking = known.copy()
    lacking[:, [step for step in range(last + 1) if step not in compared_steps(selector, ends)]] = np.nan
    whole, sparse = (
        energy_scores({"energy": each, "pseudo_energy": each}, ends, taken, sums=selector.endswith("_sum"))[selector]
        for each in (known, lacking)
    )
    np.testing.assert_array_equal(whole, sparse)
    assert compared_steps("confidence", ends) == frozenset()


def test_no_selector_passes_the_oracle_and_one_vote_is_the_first_member():
    rng = np.random.default_rng(0)
    right, scores = rng.random((40, 8)) < 0.3, {"energy_last": rng.random((40, 8)), "confidence": rng.random((40, 8))}
    votes = vote_counts(8)
    chosen = {name: choose(name, values, votes) for name, values in scores.items()}
    found = vote_metrics(chosen, right, scores, votes)
    for count in votes:
        for name in scores:
            assert found[f"votes_{count}/{name}"] <= found[f"votes_{count}/oracle"]
    assert found["votes_1/confidence"] == found["votes_1/oracle"] == pytest.approx(right[:, 0].mean())
    shares = [right[:, member].mean() for member in range(8)]
    assert found["one_vote_mean"] == pytest.approx(np.mean(shares))
    assert found["one_vote_std"] == pytest.approx(np.std(shares, ddof=1))
    assert found["votes_8/oracle"] == pytest.approx(right.any(axis=1).mean())
    assert {"auc/energy_last", "auc/confidence"} <= set(found)
