"""Where what is recorded of the samples of a block goes: single numbers into memory, arrays to the store at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from oscillo.evaluation.watched import Watched
from oscillo.recording import Recorder


class Kept:
    """Arrays [row, step, ...] of the samples of a block that are recorded; what never comes is not a number.

    Attributes:
        arrays: by the names of `Watched.key`.

    Args:
        everything: what is recorded.
        positions: of the samples of the block in the evaluation.
    """

    def __init__(self, everything: Iterable[Watched], positions: range) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        for watched in everything:
            rows = sum(position in positions for position in watched.samples)
            for variable, stored in watched.arrays:
                dtype = np.dtype(variable.dtype or "float32")
                nothing = np.nan if dtype.kind == "f" else 0
                sizes = (rows, len(watched.steps), *variable.shape)
                self.arrays[watched.key(stored)] = np.full(sizes, nothing, dtype)

    def __call__(self, watched: Watched, stored: str, rows: Tensor, step: int, values: Tensor) -> None:
        """Keep the values [row, ...] of an array at a step."""
        array = torch.from_numpy(self.arrays[watched.key(stored)])
        array[rows, watched.steps.index(step)] = values.cpu()


class Streamed:
    """Hands arrays to a recorder step by step, and keeps single numbers until the block is whole.

    So a block holds no trajectories in memory, however many steps and samples are recorded.

    Attributes:
        kept: the single numbers.

    Args:
        everything: what is recorded.
        positions: of the samples of the block in the evaluation.
        recorder: takes the arrays.
    """

    def __init__(self, everything: Sequence[Watched], positions: range, recorder: Recorder | None) -> None:
        self.kept = Kept([one for one in everything if not one.is_streamed], positions)
        self.streamed = [one for one in everything if one.is_streamed]
        self.positions, self.recorder = positions, recorder
        self._first = {id(one): bisect_left(one.samples, positions.start) for one in self.streamed}

    def __call__(self, watched: Watched, stored: str, rows: Tensor, step: int, values: Tensor) -> None:
        """Keep the values [row, ...] of an array at a step."""
        if not watched.is_streamed:
            self.kept(watched, stored, rows, step, values)
            return
        assert self.recorder is not None
        number, numbers = watched.steps.index(step), values.cpu().numpy()[:, None]
        places = (self._first[id(watched)] + rows).tolist()
        for first, last in _runs(places):
            region = (slice(places[first], places[last - 1] + 1), slice(number, number + 1))
            # No step writes over a state that was observed, so the store may take its memory as it is.
            self.recorder.fill(
                watched.section, stored, region, numbers[first:last], layer=watched.layer_name, name=watched.own_name,
                owned=True,
            )  # fmt: skip

    def done(self) -> None:
        """Count the samples of the block as recorded: they have come, now or before an interruption."""
        for group in {(one.section, one.layer_name, one.own_name): one for one in self.streamed}.values():
            first = self._first[id(group)]
            last = bisect_left(group.samples, self.positions.stop)
            if last > first and self.recorder is not None:
                place = {"layer": group.layer_name, "name": group.own_name}
                here = np.asarray(group.samples[first:last])
                self.recorder.fill(group.section, "sample", (slice(first, last),), here, **place)
                self.recorder.done(group.section, first, last, **place)


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where stretches of successive numbers begin and end."""
    first = 0
    for end in range(1, len(places) + 1):
        if end == len(places) or places[end] != places[end - 1] + 1:
            yield first, end
            first = end
