"""JiTCODE: the flow written out oscillator by oscillator and compiled as C.

Cosines and sines are helpers, so that each is computed once and not for every edge; frequencies are parameters, so
that one compilation serves all trajectories.
"""

from __future__ import annotations

import atexit
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import symengine
from jitcode import jitcode, y

from .halves import Halves
from .interface import Solver, solver, timed
from .problems import Sparse

NAME, PACKAGES = "jitcode", ("jitcode", "symengine")


def frequency_symbols(nodes: int) -> list[symengine.Symbol]:
    """The parameters, by node."""
    return [symengine.Symbol(f"frequency_{node}") for node in range(nodes)]


@cache
def folder() -> Path:
    """Where compiled modules lie until the end of the process."""
    kept = tempfile.TemporaryDirectory()
    atexit.register(kept.cleanup)
    return Path(kept.name)


@cache
def compiled(starts: tuple[int, ...], columns: tuple[int, ...], coupling: float) -> tuple[str, float]:
    """Write and compile the flow.

    Args:
        starts: Of the graph.
        columns: Of the graph.
        coupling: Of every edge.

    Returns:
        The compiled module, and the seconds it took.
    """
    began = time.perf_counter()
    nodes = len(starts) - 1
    frequencies = frequency_symbols(nodes)
    cos = [symengine.Symbol(f"cos_{node}") for node in range(nodes)]
    sin = [symengine.Symbol(f"sin_{node}") for node in range(nodes)]
    helpers = [(cos[node], symengine.cos(y(node))) for node in range(nodes)]
    helpers += [(sin[node], symengine.sin(y(node))) for node in range(nodes)]
    flow = []
    for node in range(nodes):
        near = columns[starts[node] : starts[node + 1]]
        felt = cos[node] * sum(sin[j] for j in near) - sin[node] * sum(cos[j] for j in near)
        flow.append(frequencies[node] + coupling * felt)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * len(helpers) + limit)  # helpers are sorted by a function that calls itself
    try:
        system = jitcode(flow, helpers=helpers, n=nodes, control_pars=frequencies, verbose=False)
    finally:
        sys.setrecursionlimit(limit)
    system.compile_C()
    module = system.save_compiled(str(folder() / "flow.so"), overwrite=True)
    return module, time.perf_counter() - began


def module_of(problem: Sparse) -> tuple[str, float]:
    """Compile the problem's flow, once for all problems on the same graph."""
    graph = problem.graph
    return compiled(tuple(graph.starts.tolist()), tuple(graph.columns.tolist()), problem.coupling)


def prepared(module: str, method: str, problem: Sparse) -> Callable[[], np.ndarray]:
    """Load the compiled flow, and solve one trajectory after another with it."""
    nodes = problem.graph.nodes
    parameters = frequency_symbols(nodes)
    system = jitcode(n=nodes, module_location=module, control_pars=parameters, verbose=False)
    system.set_parameters(problem.frequencies[0])
    system.set_initial_value(problem.phases[0], 0.0)
    system.set_integrator(method, rtol=problem.tolerance, atol=problem.tolerance)

    def run() -> np.ndarray:
        states = []
        for frequencies, phases in zip(problem.frequencies, problem.phases, strict=True):
            system.set_parameters(frequencies)
            system.set_initial_value(phases, 0.0)
            states.append(np.array(system.integrate(problem.end)))
        return np.stack(states)

    return run


def one(method: str, problem: Sparse) -> Solver:
    """One trajectory in this process."""
    module, seconds = module_of(problem)
    return solver(method, prepared(module, method, problem), compile_seconds=seconds)


def many(problem: Sparse) -> Solver:
    """Half of the trajectories in each of two processes."""
    module, compiling = module_of(problem)
    halves, starting = timed(lambda: Halves(partial(prepared, module, "dopri5"), problem))
    name = "dopri5, each alone, two processes"
    return solver(name, halves.run, compile_seconds=compiling + starting, close=halves.close)


SOLVERS = {"sparse": (partial(one, "dopri5"), partial(one, "dop853")), "sparse_many": (many,)}
CANNOT = {
    "dense": "writes every one of a million products as C code, in double precision",
    "ensemble": "double precision, and adaptive integrators only",
    "edges": "writes every edge as C code, in double precision",
}
