"""The package `xgi`: Euler steps with a loop over edges in Python."""

from __future__ import annotations

import numpy as np
import xgi

from .interface import Cannot, Solver, solver, timed
from .problems import Edges

NAME, PACKAGES = "xgi", ("xgi",)
STEPS, DT = 5, 0.01
"""Steps of a run: the package reads the graph again in every run."""
LARGEST = 10**5


def steps(problem: Edges) -> Solver:
    """A few Euler steps; the first gives the evaluation."""
    graph = problem.graph
    if graph.edges > LARGEST:
        raise Cannot(f"loops over edges in Python: not tried beyond {LARGEST:,}")
    once = graph.rows < graph.columns
    links = np.stack([graph.rows[once], graph.columns[once]], 1).tolist()

    def build() -> xgi.Hypergraph:
        made = xgi.Hypergraph()
        made.add_nodes_from(range(graph.nodes))
        made.add_edges_from(links)
        return made

    made, seconds = timed(build)
    frequencies, theta = problem.frequencies.astype(float), problem.phases.astype(float)

    def run() -> np.ndarray:
        times = {"timesteps": STEPS, "dt": DT}
        return xgi.simulate_kuramoto(made, problem.coupling, 0.0, omega=frequencies, theta=theta, **times)[0]

    name = "simulate_kuramoto, a step"
    return solver(name, run, lambda states: (states[1] - states[0]) / DT, compile_seconds=seconds, per_run=STEPS)


SOLVERS = {"edges": (steps,)}
CANNOT = {
    "sparse": "Euler steps of fixed size only, about 20 ms each: no tolerance to compare at",
    "sparse_many": "Euler steps of fixed size only",
    "dense": "has no weights",
    "ensemble": "has no weights, and Euler steps only",
}
