"""Two processes, for peers whose solvers hold Python's lock: each keeps half of the trajectories."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from . import THREADS
from .problems import Sparse

Prepare = Callable[[Sparse], Callable[[], np.ndarray]]
_kept: dict[str, Callable[[], np.ndarray]] = {}


def _start(prepare: Prepare, problem: Sparse) -> None:
    _kept["run"] = prepare(problem)


def _run() -> np.ndarray:
    return _kept["run"]()


def _wait() -> None:
    """Return when the process has started."""


class Halves:
    """Solves the halves of a problem at once, in processes that stay.

    Args:
        prepare: A function at the top of a module; in its process it turns half of a problem into a function that
            solves that half.
        problem: The whole.
    """

    def __init__(self, prepare: Prepare, problem: Sparse) -> None:
        size = -(-len(problem.phases) // THREADS)
        parts = [problem.part(slice(begin, begin + size)) for begin in range(0, len(problem.phases), size)]
        self._processes = [
            ProcessPoolExecutor(1, get_context("spawn"), initializer=_start, initargs=(prepare, part)) for part in parts
        ]
        threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        os.environ.update(dict.fromkeys(threads, "1"))
        try:
            for started in [process.submit(_wait) for process in self._processes]:
                started.result()
        finally:
            os.environ.update(threads)

    def run(self) -> np.ndarray:
        """Solve all, and return the answers in the order of the problem."""
        asked = [process.submit(_run) for process in self._processes]
        return np.concatenate([answer.result() for answer in asked])

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.shutdown()
