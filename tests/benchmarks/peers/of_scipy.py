"""SciPy and NumPy: cosines and sines of the oscillators, and products with a matrix.

Sparse products and the solvers hold Python's lock, so 64 trajectories go to two processes; dense products use the
threads of the BLAS.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.integrate import ode, solve_ivp
from scipy.linalg.blas import ssymv

from .halves import Halves
from .interface import Solver, solver, timed
from .problems import Dense, Edges, Ensemble, Sparse, dense_flow, rk4, sparse_flow

NAME, PACKAGES = "scipy", ("scipy", "numpy")


def flow_of(problem: Sparse) -> Callable:
    """The flow of one trajectory, with one product of complex numbers: faster than two of reals at this size."""
    matrix = problem.graph.matrix(np.complex128)
    frequencies, coupling = problem.frequencies[0], problem.coupling

    def flow(_: float, theta: np.ndarray) -> np.ndarray:
        turned = np.exp(1j * theta)
        return frequencies + coupling * (turned.conj() * (matrix @ turned)).imag

    return flow


def initial_value(method: str, problem: Sparse) -> Solver:
    """One trajectory by `solve_ivp`."""
    flow, (phases,), tolerance = flow_of(problem), problem.phases, problem.tolerance

    def run() -> np.ndarray:
        found = solve_ivp(flow, (0, problem.end), phases, method, t_eval=[problem.end], rtol=tolerance, atol=tolerance)
        return found.y.T

    return solver(f"solve_ivp {method}, CSR product", run)


def alone(method: str, problem: Sparse) -> Callable[[], np.ndarray]:
    """All trajectories of the problem one after another, by `ode`, whose loop is compiled."""
    flows = [flow_of(problem.part(slice(k, k + 1))) for k in range(len(problem.phases))]

    def run() -> np.ndarray:
        states = []
        for flow, phases in zip(flows, problem.phases, strict=True):
            integrator = ode(flow).set_integrator(method, rtol=problem.tolerance, atol=problem.tolerance, nsteps=10**6)
            states.append(integrator.set_initial_value(phases).integrate(problem.end))
        return np.stack(states)

    return run


def compiled_loop(method: str, problem: Sparse) -> Solver:
    """One trajectory by `ode`."""
    return solver(f"ode {method}, CSR product", alone(method, problem))


def together(problem: Sparse) -> Callable[[], np.ndarray]:
    """All trajectories as one state with one step size, oscillators first: the graph is read once for all."""
    count, nodes = problem.phases.shape
    flow_many = sparse_flow(problem.graph.matrix(np.float64), problem.frequencies.T.copy(), problem.coupling)
    phases, tolerance = problem.phases.T.ravel(), problem.tolerance

    def flow(time: float, theta: np.ndarray) -> np.ndarray:
        return flow_many(time, theta.reshape(nodes, count)).ravel()

    def run() -> np.ndarray:
        found = solve_ivp(flow, (0, problem.end), phases, "RK45", t_eval=[problem.end], rtol=tolerance, atol=tolerance)
        return found.y.reshape(nodes, count).T

    return run


def in_halves(name: str, prepare: Callable, problem: Sparse) -> Solver:
    """Two processes with a half of the trajectories each."""
    halves, seconds = timed(lambda: Halves(prepare, problem))
    return solver(f"{name}, two processes", halves.run, compile_seconds=seconds, close=halves.close)


def halves_together(problem: Sparse) -> Solver:
    """One step size for a half."""
    return in_halves("RK45, one step size for a half", together, problem)


def halves_alone(problem: Sparse) -> Solver:
    """A step size for each trajectory."""
    return in_halves("ode dopri5, each alone", partial(alone, "dopri5"), problem)


def products(problem: Dense) -> Solver:
    """Two products with the matrix."""
    flow = dense_flow(problem.matrix, problem.frequencies)
    return solver("NumPy, cos/sin and products", lambda: flow(problem.phases))


def symmetric_products(problem: Dense) -> Solver:
    """Two products that read half of the matrix."""
    matrix, frequencies, phases = np.asfortranarray(problem.matrix), problem.frequencies, problem.phases

    def run() -> np.ndarray:
        cos, sin = np.cos(phases), np.sin(phases)
        return frequencies + cos * ssymv(1.0, matrix, sin) - sin * ssymv(1.0, matrix, cos)

    return solver("NumPy, cos/sin and symmetric products", run)


def step(problem: Ensemble) -> Solver:
    """A step with products of matrices."""
    flow, dt = dense_flow(problem.matrix, problem.frequencies), np.float32(problem.dt)
    return solver("NumPy, RK4 with cos/sin and products", lambda: rk4(flow, problem.phases, dt))


def sparse_products(problem: Edges) -> Solver:
    """Two products with a sparse matrix; one thread, since SciPy has no more for them."""
    flow = sparse_flow(problem.graph.matrix(np.float32), problem.frequencies, np.float32(problem.coupling))
    return solver("CSR product (one thread)", lambda: flow(0.0, problem.phases))


SOLVERS = {
    "sparse": (
        partial(initial_value, "RK45"),
        partial(initial_value, "DOP853"),
        partial(initial_value, "LSODA"),
        partial(compiled_loop, "dopri5"),
    ),
    "sparse_many": (halves_together, halves_alone),
    "dense": (products, symmetric_products),
    "ensemble": (step,),
    "edges": (sparse_products,),
}
CANNOT: dict[str, str] = {}
