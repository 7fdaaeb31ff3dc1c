"""Numbers of a simulation: of each member of its ensemble, or of each value of what varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from oscillo.plotting.members import spread_out
from oscillo.reporting.tables import BESIDE, TILES, Numbers, Table, Tile
from oscillo.reporting.words import number, rounded, title
from oscillo.training.references import Reference

_MOST_ROWS = 24
"""Members, or values of a parameter, that have a row each."""

_COSTS = ("steps", "evaluations", "rejected", "drift", "diverged_at", "diverged_oscillator")
"""What a summary tells of the integration, and not of the oscillators."""


def member_numbers(summary: xr.Dataset, references: Sequence[Reference]) -> Numbers:
    """Numbers of the group `summary` of a simulation."""
    found = Members(summary)
    return Numbers(found.tiles(references), [found.table(), *_known(found, references)])


_MEAN, _SPREAD = "_mean", "_std"
"""Endings of a mean along time, and of the standard deviation around it."""


class Members:
    """The summary of a simulation: one row for each member, or for each value of what varies.

    Attributes:
        varying: names of what differs between members; the seed last.
    """

    def __init__(self, summary: xr.Dataset) -> None:
        self.summary = summary
        along = [str(name) for name, value in summary.coords.items() if value.dims == ("sample",)]
        named = [name for name in along if name not in ("sample", "seed")] + ["seed"]
        self.varying = [name for name in named if name in along and len(np.unique(summary[name].values)) > 1]
        self.names = [
            str(name) for name, value in summary.data_vars.items()
            if value.dims == ("sample",) and value.dtype.kind in "fiub" and self._telling(str(name), value)
        ]  # fmt: skip

    @property
    def count(self) -> int:
        """How many members there are."""
        return self.summary.sizes["sample"]

    def label(self, sample: int) -> str:
        """What tells a member from the others, such as `strength 2`."""
        return ", ".join(f"{title(name)} {number(self.summary[name].values[sample])}" for name in self.varying)

    def tiles(self, references: Sequence[Reference]) -> list[Tile]:
        """The first number of each of a few members; of a single one, its first numbers."""
        means = [name for name in self.names if name not in _COSTS]
        means = [name for name in means if name.endswith("_mean")] or means
        if self.count == 1:
            return [self._tile(name, 0, references) for name in means[:TILES]]
        return [self._tile(means[0], sample, references) for sample in range(self.count)] if (
            means and self.count <= TILES
        ) else []  # fmt: skip

    def table(self) -> Table:
        """Members, or means over those that differ in the seed alone."""
        names, note = self._columns()
        if self.count == 1:
            rows = [[self._title(name), self._cell(name, np.array([True]))] for name in names]
            return Table("Summary", ["of the run", "value"], rows, note)
        if self.count <= _MOST_ROWS:
            among = np.eye(self.count, dtype=bool)
            rows = [
                [*(number(self.summary[name].values[sample]) for name in self.varying),
                 *(self._cell(name, among[sample]) for name in names)]
                for sample in range(self.count)
            ]  # fmt: skip
            return Table("Members", [*map(title, self.varying), *map(self._title, names)], rows, note)
        along = [name for name in self.varying if name != "seed"]
        values = list(zip(*(self.summary[name].values.tolist() for name in along), strict=True)) or [()] * self.count
        places = list(dict.fromkeys(values))
        shown = [places[i] for i in spread_out(np.ones(len(places), bool), _MOST_ROWS)]
        rows = []
        for place in shown:
            chosen = np.array([value == place for value in values])
            rows.append([*map(number, place), str(int(chosen.sum())), *(self._cell(name, chosen) for name in names)])
        some = f"{len(shown)} of {len(places)} values, evenly spread. " if len(shown) < len(places) else ""
        note = f"{some}Mean ± standard deviation over the members of a row. {note}"
        return Table("Members", [*map(title, along), "members", *map(self._title, names)], rows, note)

    def _columns(self) -> tuple[list[str], str]:
        """Numbers that have a column, and a note with those that are the same for all members."""
        constant = [
            name for name in self.names
            if self.count > 1 and name in _COSTS and len(np.unique(self.summary[name].values)) == 1
        ]  # fmt: skip
        of_means = [name for name in self.names if name.endswith(_SPREAD) and self._mean_of(name) in self.names]
        names = sorted((name for name in self.names if name not in (*constant, *of_means)), key=_COSTS.__contains__)
        said = [f"{self._title(name)} {number(self.summary[name].values[0])}" for name in constant]
        notes = [f"All members: {', '.join(said)}."] if said else []
        if of_means:
            spread = ", ± the standard deviation over these times" if self.count <= _MOST_ROWS else ""
            notes.append(f"Means are over the recorded times after the transient{spread}.")
        return names, " ".join(notes)

    def _cell(self, name: str, chosen: np.ndarray) -> str:
        """Mean over some members; of a single one its own deviation along time, of several that between them."""
        values = self.summary[name].values[chosen].astype(float)
        values = values[np.isfinite(values)]
        if not values.size:
            return ""
        own = name.removesuffix(_MEAN) + _SPREAD
        spread = values.std()
        if chosen.sum() == 1 and name.endswith(_MEAN) and own in self.summary:
            spread = float(self.summary[own].values[chosen][0])
        return f"{number(values.mean())} ± {rounded(spread)}" if spread > 0 else number(values.mean())

    def _mean_of(self, name: str) -> str:
        return name.removesuffix(_SPREAD) + _MEAN

    def _telling(self, name: str, values: xr.DataArray) -> bool:
        """Whether a number says anything: divergence where nothing diverged does not."""
        if name.startswith("diverged"):
            return (
                bool(np.isfinite(self.summary["diverged_at"].values).any()) if "diverged_at" in self.summary else True
            )
        return name not in ("rejected", "drift") or bool((values.values != 0).any())

    def _title(self, name: str) -> str:
        return str(self.summary[name].attrs.get("long_name", title(name)))

    def _tile(self, name: str, sample: int, references: Sequence[Reference]) -> Tile:
        beside = [
            f"{reference.name}: {number(reference.value)}"
            for reference in references
            if reference.metric == name and reference.sample in (None, sample)
        ]
        return Tile(number(self.summary[name].values[sample]), self._title(name), self.label(sample), beside)


def _known(found: Members, references: Sequence[Reference]) -> list[Table]:
    """What theory says of members."""
    rows = []
    for reference in references:
        samples = range(found.count) if reference.sample is None else [reference.sample]
        for sample in samples:
            here = found.summary[reference.metric].values[sample] if reference.metric in found.summary else None
            rows.append([found.label(sample) or "the run", title(reference.metric), number(here), reference.name,
                         number(reference.value), reference.source, reference.differs])  # fmt: skip
    return [Table("Beside what is known", ["member", *BESIDE], rows, words=True)] if rows else []
