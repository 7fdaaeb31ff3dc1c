"""What an evaluation leaves behind: trajectories, summaries and results, one array entry per sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Literal

import numpy as np

from oscillo.recording.consistency import GENERATION
from oscillo.recording.declarations import ArrayDeclaration, check_name, coordinate, coordinate_of
from oscillo.recording.errors import StoreError
from oscillo.recording.store import TrajectoryStore

Section = Literal["trajectory", "summary", "observables", "result"]


@dataclass(frozen=True)
class GroupDeclaration:
    """Arrays over the same samples, recorded together.

    Stored at `<section>/<evaluation>/<layer>/<name>`, without the parts that it does not have, beside the
    coordinate `sample` (position in the data set) and those given here.

    Attributes:
        section: `trajectory` for states over time, `summary` for numbers over time such as energies, `observables`
            for what has times or a selection of its own, `result` for what came out of a sample, such as its
            prediction.
        arrays: of fixed shape, all with the leading dimension `sample`.
        layer: name of the layer that they belong to.
        coordinates: numbers along other dimensions, such as the recorded steps.
        name: of an observable with a group of its own.

    Raises:
        ValueError: when the arrays do not fit together.
    """

    section: Section
    arrays: tuple[ArrayDeclaration, ...]
    layer: str | None = None
    coordinates: Mapping[str, Sequence[float]] = field(default_factory=dict)
    name: str | None = None

    def __post_init__(self) -> None:
        if not self.arrays:
            raise ValueError(f"{self.section}: a group needs at least one array")
        for array in self.arrays:
            if array.dims[0] != "sample" or array.append_dim is not None or array.shape[0] != self.samples:
                raise ValueError(f"{array.name}: a recorded array has a fixed shape and `sample` first")

    @property
    def samples(self) -> int:
        """How many samples the group is about."""
        return self.arrays[0].shape[0]

    @cached_property
    def declarations(self) -> tuple[ArrayDeclaration, ...]:
        """All arrays of the group, coordinates first."""
        given = [coordinate_of(dim, values) for dim, values in self.coordinates.items()]
        return (coordinate("sample", self.samples), *given, *self.arrays)

    def path(self, evaluation: str) -> str:
        """Where the group lies for an evaluation."""
        return "/".join(part for part in (self.section, evaluation, self.layer, self.name) if part)


class Recorder:
    """Writes the groups of one evaluation, batch by batch, and shows them when all samples are there.

    A context manager: leaving it in good order calls `complete`, an exception calls `discard`, or `flush` where it
    may be resumed. An earlier recording of the same evaluation is replaced as a whole or, when this one does not
    come to its end, stays as it is. The replacing groups carry a number, as in `trajectory/hard@2`; `open_run`
    shows them without it.

    Args:
        store: where to write.
        evaluation: its name in the spec.
        groups: everything that will be recorded.
        attributes: of the evaluation, such as its steps.
        resumable: leave what an exception has interrupted on the disk. When the same evaluation is then recorded
            with the same groups and attributes, in this process or another, it is taken up again.

    Attributes:
        resumed: whether all groups of an interrupted recording were taken up: what was flushed then is there, and
            what is known to be whole can be told by `done` instead of being written again.

    Raises:
        ValueError: when names or groups do not fit together.
        StoreError: when the store refuses it.
    """

    def __init__(
        self,
        store: TrajectoryStore,
        evaluation: str,
        groups: Iterable[GroupDeclaration],
        attributes: Mapping[str, Any] | None = None,
        *,
        resumable: bool = False,
    ) -> None:
        check_name(evaluation, "evaluation")
        self._store, self._resumable = store, resumable
        self._before = [path for path in store.groups if _is_of(path, evaluation)]
        generation = 1 + max((store.groups[path].get("generation", 1) for path in self._before), default=0)
        name = evaluation if generation == 1 else f"{evaluation}@{generation}"
        self._attributes = {**(attributes or {}), "evaluation": evaluation, "generation": generation}
        self._groups: dict[tuple[str, str | None, str | None], _Rows] = {}
        taken_up: list[bool] = []
        self._roots: list[str] = []
        for group in groups:
            key = (group.section, group.layer, group.name)
            if key in self._groups:
                raise ValueError(f"{group.path(evaluation)} is declared twice")
            path, root = group.path(name), f"{group.section}/{name}"
            if not resumable:
                store.discard([path])  # what a killed writer may have left
            attributes = self._attributes | {"complete": False}
            taken_up.append(store.declare(path, group.declarations, attributes, staged=True))
            for dim, values in group.coordinates.items():
                store.write(f"{path}/{dim}", (), np.asarray(values))
            self._groups[key] = _Rows(store, path, group)
            self._roots += [root] if root not in self._roots else []
        self.resumed = all(taken_up)

    def write(
        self,
        section: Section,
        samples: np.ndarray,
        arrays: Mapping[str, np.ndarray],
        *,
        layer: str | None = None,
        name: str | None = None,
        first: int | None = None,
    ) -> None:
        """Take a batch of samples of one group.

        Args:
            section: of the group.
            samples: position of each sample in the data set, shape [batch].
            arrays: one block for every array of the group, each with the leading axis [batch].
            layer: of the group.
            name: of the group.
            first: where the batch begins in the recording; by default, where the one before it ended.

        Raises:
            ValueError: when the group was not declared, a block is missing or does not fit, or a sample
                comes twice.
            StoreError: when the store refuses it.
        """
        rows = self._rows(section, layer, name)
        rows.write(rows.end if first is None else first, {"sample": np.asarray(samples), **arrays})

    def fill(
        self,
        section: Section,
        array: str,
        region: tuple[slice, ...],
        block: np.ndarray,
        *,
        layer: str | None = None,
        name: str | None = None,
        owned: bool = False,
    ) -> None:
        """Write a region of one array, such as one step of some samples; `done` tells when the samples are whole.

        Args:
            section: of the group.
            array: its name.
            region: one slice for each leading axis.
            block: shaped as the region.
            layer: of the group.
            name: of the group.
            owned: whether nobody else will change `block`; else what has to wait is copied.

        Raises:
            ValueError: when the group was not declared, or the block does not fit.
            StoreError: when the store refuses it.
        """
        self._store.write(f"{self._rows(section, layer, name).path}/{array}", region, block, owned=owned)

    def done(
        self, section: Section, first: int, last: int, *, layer: str | None = None, name: str | None = None
    ) -> None:
        """Count samples `first` to `last` of a group as written: by `fill`, or before the recording was resumed.

        Raises:
            ValueError: when the group was not declared, or one of the samples was counted before.
        """
        self._rows(section, layer, name).count(first, last)

    def flush(self) -> None:
        """Return when everything is on disk, where a resumed recording finds it.

        Raises:
            StoreError: when the disk refuses it.
        """
        self._store.flush()

    def complete(self) -> None:
        """Show the recording to readers, in place of an earlier one of the same evaluation.

        Raises:
            ValueError: when samples are missing.
            StoreError: when the store refuses it.
        """
        for rows in self._groups.values():
            rows.finish()
        attributes = self._attributes | {"complete": True}
        shown = [*self._roots, *(rows.path for rows in self._groups.values())]
        self._store.publish(dict.fromkeys(shown, attributes), replacing=self._before)

    def discard(self) -> None:
        """Give the recording up; what was there before it stays."""
        self._store.discard(self._roots)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.complete()
        elif not self._resumable:
            self.discard()
        else:
            with suppress(StoreError):  # what is under way says more
                self.flush()

    def _rows(self, section: str, layer: str | None, name: str | None) -> _Rows:
        rows = self._groups.get((section, layer, name))
        if rows is None:
            raise ValueError(f"{section} of layer {layer}: not declared for {self._attributes['evaluation']}")
        return rows


class _Rows:
    """The samples of one group, and which of them have come."""

    def __init__(self, store: TrajectoryStore, path: str, group: GroupDeclaration) -> None:
        self.path = path
        self.end = 0
        self._store = store
        self._declared = {array.name: array for array in group.declarations if array.dims[0] == "sample"}
        self._written = np.zeros(group.samples, dtype=bool)

    def write(self, first: int, blocks: Mapping[str, np.ndarray]) -> None:
        """Take the samples from position `first` on."""
        if set(blocks) != set(self._declared):
            raise ValueError(f"{self.path} takes {sorted(self._declared)} together, and got {sorted(blocks)}")
        last = first + len(blocks["sample"])
        self._check(first, last)
        for name, block in blocks.items():
            if block.shape != (last - first, *self._declared[name].shape[1:]):
                raise ValueError(
                    f"{self.path}/{name}: a block {block.shape} for {last - first} samples does not fit "
                    f"{self._declared[name].shape}"
                )
        for name, block in blocks.items():
            self._store.write(f"{self.path}/{name}", (slice(first, last),), block)
        self.count(first, last)

    def count(self, first: int, last: int) -> None:
        """Take samples for written."""
        self._check(first, last)
        self._written[first:last] = True
        self.end = last

    def _check(self, first: int, last: int) -> None:
        if first < 0 or last > len(self._written):
            raise ValueError(f"{self.path}: samples {first} to {last} of {len(self._written)}")
        if self._written[first:last].any():
            raise ValueError(f"{self.path}: samples {first} to {last} came before, at least in part")

    def finish(self) -> None:
        """Check that every sample has come."""
        if not self._written.all():
            missing = int((~self._written).sum())
            raise ValueError(f"{self.path}: {missing} of {len(self._written)} samples were never written")


def _is_of(path: str, evaluation: str) -> bool:
    """Whether a path is `<section>/<evaluation>`, of whatever generation."""
    _, _, name = path.partition("/")
    return GENERATION.sub("", name) == evaluation
