"""Several runs as one: their data along `run`, and what they differ in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import xarray as xr

from oscillo.recording.errors import RecordingError, StoreError
from oscillo.recording.joined import RUN, Source, join
from oscillo.recording.run import Run, told
from oscillo.recording.run_data import in_parts

_MOST_ROWS, _MOST_COLUMNS = 40, 5
"""Of the table that they are shown as: runs; and of each, differing fields and metrics."""


class Runs(Sequence[Run]):
    """Runs in the order in which they were opened; a part of them (`runs[:3]`) is `Runs` too.

    What is joined has the dimension `run`, with the id of each run (or as much of its path as tells it apart) and every
    field of the spec that differs as coordinates. A field is called by the end of its place, as far as it is
    unambiguous, and has `run_` before it in a group that has the name already.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = tuple(runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        return Runs(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    @cached_property
    def names(self) -> list[str]:
        """As much of the end of each run's path as tells it apart, such as its id."""
        parts = [run.path.resolve().parts for run in self]
        deepest = max(map(len, parts), default=0)
        tails = (["/".join(part[-depth:]) for part in parts] for depth in range(1, deepest + 1))
        return next((tail for tail in tails if len(set(tail)) == len(parts)), [])

    @cached_property
    def differences(self) -> dict[str, list[Any]]:
        """What the runs differ in: the value of each run, by the place in the spec, such as `training.batch_size`.

        None stands for null, and for a run whose spec has no such field. What a question asks (`oscillo stability`,
        ...) is under `question`.
        """
        fields = [_fields(dict(run.spec) | _question(run)) for run in self]
        places = dict.fromkeys(place for field in fields for place in field if place != "version")
        values = {place: [field.get(place) for field in fields] for place in places}
        return {place: row for place, row in values.items() if any(value != row[0] for value in row)}

    @cached_property
    def metrics(self) -> xr.Dataset:
        """The latest value of each metric, along `run`; a curve is in the `metrics` of each run.

        Raises:
            MetricsError: when a file is damaged.
        """
        latest = [run.latest_metrics for run in self]
        names = dict.fromkeys(name for values in latest for name in values)
        columns = {name: (RUN, _column([values.get(name) for values in latest])) for name in names}
        return self._with_coordinates(xr.Dataset(columns))

    @cached_property
    def data(self) -> xr.DataTree:
        """The groups of all runs, joined along `run`; numbers are read when they are used.

        Where runs have other times, steps or samples, each has NaN at those that it lacks.

        Raises:
            StoreError: when a group cannot be joined, since its oscillators or dimensions are others; `data_of` gives
                the rest.
        """
        groups = {group: self.data_of(group) for group in self._groups}
        try:
            return xr.DataTree.from_dict(groups)
        except ValueError as error:  # of a simulation `summary` has numbers, of an evaluation groups
            reason = str(error).partition("\n")[0].rstrip(": ")
            raise StoreError(
                f"the groups of these {len(self)} runs do not fit into one tree ({reason}): they are runs of different "
                "kinds; open those of one kind, or take a group with `data_of`"
            ) from error

    def data_of(self, group: str) -> xr.Dataset:
        """One group of all runs, such as `series`, joined along `run`.

        Raises:
            StoreError: when no run has it, or when it cannot be joined.
        """
        group = group.strip("/")
        if group not in self._groups:
            raise StoreError(f"no run has the group {group}; there are: {', '.join(self._groups) or 'none'}")
        found = [_own(run.data, group) for run in self]
        return in_parts(self._with_coordinates(join(Source(group, self.names), found)))

    @cached_property
    def _groups(self) -> list[str]:
        """Paths of all groups that hold something."""
        paths: dict[str, None] = {}
        for run, name in zip(self, self.names, strict=True):
            try:
                nodes = run.data.subtree
            except RecordingError as error:
                remedy = "to leave it out, open the others by a list of their paths"
                raise StoreError(f"{name}: {error} ({remedy})") from error
            paths |= {node.path.strip("/"): None for node in nodes if node.dataset.variables}
        return list(paths)

    def _with_coordinates(self, dataset: xr.Dataset) -> xr.Dataset:
        short = short_names(self.differences)
        coordinates = {RUN: ((RUN,), np.array(self.names), {"long_name": "run"})}
        for place, values in self.differences.items():
            name = f"run_{short[place]}" if short[place] in {RUN, *dataset.variables, *dataset.dims} else short[place]
            described = {"long_name": name.replace("_", " "), "description": place}
            coordinates[name] = ((RUN,), _column(values), described)
        return dataset.assign_coords(coordinates)

    def __repr__(self) -> str:
        differences = dict(list(self.differences.items())[:_MOST_COLUMNS])
        short = short_names(self.differences)
        latest = [run.latest_metrics for run in self]
        metrics = list(dict.fromkeys(name for values in latest for name in values))[:_MOST_COLUMNS]
        rows = [["run", "state", *(short[place] for place in differences), *metrics]]
        for number, run in enumerate(self[:_MOST_ROWS]):
            fields = (_shown(values[number]) for values in differences.values())
            rows.append(
                [self.names[number], run.state, *fields, *(_shown(latest[number].get(name)) for name in metrics)]
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        more = [f"... and {len(self) - _MOST_ROWS} more"] if len(self) > _MOST_ROWS else []
        return "\n".join([f"<{len(self)} runs>", *lines, *more])


def short_names(places: Collection[str]) -> dict[str, str]:
    """A name for each place of a spec: as much of its end as no other place ends with, such as `strength`.

    Args:
        places: dotted paths, such as `network.layers.0.coupling.strength`.
    """
    parts = {place: place.split(".") for place in places}
    counts: dict[str, int] = {}
    for part in parts.values():
        for tail in {"_".join(part[-depth:]) for depth in range(1, len(part) + 1)}:
            counts[tail] = counts.get(tail, 0) + 1
    return {place: _shortest(part, counts) for place, part in parts.items()}


def _shortest(part: Sequence[str], counts: Mapping[str, int]) -> str:
    tails = ["_".join(part[-depth:]) for depth in range(1, len(part) + 1)]
    clear = (tail for tail in tails if counts[tail] == 1 and not tail[:1].isdigit())
    return next(clear, ".".join(part))


def _own(tree: xr.DataTree, group: str) -> xr.Dataset | None:
    """The dataset of a group, without what groups above it have; None where there is none."""
    for node in tree.subtree:
        if node.path == f"/{group}" and node.dataset.variables:
            return node.to_dataset(inherit=False)
    return None


def _fields(value: Any, place: str = "") -> dict[str, Any]:
    """The single values within mappings, and within lists of mappings, by their places."""
    if isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        inside = enumerate(value)
    else:
        return {place: value}
    found: dict[str, Any] = {}
    for key, item in inside:
        found |= _fields(item, f"{place}.{key}" if place else str(key))
    return found


def _question(run: Run) -> dict[str, Any]:
    question = run.provenance.get("question")
    return {"question": question} if question else {}


def _column(values: Sequence[Any]) -> np.ndarray:
    """The values of the runs as numbers, with NaN where one has none, or else as texts."""
    kinds = {type(value) for value in values}
    if kinds <= {int} or kinds <= {bool}:
        return np.array(values)
    if kinds <= {int, float, bool, type(None)}:
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    return np.array(["" if value is None else str(value) for value in values])


def _shown(value: Any) -> str:
    return "-" if value is None else told(value)
