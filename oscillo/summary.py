"""The tables a run ends with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.table import Table

from oscillo.training.evaluation_spec import EvaluationSpec
from oscillo.training.progress import console, report

_VOTES = re.compile(r"votes_(\d+)/(\w+)")

_STOPPING = (
    "steps_taken", "steps_saved", "compute_saved", "settled", "compared", "changed_by_stopping", "right_when_stopped",
    "right_after_all_steps",
)  # fmt: skip
_ELSEWHERE = {*_STOPPING, "pairs", "paired_samples", "one_vote_mean", "one_vote_std"} - {"steps_taken"}
"""What other tables than the first one hold."""


def show_results(evaluations: Sequence[EvaluationSpec], results: Mapping[str, Mapping[str, float]]) -> None:
    """Print the main metrics of all evaluations, one row each, and what votes and early stop have brought."""
    if not results:
        return
    plain = lambda found: {key: value for key, value in found.items() if key not in _ELSEWHERE}  # noqa: E731
    _show("results", "evaluation", {name: plain(found) for name, found in results.items()})
    stopping = {name: {key: found[key] for key in _STOPPING if key in found} for name, found in results.items()}
    _show("early stop", "evaluation", {name: found for name, found in stopping.items() if found})
    for evaluation in evaluations:
        if evaluation.votes > 1:
            _show_votes(evaluation, results[evaluation.name])


def _show_votes(evaluation: EvaluationSpec, found: Mapping[str, float]) -> None:
    name, rows = evaluation.name, _by_votes(found)
    if not rows:
        what = f"{evaluation.votes} votes by {evaluation.by}"
        report(f"{name}: {what}; what they are worth is not known, since the task does not say which answers are right")
        return
    _show(f"{name}: right, by the number of votes and who chooses (here {evaluation.by})", "votes", rows)
    if "one_vote_mean" in found:  # a run that was begun by an earlier version may lack it
        alone = f"{found['one_vote_mean']:.4f} ± {found['one_vote_std']:.4f} (mean and standard deviation)"
        report(f"{name}: right with each of the {evaluation.votes} initial states alone: {alone}")
    aucs = {key.removeprefix("auc/"): value for key, value in found.items() if key.startswith("auc/")}
    pairs, samples = (f"{found.get(what, 0):,.0f}" for what in ("pairs", "paired_samples"))
    title = f"{name}: of {pairs} pairs of a right and a wrong answer to one sample ({samples} samples), told apart"
    _show(title, "", {"share": aucs} if aucs else {})


def _by_votes(found: Mapping[str, float]) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for key, value in found.items():
        if match := _VOTES.fullmatch(key):
            rows.setdefault(match[1], {})[match[2]] = value
    return rows


def _show(title: str, corner: str, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print one table; none without rows."""
    if not rows:
        return
    names = list(dict.fromkeys(name for found in rows.values() for name in found if "/" not in name))
    table = Table(title=title, title_justify="left")
    table.add_column(corner)
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row, found in rows.items():
        table.add_row(row, *(_number(found.get(name)) for name in names))
    console().print(table)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.4f}"
