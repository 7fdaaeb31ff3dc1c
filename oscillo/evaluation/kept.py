"""What is recorded of the samples of a block, until it is whole."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from oscillo.evaluation.watched import Watched


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
