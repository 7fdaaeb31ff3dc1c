"""What selectors go by: numbers of right and wrong members of a sample, and whether selectors agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oscillo.analysis import Votes, pair_auc, pair_count
from oscillo.plotting.groups import Group, draw_groups
from oscillo.plotting.labels import say_why_empty
from oscillo.plotting.statistics import counted, listed, of_how_many, outermost, percent
from oscillo.plotting.style import (
    FIRST_GROUP,
    INK,
    SECOND_GROUP,
    headline,
    new_figure,
    style,
)
from oscillo.plotting.votes import SELECTORS

TAIL = 0.005
"""Share of the numbers on either side that the outermost bins take in."""

FEWEST = 10
"""Samples with right and wrong members: of fewer, no share of pairs is told, since it says little about others."""


class _Score(NamedTuple):
    """A number that speaks for or against a member."""

    array: str
    """Its array [sample, at_step, member]."""
    name: str
    summed: str
    """The array of its sum over steps, if it has one."""
    lower_is_right: bool


_SCORES = (
    _Score("member_energy", "energy", "member_energy_sum", True),
    _Score("member_pseudo_energy", "pseudo-energy", "member_pseudo_energy_sum", True),
    _Score("member_confidence", "confidence", "", False),
)

_TICKS = {
    "energy_last": "energy",
    "energy_sum": "energy sum",
    "confidence": "confidence",
    "majority": "majority",
    "pseudo_energy_last": "pseudo-en.",
    "pseudo_energy_sum": "ps.-en. sum",
}
"""Short names of the selectors."""


@style()
def selection_figure(results: Mapping[str, xr.Dataset]) -> Figure:
    """Draw, for each evaluation, energies and confidences of right and wrong members, and how selectors agree.

    Energies differ far more from sample to sample than between the members of one, so they are drawn less the mean
    over the members of the sample.

    Args:
        results: by evaluation, as `Votes` takes them; `member_energy` and `member_confidence`
            [sample, at_step, member] and `member_answer` may be absent.

    Raises:
        ValueError: without results, when a result has no votes, or none has anything to draw.
    """
    all_votes = [Votes(name, result) for name, result in results.items()]
    scores = [score for score in _SCORES if any(score.array in votes.result for votes in all_votes)]
    tables = {votes.name: agreement(votes) for votes in all_votes if "member_answer" in votes.result}
    agreed, lowest = bool(tables), min((float(table.min()) for table in tables.values()), default=0.0)
    columns = len(scores) + agreed
    if not columns:
        raise ValueError("no energies, confidences or answers of members to draw")
    figure = new_figure(max(3.3 * columns + 0.4, 5.5), 1.2 + 3.0 * len(all_votes))
    rows = figure.subplots(len(all_votes), columns, squeeze=False)
    for row, votes in zip(rows, all_votes, strict=True):
        for axes, score in zip(row, scores, strict=False):
            _draw_score(axes, votes, score)
        if agreed:
            _draw_agreement(row[-1], votes, tables.get(votes.name), lowest)
    for axes, score in zip(rows[-1], scores, strict=False):
        axes.set_xlabel(f"{score.name} less the mean over the\ninitial states of the same sample")
    headline(figure, _finding(scores, all_votes), _caption(rows[:, : len(scores)].ravel().tolist(), agreed))
    return figure


def _draw_score(axes: Axes, votes: Votes, score: _Score) -> None:
    """Draw the numbers of right and wrong members, and say how well they are told apart."""
    axes.set_title(f"{votes.name}, {score.name}")
    if score.array not in votes.result:
        say_why_empty(axes, f"no {score.name} recorded")
        return
    values, right = votes.member_values(score.array), votes.member_right[:, -1]
    mixed, auc = _mixed(votes, score), _auc(votes, score)
    if not mixed.any():
        say_why_empty(axes, "no sample has right and wrong members")
        return
    deviations = values[mixed] - np.nanmean(values[mixed], axis=1, keepdims=True)
    kinds = ((right[mixed], "right", FIRST_GROUP), (~right[mixed], "wrong", SECOND_GROUP))
    known = np.isfinite(deviations)
    ends = (float(np.quantile(deviations[known], TAIL)), float(np.quantile(deviations[known], 1 - TAIL)))
    groups = []
    for members, name, look in kinds:
        drawn = np.clip(deviations[members & known], *ends)
        groups.append(Group(f"{name}, n = {len(drawn):,}", drawn, np.ones(len(drawn)), look))
    draw_groups(axes, groups)
    also = ""
    if score.summed and score.summed in votes.result:
        summed = pair_auc(votes.member_values(score.summed), right, lower_is_right=score.lower_is_right)
        also = f" (summed {summed:.2f})"
    pairs = f"{counted(_pairs(votes, score), 'pair')} from {counted(int(mixed.sum()), 'sample')}"
    axes.set_title(f"{votes.name}, {score.name}: AUC {auc:.2f}{also}\n{pairs}")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
    axes.legend(loc="upper center", ncols=2, reverse=True, handlelength=1.6, columnspacing=1.2, borderaxespad=0.1)


def agreement(votes: Votes) -> np.ndarray:
    """Shares of samples for which two selectors choose the same answer, all members voting, after the last step.

    Returns:
        [name, name] for the selectors and, last, the truth: with it a selector agrees as often as it is right.
    """
    chosen = np.stack([votes.answers(selector) for selector in votes.selectors])
    right = np.stack([votes.right(selector)[:, -1, -1] for selector in votes.selectors]).mean(axis=1)
    table = np.ones((len(chosen) + 1, len(chosen) + 1))
    table[:-1, :-1] = (chosen[:, None] == chosen[None]).mean(axis=2)
    table[-1, :-1] = table[:-1, -1] = right
    return table


def _draw_agreement(axes: Axes, votes: Votes, table: np.ndarray | None, lowest: float) -> None:
    """Draw the part below the diagonal, which has every pair once.

    Args:
        axes: where to.
        votes: whose answers were chosen.
        table: as `agreement` returns it; none where no answers were recorded.
        lowest: share that has the lightest colour, the same in all matrices of a figure.
    """
    axes.set_title(f"{votes.name}, same answer [% of {votes.samples:,}]")
    if table is None:
        say_why_empty(axes, "no answers recorded")
        return
    names = [*(_TICKS[selector] for selector in votes.selectors), "truth"]
    below = np.tri(len(names), k=-1, dtype=bool)[1:, :-1]
    shown = np.ma.array(table[1:, :-1], mask=~below)
    # The darkest colours are left out, so that all numbers can be dark.
    axes.imshow(shown, cmap="Blues", vmin=lowest - 0.02, vmax=1.02 + (1 - lowest))
    for y, x in np.argwhere(below):
        text = percent(float(table[y + 1, x])).removesuffix(" %")
        axes.text(x, y, text, ha="center", va="center", fontsize=8.5, color=INK)
    axes.set_xticks(range(len(names) - 1), names[:-1], rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names) - 1), names[1:])
    axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _finding(scores: Sequence[_Score], all_votes: Sequence[Votes]) -> str:
    """How often the right member is the one that the number speaks for, where enough samples tell."""
    parts = []
    for score in scores:
        known = [votes for votes in all_votes if _mixed(votes, score).sum() >= FEWEST]
        shares = [
            f"{percent(_auc(votes, score))} of {_pairs(votes, score):,} "
            f"({votes.name}, {counted(int(_mixed(votes, score).sum()), 'sample')})"
            for votes in known
        ]
        if shares:
            many = of_how_many(shares)
            parts.append(
                f"{'less' if score.lower_is_right else 'more'} {score.name} in {listed(outermost(shares))}{many}"
            )
    if parts:
        return f"Of the pairs of a right and a wrong answer to one sample, the right one has {', and '.join(parts)}"
    ends = {votes: votes.right(votes.main)[:, -1, -1] for votes in all_votes}
    shares = [
        f"{percent(right.mean())} of {len(right):,} ({votes.name}, {SELECTORS[votes.main][0]})"
        for votes, right in ends.items()
    ]
    most = {votes.name: max((int(_mixed(votes, score).sum()) for score in scores), default=0) for votes in all_votes}
    few = [f"{samples} ({name})" for name, samples in most.items() if samples]
    told = f"Right answers after all votes: {', '.join(outermost(shares))}{of_how_many(shares)}"
    if few:
        few_told = f"{', '.join(outermost(few))}{of_how_many(few)}"
        told += f"\nToo few samples with right and wrong answers to compare them: {few_told}"
    return told


def _auc(votes: Votes, score: _Score) -> float:
    """See `oscillo.analysis.pair_auc`; after the last step."""
    right = votes.member_right[:, -1]
    return pair_auc(votes.member_values(score.array), right, lower_is_right=score.lower_is_right)


def _mixed(votes: Votes, score: _Score) -> np.ndarray:
    """Which samples have right and wrong members whose number is known, bool [sample]."""
    if score.array not in votes.result:
        return np.zeros(votes.samples, dtype=bool)
    known, right = np.isfinite(votes.member_values(score.array)), votes.member_right[:, -1]
    return np.logical_and((known & right).any(axis=1), (known & ~right).any(axis=1))


def _pairs(votes: Votes, score: _Score) -> int:
    """How many pairs that is a share of."""
    return pair_count(votes.member_values(score.array), votes.member_right[:, -1])


def _caption(shown: Sequence[Axes], agreed: bool) -> str:
    members = "members of the samples that have right and wrong ones, after the last step"
    told = []
    if any(axes.patches for axes in shown):
        told.append(f"Histograms: {members}; the outermost bins hold what lies beyond.")
    elif any(axes.lines for axes in shown):
        told.append(f"Marks: {members}, one by one.")
    if told:
        told.append(
            "AUC: share of the pairs of a right and a wrong member of one sample in which the right one has less "
            "energy, or more confidence; 0.5 is chance."
        )
    if agreed:
        told.append(
            "Matrix: samples for which two selectors take the same answer of all; truth: for which it is right."
        )
    return " ".join(told)
