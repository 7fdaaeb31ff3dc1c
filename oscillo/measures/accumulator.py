"""What an accumulator is: a measure of a whole run, taken while it goes by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor

Running = dict[str, Tensor]
"""What an accumulator keeps between two updates, or has found: tensors by name."""


class Accumulator(ABC):
    """A measure over time whose memory does not grow with time.

    What it keeps is explicit: all of it is in the dictionary that `start` makes, so a run can be stored and taken up
    again anywhere. Sums are in float64, because a float32 sum stalls after some million terms.
    """

    @abstractmethod
    def start(self, z: Tensor) -> Running:
        """What is kept before the first update, for tensors of z's shape and device; z itself is not counted."""

    @abstractmethod
    def update(self, state: Running, z: Tensor) -> Running:
        """What is kept after z has been seen as well. `state` is left as it is."""

    @abstractmethod
    def result(self, state: Running) -> Running:
        """The measures, by name."""


def accumulate(accumulator: Accumulator, moments: Iterable[Tensor]) -> Running:
    """The measures of a whole run.

    Args:
        accumulator: the measure.
        moments: what it takes in, moment after moment; a tensor counts along its first axis.

    Raises:
        ValueError: when there are no moments.
    """
    state: Running | None = None
    for z in moments:
        state = accumulator.update(accumulator.start(z) if state is None else state, z)
    if state is None:
        raise ValueError("a run without moments has no measures")
    return accumulator.result(state)


def no_count(z: Tensor) -> Tensor:
    """Zero, to count updates in: int64 on z's device."""
    return torch.zeros((), dtype=torch.int64, device=z.device)
