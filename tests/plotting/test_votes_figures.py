"""Figures of votes: what is drawn are the shares counted by hand, and what is absent is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_votes import invented_votes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from oscillo.analysis import Votes, pair_auc
from oscillo.plotting import (
    SELECTORS,
    ReferenceLine,
    agreement,
    compute_figure,
    lower_envelope,
    percent,
    save_figure,
    selection_figure,
    votes_figure,
    wilson_interval,
)

LABELS = {name: label for name, (label, _) in SELECTORS.items()}


def by_hand(result: xr.Dataset, selector: str, at_step: int, votes: int) -> float:
    """Share of samples for which the chosen member is right."""
    here = result.sel(at_step=at_step)
    chosen = here[f"chosen_{selector}"].sel(votes=votes)
    return float(np.mean([bool(here["member_correct"][i, int(chosen[i])]) for i in range(result.sizes["sample"])]))


def courses(axes: object) -> dict[str, np.ndarray]:
    """Heights of all series with bars, by label."""
    return {box.get_label(): box.lines[0].get_ydata() for box in axes.containers}  # pyright: ignore


def tick_labels(axis: Axis) -> list[str]:
    """As they will be written."""
    return axis.get_major_formatter().format_ticks(axis.get_majorticklocs().tolist())


def title(figure: Figure) -> str:
    return figure.get_suptitle().replace("\n", " ")


def test_accuracy_over_steps_and_votes() -> None:
    result = invented_votes()
    over_steps, over_votes = votes_figure({"hard": result}).axes
    for selector in ("energy_last", "energy_sum", "confidence", "majority"):
        expected = [by_hand(result, selector, step, 8) for step in result["at_step"].values]
        np.testing.assert_allclose(courses(over_steps)[LABELS[selector]], expected)
        expected = [by_hand(result, selector, 32, votes) for votes in (1, 2, 4, 8)]
        np.testing.assert_allclose(courses(over_votes)[LABELS[selector]], expected)
    np.testing.assert_allclose(courses(over_steps)["1 vote"], result["member_correct"][..., 0].mean("sample"))
    (oracle,) = (line for line in over_votes.lines if line.get_label() == "oracle")
    any_right = [result["member_correct"][:, -1, :votes].any("member").mean() for votes in (1, 2, 4, 8)]
    np.testing.assert_allclose(oracle.get_ydata(), any_right)
    assert np.all(oracle.get_ydata() >= courses(over_votes)["majority"])


def test_the_headline_names_the_best_selector_and_the_bound() -> None:
    right = np.zeros((10, 1, 2), dtype=bool)
    right[:4, 0, 0] = right[2:9, 0, 1] = True
    result = xr.Dataset(
        {
            "member_correct": (("sample", "at_step", "member"), right),
            "chosen_confidence": (("sample", "at_step", "votes"), np.zeros((10, 1, 2), int)),
            "chosen_majority": (("sample", "at_step", "votes"), np.tile([0, 1], (10, 1, 1))),
        },
        coords={"at_step": [16], "votes": [1, 2]},
    )
    figure = votes_figure({"hard": result}, ReferenceLine("rules", {"hard": 0.88}))
    assert title(figure) == "hard: 40 % right with one vote, 70 % with 2 by majority (oracle 90 %)"
    assert "rules 88 %" in [text.get_text() for text in figure.axes[0].texts]
    low, high = figure.axes[1].get_ylim()
    assert low < wilson_interval(4, 10)[0] and high > 0.9


def test_cost_of_all_votes_and_of_early_stops() -> None:
    full = Votes("hard", invented_votes(flops_per_step=100.0).assign_attrs(flops_outside=7.0))
    np.testing.assert_allclose(full.flops, full.counts * (100 * full.steps[:, None] + 7))
    stopped = Votes("hard", invented_votes(early_stop=True, flops_per_step=100.0).assign_attrs(flops_outside=7.0))
    taken = stopped.result["steps_taken"].values
    for row, step in enumerate(stopped.steps):
        for column, votes in enumerate(stopped.counts):
            ends = np.minimum(taken[:, :votes], step)
            looks = sum((ends > look).sum(axis=1) for look in (4, 8))  # before the end, at which all give an answer
            mean = (100 * ends.sum(axis=1) + 1e7 * looks).mean()
            assert stopped.flops[row, column] == pytest.approx(mean + 7 * votes)
    with pytest.raises(ValueError, match="hard: the attribute flops_per_step"):
        compute_figure({"hard": full.result.drop_attrs()})


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=20))
def test_the_envelope_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    cost, error = (np.array(column) for column in zip(*points, strict=True))
    best = lower_envelope(cost, error)
    assert np.all(np.diff(cost[best]) > 0) and np.all(np.diff(error[best]) < 0)
    for price, wrong in points:  # nothing is cheaper or as cheap, and better
        assert error[best][cost[best] <= price].min() <= wrong


def test_errors_against_compute() -> None:
    result = invented_votes(strength=2.0)
    axes = compute_figure({"hard": result}, "energy_sum").axes[0]
    votes = Votes("hard", result)
    lines = {line.get_label(): line for line in axes.lines}
    for column, count in enumerate((1, 2, 4, 8)):
        line = lines[f"votes {count}"]
        np.testing.assert_allclose(line.get_xdata(), votes.flops[:, column])
        wrong = 1 - np.array([by_hand(result, "energy_sum", step, count) for step in votes.steps])
        np.testing.assert_allclose(line.get_ydata(), np.maximum(wrong, 1 / 120))
    band = lines["least error"]
    assert np.all(np.diff(band.get_xdata()) > 0) and np.all(np.diff(band.get_ydata()) < 0)


def test_the_headline_compares_the_best_of_all_votes_and_of_one() -> None:
    votes = Votes("hard", invented_votes())
    figure = compute_figure({"hard": votes.result, "short": invented_votes(steps=4)})
    told = title(figure).split("short: ")[0].removeprefix("hard: ").split("%")
    for number, share in zip((-1, 0), told, strict=False):
        least = 1 - votes.right("majority").mean(axis=0)[:, number].max()
        assert share.split()[-1] == percent(least).removesuffix(" %")
    assert "wrong with 8 votes (32 steps, 10.4 GFLOP), " in title(figure)
    assert "wrong with 1 vote (32 steps, 1.3 GFLOP)" in title(figure)
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 30), st.integers(2, 5), st.sampled_from([1, 5, 32]), st.floats(-60, 60), st.floats(0, 1))
def test_errors_can_be_read_off_however_close_they_lie(
    samples: int, members: int, steps: int, strength: float, singles: float
) -> None:
    result = invented_votes(samples=samples, members=members, steps=steps, strength=strength)
    axes = compute_figure({"hard": result}, reference=ReferenceLine("rules", {"hard": singles})).axes[0]
    low, high = axes.get_ylim()
    assert high / low >= 10
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, (low, high))):
        ticks = axis.get_majorticklocs()
        labels = tick_labels(axis)
        assert np.all((limits[0] <= ticks) & (ticks <= limits[1]))
        assert len(set(labels)) == len(labels) >= (4 if axis is axes.xaxis else 2)
    for line in axes.lines:
        assert np.all((low <= line.get_ydata()) & (line.get_ydata() <= high))
    for text in axes.texts:
        assert low <= text.xy[1] <= high or text.xycoords != "data"  # pyright: ignore
    assert axes.get_title(loc="left").endswith("1 sample" if samples == 1 else f"{samples} samples")


def test_only_the_selector_that_counts_has_intervals() -> None:
    for axes in votes_figure({"hard": invented_votes()}).axes:
        assert [box.get_label() for box in axes.containers if box.has_yerr] == ["majority"]


@pytest.mark.parametrize("strength", [-50.0, 50.0])
def test_equal_curves_have_one_name(strength: float) -> None:
    axes = votes_figure({"hard": invented_votes(samples=1, members=2, strength=strength)}).axes[1]
    (label,) = axes.texts
    assert label.get_text() == f"oracle and all selectors {percent(float(strength > 0))}"
    assert 0 <= label.xy[1] <= 1  # pyright: ignore


def test_names_of_curves_that_nearly_meet_stay_beside_the_axes() -> None:
    axes = votes_figure({"hard": invented_votes(samples=12)}).axes[1]
    heights = sorted(text.xy[1] for text in axes.texts)  # pyright: ignore
    assert len(heights) == 5 and min(np.diff(heights)) > 0
    assert -1e-9 <= heights[0] and heights[-1] <= 1 + 1e-9


def test_headlines_of_many_evaluations_name_the_first_and_the_last() -> None:
    many = {name: invented_votes(samples=20, seed=seed) for seed, name in enumerate("abc")}
    for make in (votes_figure, compute_figure):
        told = title(make(many))
        assert (
            told.startswith("a: ") and " c: " in told and "b: " not in told and told.endswith("(first and last of 3)")
        )


def test_no_error_has_a_place_on_the_logarithmic_axis() -> None:
    perfect = invented_votes(strength=50.0, samples=40)
    figure = compute_figure({"easy": perfect})
    places = dict(zip(tick_labels(figure.axes[0].yaxis), figure.axes[0].get_yticks(), strict=True))
    assert places["0"] == 1 / 80 == min(line.get_ydata()[-1] for line in figure.axes[0].lines)
    assert min(place for label, place in places.items() if label != "0") >= 1 / 40  # no share of 40 is between
    assert "stands at 0" in figure.get_supxlabel()
    assert (
        title(figure)
        == "easy: 0 % wrong with 8 votes (4 steps, 1.4 GFLOP), 0 % wrong with 1 vote (4 steps, 180.0 MFLOP)"
    )
    hopeless = compute_figure({"hard": invented_votes(strength=-50.0)})
    assert "0" not in tick_labels(hopeless.axes[0].yaxis) and "stands at 0" not in hopeless.get_supxlabel()
    with pytest.raises(ValueError, match="no votes by energy_last in easy"):
        compute_figure({"easy": invented_votes(energy=False)}, "energy_last")


def test_agreement_compares_answers_and_not_members() -> None:
    """Members 0 and 1 give the same wrong answer, member 2 the right one."""
    chosen = {"energy_last": [0, 0, 2, 2], "confidence": [1, 2, 1, 2]}
    result = xr.Dataset(
        {
            "member_correct": (("sample", "at_step", "member"), np.tile([False, False, True], (4, 1, 1))),
            "member_answer": (("sample", "at_step", "member"), np.tile([0, 0, 2], (4, 1, 1))),
            **{
                f"chosen_{name}": (("sample", "at_step", "votes"), np.array(members).reshape(4, 1, 1))
                for name, members in chosen.items()
            },
        },
        coords={"at_step": [16], "votes": [3]},
    )
    expected = [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]
    np.testing.assert_array_equal(agreement(Votes("hard", result)), expected)
    assert [text.get_text() for text in selection_figure({"hard": result}).axes[0].texts] == ["50", "50", "50"]


def test_histograms_hold_mixed_samples_relative_to_their_means() -> None:
    result = invented_votes()
    figure = selection_figure({"hard": result})
    energy, confidence, _ = figure.axes
    right = result["member_correct"].values[:, -1]
    mixed = right.any(1) & ~right.all(1)
    told = {text.get_text() for text in energy.get_legend().get_texts()}
    assert told == {f"right, n = {right[mixed].sum()}", f"wrong, n = {(~right[mixed]).sum()}"}
    pairs = int((right.sum(1) * (~right).sum(1)).sum())
    auc = pair_auc(result["member_energy"].values[:, -1], right, lower_is_right=True)
    summed = pair_auc(result["member_energy_sum"].values[:, -1], right, lower_is_right=True)
    assert energy.get_title(loc="left") == (
        f"hard, energy: AUC {auc:.2f} (summed {summed:.2f})\n{pairs:,} pairs from {mixed.sum()} samples"
    )
    assert f" % of {pairs:,} (hard, {mixed.sum()} samples), and more confidence in " in title(figure)
    auc = pair_auc(result["member_confidence"].values[:, -1], right, lower_is_right=False)
    assert confidence.get_title(loc="left").startswith(f"hard, confidence: AUC {auc:.2f}\n")
    assert "Histograms" in figure.get_supxlabel()
    # What all members of a sample have in common does not show.
    shifted = result.assign(member_energy=result["member_energy"] + 1e4 * np.arange(60)[:, None, None])
    moved = selection_figure({"hard": shifted}).axes[0]
    np.testing.assert_allclose(moved.get_xlim(), energy.get_xlim(), atol=0.5)


@pytest.mark.parametrize("energy", [True, False])
@pytest.mark.parametrize("confidence", [True, False])
@pytest.mark.parametrize("strength", [-50.0, 0.0, 50.0])
def test_whatever_is_absent_no_figure_is_empty(energy: bool, confidence: bool, strength: float, tmp_path: Path) -> None:
    result = invented_votes(samples=12, members=3, steps=12, energy=energy, confidence=confidence, strength=strength)
    mixed = {"bare": result, "full": invented_votes(samples=12, members=2, steps=4)}
    for name, make in {"votes": votes_figure, "compute": compute_figure, "selection": selection_figure}.items():
        figure = make(mixed)
        assert all(axes.has_data() or axes.texts or not axes.axison for axes in figure.axes)
        assert save_figure(figure, tmp_path / f"{name}.png").stat().st_size > 10_000


def test_few_samples_with_right_and_wrong_members_are_no_finding() -> None:
    full = invented_votes()
    right = full["member_correct"].values[:, -1]
    mixed, same = (np.flatnonzero(kind) for kind in (right.any(1) & ~right.all(1), ~right.any(1)))
    few = full.isel(sample=[mixed[0], *same])
    figure = selection_figure({"hard": few})
    assert title(figure).startswith("Right answers after all votes: ")
    assert "Too few samples with right and wrong answers to compare them: 1 (hard)" in title(figure)
    assert " pairs from 1 sample" in figure.axes[0].get_title(loc="left")
    assert "Histograms" not in figure.get_supxlabel() and "Marks: " in figure.get_supxlabel()
    enough = selection_figure({"hard": full.isel(sample=[*mixed[:10], *same])})
    assert "(hard, 10 samples)" in title(enough)


def test_members_without_numbers_are_left_out() -> None:
    result = invented_votes()
    holes = result["member_energy"].where(result["member"] != 3)
    figure = selection_figure({"hard": result.assign(member_energy=holes)})
    kept = result["member_correct"].sel(member=[m for m in range(8) if m != 3])[:, -1].values
    pairs = int((kept.sum(1) * (~kept).sum(1)).sum())
    assert f" % of {pairs:,} (hard, " in title(figure)
    energies = holes.sel(member=[m for m in range(8) if m != 3])[:, -1].values
    assert f"AUC {pair_auc(energies, kept, lower_is_right=True):.2f}" in figure.axes[0].get_title(loc="left")


def test_what_has_no_votes_is_refused() -> None:
    single = invented_votes().drop_vars(["member_correct"])
    for make in (votes_figure, compute_figure, selection_figure):
        with pytest.raises(ValueError, match=r"hard: .*member_correct"):
            make({"hard": single})
        with pytest.raises(ValueError, match="no "):
            make({})


def test_the_table_is_the_share_of_right_choices():
    result = invented_votes()
    table = Votes("hard", result).table()
    assert table.dims == ("selector", "at_step", "votes") and table["selector"].values[-1] == "oracle"
    for selector in table["selector"].values[:-1]:
        right = result["member_correct"].isel(member=result[f"chosen_{selector}"])
        np.testing.assert_allclose(table.sel(selector=selector), right.mean("sample"))
    np.testing.assert_allclose(
        table.sel(selector="oracle").isel(votes=-1), result["member_correct"].any("member").mean("sample")
    )
    assert (table <= table.sel(selector="oracle") + 1e-12).all()
