"""What a peer hands over: a solver per problem, or the reason why there is none.

A peer is a module of this package with

- `NAME`, by which the table calls it, and `PACKAGES`, the distributions it needs;
- `SOLVERS`, a mapping from the kind of a problem to functions that take the problem and return a `Solver`;
- `CANNOT`, a mapping from the kind of a problem to the reason why the peer has no solver for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


class Cannot(Exception):
    """Raised by a factory for a problem that is beyond its peer; the message is the reason."""


def nothing() -> None:
    """Close a solver that keeps nothing open."""


@dataclass(frozen=True)
class Solver:
    """One way of one peer to solve one problem, ready to run.

    Attributes:
        name: How it works, as the table says it.
        compile_seconds: What comes before the first run: compiling, or starting processes.
        first_seconds: The first run after that.
        run: Solves the problem again, and returns when the answer is there.
        answer: The answer of the first run, an array of the shape of the problem's phases.
        per_run: How often one run solves the problem; seconds are divided by it.
        close: Called at the end.
    """

    name: str
    compile_seconds: float
    first_seconds: float
    run: Callable[[], object]
    answer: np.ndarray
    per_run: int = 1
    close: Callable[[], None] = nothing


def solver(
    name: str,
    run: Callable[[], object],
    answer: Callable[[object], object] = np.asarray,
    *,
    compile_seconds: float = 0.0,
    per_run: int = 1,
    close: Callable[[], None] = nothing,
) -> Solver:
    """Run for the first time, with the clock on, and keep the answer.

    Args:
        name: How it works, as the table says it.
        run: Solves the problem and returns its result when it is there.
        answer: Turns a result into an array of the shape of the problem's phases; not timed.
        compile_seconds: What was spent before.
        per_run: How often one run solves the problem.
        close: Called at the end.

    Returns:
        The solver, after its first run.
    """
    began = time.perf_counter()
    result = run()
    first = time.perf_counter() - began
    # A copy: solvers may write the next answer into the same memory.
    return Solver(name, compile_seconds, first, run, np.array(answer(result)), per_run, close)


def timed(work: Callable[[], object]) -> tuple[object, float]:
    """Do the work once.

    Args:
        work: A function without arguments.

    Returns:
        What it returned, and the seconds it took.
    """
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began
