"""Numbers of the evaluations of a trained network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from oscillo.reporting.tables import BESIDE, TILES, Numbers, Table, Tile
from oscillo.reporting.words import measured, number, title
from oscillo.training.references import Reference

_WHILE_TRAINING = ("train", "validation")

_OF_VOTES = ("pairs", "paired_samples", "one_vote_mean", "one_vote_std")
"""What stands below the table of votes."""


def evaluation_numbers(found: Mapping[str, Mapping[str, float]], references: Sequence[Reference]) -> Numbers:
    """Numbers of evaluations, as `by_evaluation` gives them."""
    tables = [_results(found), *_compared(found, references), *_votes(found), *_all_metrics(found)]
    return Numbers(_evaluation_tiles(found, references), tables)


def training_numbers(last: Mapping[str, float]) -> Numbers:
    """Numbers of a training that has not been evaluated yet."""
    training = {name.removeprefix("train/"): value for name, value in last.items() if name.startswith("train/")}
    shown = [name for name in training if name == "loss" or name.endswith("accuracy")]
    where = "last training record"
    return Numbers([Tile(measured(name, training[name]), title(name), where) for name in shown[:TILES]])


def last_metrics(metrics: xr.Dataset) -> dict[str, float]:
    """The latest number of every metric."""
    numbers = {str(name): values for name, values in metrics.data_vars.items() if values.dtype.kind == "f"}
    known = {name: values.values[np.isfinite(values.values)] for name, values in numbers.items()}
    return {name: float(values[-1]) for name, values in known.items() if values.size}


def by_evaluation(last: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Metrics of every evaluation by name, such as `board_accuracy` and `givens_20/boards`."""
    found: dict[str, dict[str, float]] = {}
    for name, value in last.items():
        evaluation, _, rest = name.partition("/")
        if rest and evaluation not in _WHILE_TRAINING:
            found.setdefault(evaluation, {})[rest] = value
    return found


def main_metric(found: Mapping[str, float]) -> str | None:
    """The metric that an evaluation is about: its first accuracy, or else its first number."""
    plain = [name for name in found if "/" not in name]
    return next((name for name in plain if name.endswith("accuracy")), plain[0] if plain else None)


def _evaluation_tiles(found: Mapping[str, Mapping[str, float]], references: Sequence[Reference]) -> list[Tile]:
    tiles = []
    for name, metrics in list(found.items())[:TILES]:
        metric = main_metric(metrics)
        if metric is None:
            continue
        beside = [
            f"{reference.name}: {measured(metric, reference.value)}"
            for reference in references
            if (reference.metric, reference.evaluation) == (metric, name)
        ]
        how = ", ".join(f"{number(metrics[what])} {what}" for what in ("steps", "votes") if metrics.get(what))
        tiles.append(Tile(measured(metric, metrics[metric]), title(metric), f"{name} ({how})" if how else name, beside))
    return tiles


def _results(found: Mapping[str, Mapping[str, float]]) -> Table:
    names = dict.fromkeys(
        name for metrics in found.values() for name in metrics if "/" not in name and name not in _OF_VOTES
    )
    ordered = sorted(names, key=lambda name: (not name.endswith("accuracy"), list(names).index(name)))
    rows = [[name, *(measured(key, metrics.get(key)) for key in ordered)] for name, metrics in found.items()]
    return Table("Evaluations", ["evaluation", *map(title, ordered)], rows)


def _votes(found: Mapping[str, Mapping[str, float]]) -> list[Table]:
    """Accuracy by the number of votes and who chooses."""
    tables = []
    for evaluation, metrics in found.items():
        rows: dict[str, dict[str, float]] = {}
        for name, value in metrics.items():
            first, _, selector = name.partition("/")
            if first.startswith("votes_"):
                rows.setdefault(first.removeprefix("votes_"), {})[selector] = value
        if rows:
            names = list(dict.fromkeys(name for row in rows.values() for name in row))
            body = [[votes, *(measured("accuracy", row.get(name)) for name in names)] for votes, row in rows.items()]
            what = f"{evaluation}: right, by the number of votes and who chooses"
            tables.append(Table(what, ["votes", *map(title, names)], body, _alone(metrics)))
    return tables


def _alone(metrics: Mapping[str, float]) -> str:
    """How often single initial states are right."""
    if "one_vote_mean" not in metrics:
        return ""
    mean, spread = (measured("accuracy", metrics[name]) for name in ("one_vote_mean", "one_vote_std"))
    return f"Each initial state alone: {mean} ± {spread} (standard deviation over them)."


def _compared(found: Mapping[str, Mapping[str, float]], references: Sequence[Reference]) -> list[Table]:
    rows = [
        [
            reference.evaluation, title(reference.metric),
            measured(reference.metric, found.get(reference.evaluation, {}).get(reference.metric)), reference.name,
            measured(reference.metric, reference.value), reference.source, reference.differs,
        ]
        for reference in references
    ]  # fmt: skip
    return [Table("Beside what is known", ["evaluation", *BESIDE], rows, words=True)] if rows else []


def _all_metrics(found: Mapping[str, Mapping[str, float]]) -> list[Table]:
    """What stands in no other table."""
    rows = [
        [name, title(metric), measured(metric, value)]
        for name, metrics in found.items()
        for metric, value in metrics.items()
        if "/" in metric and not metric.startswith("votes_")
    ]
    return [Table("Metrics in parts", ["evaluation", "metric", "value"], rows, folded=True)] if rows else []
