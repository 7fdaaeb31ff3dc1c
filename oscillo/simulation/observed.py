"""What a simulation observes: groups of series with their times, and summaries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables import (
    AnswerSpec,
    Cadence,
    Every,
    ObservableSpec,
    RecordingSpec,
    SeriesSpec,
    StateSpec,
    Summary,
    SummarySpec,
    Taken,
    Variable,
    indices,
)
from oscillo.observables.taken import Selection
from oscillo.spec import LocatedError
from oscillo.spec.source import SpecPath

SERIES, STATES, SUMMARY, OTHERS = "series", "states", "summary", "observables"
"""Groups of the store; those that have times or a selection of their own lie below the last one."""


@dataclass(frozen=True)
class Group:
    """Observables with the same times, of the same samples: a group of the store."""

    path: str
    cadence: Cadence
    rows: list[int] | None
    """Numbers of the members it is about; None for all."""
    taken: list[Taken]

    def stored(self) -> Iterator[tuple[Taken, Variable, str]]:
        """Every array, with its observable and the name under which it is stored."""
        for taken in self.taken:
            alone = self.path == SERIES and len(taken.variables) == 1
            for variable in taken.variables:
                yield taken, variable, taken.name if alone else variable.name

    @property
    def coordinates(self) -> dict[str, list[float]]:
        """Numbers along dimensions of the arrays."""
        return {dim: list(numbers) for taken in self.taken for dim, numbers in taken.coordinates.items()}


@dataclass(frozen=True)
class Observed:
    """Everything that is taken from the members of a simulation."""

    groups: list[Group]
    summaries: dict[str, tuple[Summary, Cadence]]
    """By name, with the times of their observations."""

    @property
    def moments(self) -> dict[str, Variable]:
        """Series of one number for each sample at the common times, of which mean and spread over time are told."""
        return {
            name: variable
            for group in self.groups if group.path == SERIES
            for _, variable, name in group.stored() if not variable.shape
        }  # fmt: skip

    @property
    def cadences(self) -> list[Cadence]:
        """The times of everything."""
        return [*(group.cadence for group in self.groups), *(cadence for _, cadence in self.summaries.values())]


def observed(
    recording: RecordingSpec, layer: OscillatorLayer, *, first: int, steps: int, members: int, dtype: torch.dtype
) -> Observed:
    """Build what is observed of a layer.

    Args:
        recording: what is declared.
        layer: whose oscillators are observed.
        first: step from which is recorded.
        steps: of the whole simulation.
        members: of the ensemble.
        dtype: of the simulation.

    Raises:
        LocatedError: when something does not fit, with its place in the spec.
    """
    kept = "float64" if dtype == torch.float64 else "float32"
    dt, summaries, found = float(layer.dt), {}, []
    for name, spec in recording.chosen.items():
        try:
            cadence = spec.cadence(recording.every, first, steps)
            if isinstance(spec, SummarySpec):
                assert isinstance(cadence, Every)
                summaries[name] = (spec.build(layer, dt * cadence.every), cadence)
            elif isinstance(spec, SeriesSpec):
                taken = Taken(name, spec, spec.build(layer, dt * (spec.every or recording.every)), layer.shape, kept)
                rows = _rows(spec, taken, recording, members)
                common = cadence == Every(first, recording.every, steps) and rows is None
                if rows != []:
                    found.append(Group(_path(name, spec, taken, common=common), cadence, rows, [taken]))
        except LocatedError as error:
            raise LocatedError(str(error), "recording", "observables", name, *error.path) from None
    return Observed(_merged(found), summaries)


def objections(
    recording: RecordingSpec,
    layer: OscillatorLayerSpec,
    sites: tuple[int, ...],
    *,
    first: int,
    steps: int,
    members: int,
) -> list[tuple[SpecPath, str]]:
    """What of a recording cannot be taken from that layer, as far as it can be said without building it.

    Args:
        recording: what is declared.
        layer: whose oscillators are observed.
        sites: of the network.
        first: step from which is recorded.
        steps: of the whole simulation.
        members: of the ensemble.
    """
    found: list[tuple[SpecPath, str]] = []
    for name, spec in recording.chosen.items():
        place = ("observables", name)
        found += [(place, text) for text in spec.unfit(layer, sites)]
        found += [((*place, *path), text) for path, text in _own(spec, layer, sites)]
        try:
            spec.cadence(recording.every, first, steps)
            if isinstance(spec, SeriesSpec):
                Selection(spec, layer.shape(sites))
                if spec.samples is not None:
                    _members(spec, members)
        except LocatedError as error:
            # Without a place of its own it is about the steps between records that all have in common.
            found.append(((*place, *error.path) if error.path else ("every",), str(error)))
    return list(dict.fromkeys(found))


def _own(spec: ObservableSpec, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[tuple[SpecPath, str]]:
    """What has no meaning in a simulation."""
    if isinstance(spec, AnswerSpec):
        return [((), "a simulation has no task that answers; leave it out")]
    if isinstance(spec, SeriesSpec) and spec.layers not in (None, [0]):
        return [(("layers",), "a simulation has layer 0 alone; leave `layers` out")]
    return []


def _rows(spec: SeriesSpec, taken: Taken, recording: RecordingSpec, members: int) -> list[int] | None:
    """Which members something is taken from; None for all."""
    if spec.samples is not None:
        chosen = _members(spec, members)
    elif recording.samples is None or taken.is_single:
        return None
    else:
        chosen = list(range(min(recording.samples, members)))
    return None if chosen == list(range(members)) else chosen


def _members(spec: SeriesSpec, members: int) -> list[int]:
    try:
        return indices(spec.samples, members, "members")
    except ValueError as error:
        raise LocatedError(str(error), "samples") from None


def _path(name: str, spec: SeriesSpec, taken: Taken, *, common: bool) -> str:
    if isinstance(spec, StateSpec):
        return STATES if name == STATES.removesuffix("s") else f"{OTHERS}/{name}"
    together = common and not taken.coordinates and (len(taken.variables) == 1)
    return SERIES if together else f"{OTHERS}/{name}"


def _merged(groups: list[Group]) -> list[Group]:
    """All series at the common times as one group."""
    common = [group for group in groups if group.path == SERIES]
    others = [group for group in groups if group.path != SERIES]
    if not common:
        return others
    return [Group(SERIES, common[0].cadence, None, [one for group in common for one in group.taken]), *others]
