"""The package `kuramoto`: a dense matrix of neighbours and SciPy's `odeint`, with a sine for each pair.

It divides the coupling by the number of neighbours, and its tolerance cannot be set (about 1.5e-8).
"""

from __future__ import annotations

import numpy as np
from kuramoto import Kuramoto

from .interface import Solver, solver
from .problems import Dense, Sparse

NAME, PACKAGES = "kuramoto", ("kuramoto", "scipy")


def sparse(problem: Sparse) -> Solver:
    """One trajectory; two times are asked for, the first and the last."""
    matrix = problem.graph.matrix(np.float64).toarray()
    (degree,) = set(matrix.sum(axis=0))
    model = Kuramoto(
        coupling=problem.coupling * degree, dt=problem.end / 2, T=problem.end, natfreqs=problem.frequencies[0]
    )

    def run() -> np.ndarray:
        return model.run(adj_mat=matrix, angles_vec=problem.phases[0])

    return solver("run (odeint, its own tolerance)", run, lambda states: states[:, -1][None])


def dense(problem: Dense) -> Solver:
    """One evaluation."""
    model = Kuramoto(coupling=1, natfreqs=problem.frequencies)
    one = np.float32(1)
    return solver("derivative", lambda: model.derivative(problem.phases, 0.0, problem.matrix, one))


SOLVERS = {"sparse": (sparse,), "dense": (dense,)}
CANNOT = {
    "sparse_many": "one trajectory at a time: 64 times the seconds of one",
    "ensemble": "one trajectory at a time, and no fixed steps",
    "edges": "has dense matrices only",
}
