"""Building the solvers of a problem, running them in turn, and the rows of the table."""

from __future__ import annotations

import statistics
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType

from .interface import Cannot, Solver
from .problems import Problem

SAMPLE, BUDGET = 0.05, 20.0
"""Seconds that a timed run lasts at least, where it can be repeated, and that all rounds of a solver may take."""


@dataclass
class Row:
    """One solver on one problem.

    Attributes:
        problem: Its name.
        peer: Its name.
        solver: How it works, or why there is none.
        compile_seconds: Before the first run.
        first_seconds: The first run.
        distance: From the reference answer.
        equal: Whether that is close enough.
        samples: Seconds of warm runs, one for each round.
    """

    problem: str
    peer: str
    solver: str
    compile_seconds: float = float("nan")
    first_seconds: float = float("nan")
    distance: float = float("nan")
    equal: bool = False
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds of a warm run."""
        return statistics.median(self.samples) if self.samples else float("nan")

    @property
    def least(self) -> float:
        """Seconds of the fastest warm run."""
        return min(self.samples, default=float("nan"))


def built(problem: Problem, peers: Iterable[ModuleType]) -> list[tuple[Row, Solver | None]]:
    """Build every solver of every peer, run it once and compare its answer.

    Args:
        problem: What to solve.
        peers: Modules as `interface` describes them.

    Returns:
        A row for each solver, and one with the reason for each peer that has none or fails.
    """
    rows: list[tuple[Row, Solver | None]] = []
    for peer in peers:
        factories = peer.SOLVERS.get(problem.kind, ())
        if not factories:
            reason = peer.CANNOT.get(problem.kind, "no solver")
            rows.append((Row(problem.name, peer.NAME, f"cannot: {reason}"), None))
        for factory in factories:
            try:
                made = factory(problem)
            except Cannot as reason:
                rows.append((Row(problem.name, peer.NAME, f"cannot: {reason}"), None))
                continue
            except Exception as problem_met:  # a peer that breaks is a row of the table and not the end of it
                traceback.print_exc()
                rows.append((Row(problem.name, peer.NAME, f"FAILED: {problem_met!r}"), None))
                continue
            row = Row(problem.name, peer.NAME, made.name, made.compile_seconds, made.first_seconds)
            row.distance = problem.distance(made.answer) if made.answer.shape == problem.phases.shape else float("inf")
            row.equal = row.distance <= problem.allowed
            rows.append((row, made))
    return rows


def seconds_of(solver: Solver, repeats: int) -> float:
    """Return the seconds of one solution, from several runs under one clock."""
    began = time.perf_counter()
    for _ in range(repeats):
        solver.run()
    return (time.perf_counter() - began) / (repeats * solver.per_run)


def measure(rows: list[tuple[Row, Solver | None]], rounds: int) -> None:
    """Run all solvers in turn, and note the seconds in their rows.

    Short runs are repeated until the clock has something to measure, after a run that is not counted: the caches
    held what the solver before it left there. Slow solvers have fewer rounds, and at least one.

    Args:
        rows: What `built` returned.
        rounds: How often each solver has its turn.
    """
    there = [(row, made) for row, made in rows if made is not None]
    plans = []
    for row, made in there:
        slow = made.first_seconds > BUDGET
        once = made.first_seconds if slow else seconds_of(made, 1) * made.per_run
        plans.append((row, made, max(1, round(SAMPLE / once)), max(1, int(BUDGET / once))))
    for number in range(rounds):
        for row, made, repeats, allowed in plans if number % 2 == 0 else reversed(plans):
            if number >= allowed:
                continue
            if repeats > 1:
                made.run()
            row.samples.append(seconds_of(made, repeats))
