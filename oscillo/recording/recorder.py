"""What an evaluation leaves behind: trajectories, summaries and results, one array entry per sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Literal

import numpy as np

from oscillo.recording.declarations import ArrayDeclaration, check_name, coordinate
from oscillo.recording.store import GENERATION, TrajectoryStore

Section = Literal["trajectory", "summary", "result"]


@dataclass(frozen=True)
class GroupDeclaration:
    """Arrays over the same samples, recorded together.

    Stored at `<section>/<evaluation>/<layer>`, or `<section>/<evaluation>` without a layer, beside the
    coordinate `sample` (position in the data set) and those given here.

    Attributes:
        section: `trajectory` for states over time, `summary` for numbers over time such as energies, `result`
            for what came out of a sample, such as its prediction.
        arrays: of fixed shape, all with the leading dimension `sample`.
        layer: name of the layer that they belong to.
        coordinates: integers along other dimensions, such as the recorded steps.

    Raises:
        ValueError: when the arrays do not fit together.
    """

    section: Section
    arrays: tuple[ArrayDeclaration, ...]
    layer: str | None = None
    coordinates: Mapping[str, Sequence[int]] = field(default_factory=dict)

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
        given = [coordinate(dim, len(values)) for dim, values in self.coordinates.items()]
        return (coordinate("sample", self.samples), *given, *self.arrays)

    def path(self, evaluation: str) -> str:
        """Where the group lies for an evaluation."""
        return "/".join(part for part in (self.section, evaluation, self.layer) if part)


class Recorder:
    """Writes the groups of one evaluation, batch by batch, and shows them when all samples are there.

    A context manager: leaving it in good order calls `complete`, an exception calls `discard`. An earlier
    recording of the same evaluation is replaced as a whole or, when this one does not come to its end,
    stays as it is. The replacing groups carry a number, as in `trajectory/hard@2`; `open_run` shows them
    without it.

    Args:
        store: where to write.
        evaluation: its name in the spec.
        groups: everything that will be recorded.
        attributes: of the evaluation, such as its steps.

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
    ) -> None:
        check_name(evaluation, "evaluation")
        self._store = store
        self._before = [path for path in store.groups if _is_of(path, evaluation)]
        generation = 1 + max((store.groups[path].get("generation", 1) for path in self._before), default=0)
        name = evaluation if generation == 1 else f"{evaluation}@{generation}"
        self._attributes = {**(attributes or {}), "evaluation": evaluation, "generation": generation}
        self._groups: dict[tuple[str, str | None], _Rows] = {}
        self._roots: list[str] = []
        for group in groups:
            if (group.section, group.layer) in self._groups:
                raise ValueError(f"{group.path(evaluation)} is declared twice")
            path, root = group.path(name), f"{group.section}/{name}"
            store.declare(path, group.declarations, self._attributes | {"complete": False}, staged=True)
            for dim, values in group.coordinates.items():
                store.write(f"{path}/{dim}", (), np.asarray(values))
            self._groups[group.section, group.layer] = _Rows(store, path, group)
            self._roots += [root] if root not in self._roots else []

    def write(
        self,
        section: Section,
        samples: np.ndarray,
        arrays: Mapping[str, np.ndarray],
        *,
        layer: str | None = None,
        first: int | None = None,
    ) -> None:
        """Take a batch of samples of one group.

        Args:
            section: of the group.
            samples: position of each sample in the data set, shape [batch].
            arrays: one block for every array of the group, each with the leading axis [batch].
            layer: of the group.
            first: where the batch begins in the recording; by default, where the one before it ended.

        Raises:
            ValueError: when the group was not declared, a block is missing or does not fit, or a sample
                comes twice.
            StoreError: when the store refuses it.
        """
        rows = self._groups.get((section, layer))
        if rows is None:
            raise ValueError(f"{section} of layer {layer}: not declared for {self._attributes['evaluation']}")
        rows.write(rows.end if first is None else first, {"sample": np.asarray(samples), **arrays})

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
        else:
            self.discard()


class _Rows:
    """The samples of one group: which have come, and those that wait until they fill a chunk."""

    def __init__(self, store: TrajectoryStore, path: str, group: GroupDeclaration) -> None:
        self.path = path
        self.end = 0
        self._store = store
        self._declared = {array.name: array for array in group.declarations if array.dims[0] == "sample"}
        self._written = np.zeros(group.samples, dtype=bool)
        self._waiting: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = {}

    def write(self, first: int, blocks: Mapping[str, np.ndarray]) -> None:
        """Take the samples from position `first` on."""
        if set(blocks) != set(self._declared):
            raise ValueError(f"{self.path} takes {sorted(self._declared)} together, and got {sorted(blocks)}")
        last = first + len(blocks["sample"])
        if first < 0 or last > len(self._written):
            raise ValueError(f"{self.path}: samples {first} to {last} of {len(self._written)}")
        if self._written[first:last].any():
            raise ValueError(f"{self.path}: samples {first} to {last} came before, at least in part")
        for name, block in blocks.items():
            if block.shape != (last - first, *self._declared[name].shape[1:]):
                raise ValueError(
                    f"{self.path}/{name}: a block {block.shape} for {last - first} samples does not fit "
                    f"{self._declared[name].shape}"
                )
        for name, block in blocks.items():
            self._take(name, first, block)
        self._written[first:last] = True
        self.end = last

    def _take(self, name: str, first: int, block: np.ndarray) -> None:
        """Send the block to the disk where it fills chunks, and keep the rest."""
        size, total = self._declared[name].chunks[0], len(self._written)
        last = first + len(block)
        for chunk in range(first // size, -(-last // size)):
            start, stop = chunk * size, min((chunk + 1) * size, total)
            here = slice(max(first, start), min(last, stop))
            part = block[here.start - first : here.stop - first]
            if len(part) == stop - start:
                self._store.write(f"{self.path}/{name}", (slice(start, stop),), part)
                continue
            shape = (stop - start, *block.shape[1:])
            fresh = np.empty(shape, block.dtype), np.zeros(stop - start, dtype=bool)
            rows, come = self._waiting.setdefault((name, chunk), fresh)
            rows[here.start - start : here.stop - start] = part
            come[here.start - start : here.stop - start] = True
            if come.all():
                self._store.write(f"{self.path}/{name}", (slice(start, stop),), rows)
                del self._waiting[name, chunk]

    def finish(self) -> None:
        """Check that every sample has come; each chunk has then been written."""
        if not self._written.all():
            missing = int((~self._written).sum())
            raise ValueError(f"{self.path}: {missing} of {len(self._written)} samples were never written")


def _is_of(path: str, evaluation: str) -> bool:
    """Whether a path is `<section>/<evaluation>`, of whatever generation."""
    _, _, name = path.partition("/")
    return GENERATION.sub("", name) == evaluation
