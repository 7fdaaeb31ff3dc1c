"""Curves of a run: metrics along the training, series along time, energies along the steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from oscillo.recording import Run
from oscillo.reporting.chart import COLOURS, Chart, Line, drawable
from oscillo.reporting.evaluations import by_evaluation, last_metrics
from oscillo.reporting.members import Members
from oscillo.reporting.words import is_share, title

_FIRST = ("loss", "accuracy")
"""Endings of the metrics whose curves come first."""

_DOTTED_BELOW = 15
"""Records; below these each has a dot."""


def is_main(chart: Chart) -> bool:
    """Whether a curve of the training is about what is learned, and not about how."""
    return chart.title.endswith(_FIRST)


def training_charts(run: Run) -> list[Chart]:
    """A chart for every metric that was logged along the training, with its validation."""
    metrics = run.metrics
    names = dict.fromkeys(
        str(name).partition("/")[2] for name in metrics.data_vars if str(name).startswith(("train/", "validation/"))
    )
    ordered = sorted(names, key=lambda name: not name.endswith(_FIRST))
    final = by_evaluation(last_metrics(metrics))
    charts = []
    for name in ordered:
        lines = [
            *_logged(metrics, f"train/{name}", "training", 0),
            *_logged(metrics, f"validation/{name}", "validation", 1),
        ]
        if not any(drawable(line.x, line.y) for line in lines):
            continue
        last = max(float(line.x[-1]) for line in lines)
        for look, (evaluation, found) in enumerate(final.items(), start=2):
            if name in found:
                lines.append(Line(f"{evaluation} (at the end)", np.array([last]), np.array([found[name]]), look=look,
                                  marks=True))  # fmt: skip
        log, share = name.endswith("loss"), is_share(name)
        charts.append(Chart(title(name), "optimiser steps", lines, log=log, share=share))
    return charts


def _logged(metrics: xr.Dataset, name: str, label: str, look: int) -> list[Line]:
    if name not in metrics or metrics[name].dtype.kind != "f":
        return []
    known = metrics[name].dropna("record")
    if not known.size:
        return []
    return [Line(label, known["step"].values, known.values, look=look, dashed=look == 1,
                 marks=known.size < _DOTTED_BELOW)]  # fmt: skip


def series_charts(run: Run) -> list[Chart]:
    """A chart for every number that a simulation has observed along time."""
    charts = []
    for path, values in _recorded(run.data, ("series", "observables"), ("sample", "time")):
        dataset = run.data[path].to_dataset()
        time, rows = values["time"].values, values.values
        if any(drawable(time, row) for row in rows):
            lines, note = _member_lines(Members(dataset), time, rows)
            charts.append(Chart(_named(values), "time", lines, note=note))
    return charts


def learned_charts(run: Run) -> list[Chart]:
    """A chart for every number of samples that was recorded while a network learned: after the last step, by epoch."""
    charts = []
    for path, values in _recorded(run.data, ("training",), ("epoch", "sample", "step")):
        steps, rows = values["optimizer_step"].values, values.isel(step=-1).transpose("sample", "epoch").values
        if any(drawable(steps, row) for row in rows):
            note = f"After step {values['step'].values[-1]}: median and middle half of {len(rows):,} samples."
            name = f"{_named(values)}: {path.split('/')[1].replace('layer', 'layer ')}"
            charts.append(Chart(name, "optimiser steps", [_band(steps, rows, "", 0)], note=note))
    return charts


def _recorded(data: xr.DataTree, groups: Sequence[str], dims: tuple[str, ...]) -> Iterator[tuple[str, xr.DataArray]]:
    """All numbers with those dimensions below some groups, with the paths of their nodes."""
    for group in groups:
        for node in data[group].subtree if group in data.children else ():
            for values in node.to_dataset(inherit=False).data_vars.values():
                if values.dims == dims and values.dtype.kind == "f":
                    yield node.path.strip("/"), values


def _member_lines(members: Members, time: np.ndarray, rows: np.ndarray) -> tuple[list[Line], str]:
    """A line for each of a few members, one for each of a few values of what varies, or a band over all."""
    if members.count <= COLOURS:
        return [Line(members.label(i), time, row, look=i) for i, row in enumerate(rows)], ""
    along = [name for name in members.varying if name != "seed"]
    if along:
        values = members.summary[along[0]].values
        places = np.unique(values)
        shown = places[np.unique(np.linspace(0, len(places) - 1, COLOURS).round().astype(int))]
        lines = [
            Line(f"{title(along[0])} {place:.4g}", time, _mean(rows[values == place]), look=i)
            for i, place in enumerate(shown)
        ]
        some = f" {len(shown)} of {len(places)} values." if len(shown) < len(places) else ""
        return lines, f"Means over the members of a {title(along[0])}.{some}"
    return [_band(time, rows, "", 0)], f"Median and middle half of {members.count} members."


def energy_charts(run: Run, *, split: bool = True) -> list[Chart]:
    """A chart for every number that evaluations have of each sample along the steps, such as the energy.

    Args:
        run: whose.
        split: whether right and wrong answers have a line each, where that is known.
    """
    if run.provenance.get("question"):
        return []
    found = list(_recorded(run.data, ("summary", "observables"), ("sample", "step")))
    layers = {path.split("/")[2] for path, _ in found}
    charts = []
    for path, values in found:
        _, evaluation, layer, *_ = path.split("/")
        of = f"{evaluation}, {layer.replace('layer', 'layer ')}" if len(layers) > 1 else evaluation
        charts += _energy_chart(values, _right(run.data, evaluation) if split else None, of)
    return charts


def _energy_chart(values: xr.DataArray, right: xr.DataArray | None, of: str) -> list[Chart]:
    steps, rows = values["step"].values, values.values
    groups: Iterable[tuple[str, np.ndarray]] = [("", np.ones(len(rows), bool))]
    if right is not None and right.sizes["sample"] == len(rows) and 0 < right.values.mean() < 1:
        groups = [("right", right.values), ("wrong", ~right.values)]
    lines = [
        _band(steps, rows[chosen], f"{label} ({chosen.sum():,})" if label else "", look)
        for look, (label, chosen) in enumerate(groups)
    ]
    if not any(drawable(line.x, line.y) for line in lines):
        return []
    note = f"Median and middle half of {len(rows):,} samples."
    return [Chart(f"{_named(values)}: {of}", "step", lines, note=note, of=of.split(",")[0])]


def _right(data: xr.DataTree, evaluation: str) -> xr.DataArray | None:
    """Which answers of an evaluation are right, bool [sample]; None where that is not known."""
    path = f"result/{evaluation}"
    found = data[path].to_dataset() if path in data.groups or f"/{path}" in data.groups else None
    if found is None or "correct" not in found or found["correct"].dims != ("sample",):
        return None
    return found["correct"].astype(bool)


def _band(x: np.ndarray, rows: np.ndarray, label: str, look: int) -> Line:
    known = np.isfinite(rows).any(axis=0)  # beyond, all samples have left
    rows = rows[:, known].astype(float)
    low, middle, high = np.nanquantile(rows, [0.25, 0.5, 0.75], axis=0)
    return Line(label, x[known], middle, (low, high), look)


def _mean(rows: np.ndarray) -> np.ndarray:
    """Mean of those rows that have a number there."""
    count = np.isfinite(rows).sum(axis=0)
    return np.where(count > 0, np.nansum(rows, axis=0) / np.maximum(count, 1), np.nan)


def _named(values: xr.DataArray) -> str:
    name, unit = str(values.attrs.get("long_name", title(str(values.name)))), str(values.attrs.get("units", "1"))
    return name if unit in ("1", "") else f"{name} ({unit})"


def common_charts(runs: Sequence[Run], labels: Sequence[str]) -> list[Chart]:
    """Curves of several runs on common axes: whatever two of them have."""
    drawn: dict[str, Chart] = {}
    for look, (run, label) in enumerate(zip(runs, labels, strict=True)):
        for chart in [*training_charts(run), *series_charts(run), *energy_charts(run, split=False)]:
            if (first := _one_line(chart, label, look)) is None:
                continue
            before = drawn.get(chart.title)
            drawn[chart.title] = replace(chart, lines=[*(before.lines if before else []), first])
    return [chart for chart in drawn.values() if len(chart.lines) > 1]


def _one_line(chart: Chart, label: str, look: int) -> Line | None:
    """A chart as one line: its only one, or the mean of those that have the same places."""
    lines = [line for line in chart.lines if len(line.x) > 1 and not line.dashed]
    if not lines:
        return None
    first = lines[0]
    same = [line for line in lines if np.array_equal(line.x, first.x)]
    y = first.y if len(same) == 1 else _mean(np.stack([line.y for line in same]))
    return Line(label, first.x, y, first.band if len(same) == 1 else None, look)
