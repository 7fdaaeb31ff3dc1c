"""The main numbers of a run: what was reached, beside what is known."""

from __future__ import annotations

from collections.abc import Sequence

from oscillo.recording import Run
from oscillo.reporting.answers import answer_tables
from oscillo.reporting.evaluations import by_evaluation, evaluation_numbers, last_metrics, training_numbers
from oscillo.reporting.members import member_numbers
from oscillo.reporting.tables import TILES, Numbers, Tile
from oscillo.reporting.words import number, title
from oscillo.training.references import Reference


def main_numbers(run: Run, references: Sequence[Reference]) -> Numbers:
    """What a run has found: of its evaluations, of its members, or the answer to a question."""
    last = last_metrics(run.metrics)
    if run.provenance.get("question"):
        tiles = [_found(name, value, references) for name, value in list(last.items())[: 2 * TILES]]
        return Numbers(tiles, answer_tables(run.data))
    if evaluations := by_evaluation(last):
        return evaluation_numbers(evaluations, references)
    if "summary" in run.data.children and (summary := run.data["summary"].to_dataset()).data_vars:
        return member_numbers(summary, references)
    return training_numbers(last)


def _found(name: str, value: float, references: Sequence[Reference]) -> Tile:
    """A main number of an answer."""
    known = [reference for reference in references if reference.metric == name]
    beside = [f"{reference.name}: {number(reference.value)}; {reference.source}" for reference in known]
    return Tile(number(value), title(name), beside=beside)
