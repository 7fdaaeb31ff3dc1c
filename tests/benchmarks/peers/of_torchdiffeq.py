"""Torchdiffeq, and PyTorch as its users write the flow: a product with a CSR matrix, or sums over edge lists."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torchdiffeq import odeint

from . import THREADS
from .interface import Solver, solver, timed
from .problems import Dense, Edges, Ensemble, Graph, Sparse

NAME, PACKAGES = "torchdiffeq", ("torchdiffeq", "torch")

torch.set_num_threads(THREADS)


def matrix_flow(graph: Graph, coupling: float, frequencies: torch.Tensor) -> Callable:
    """The flow by one product with a CSR matrix; trajectories, if any, come last."""
    with warnings.catch_warnings(action="ignore"):  # that sparse CSR tensors are in beta
        ones = torch.ones(graph.edges, dtype=frequencies.dtype)
        places = torch.from_numpy(graph.starts), torch.from_numpy(graph.columns)
        matrix = torch.sparse_csr_tensor(*places, ones, (graph.nodes, graph.nodes))

    def flow(_: torch.Tensor | float, theta: torch.Tensor) -> torch.Tensor:
        cos, sin = torch.cos(theta), torch.sin(theta)
        near = matrix @ torch.stack([cos, sin], 1).reshape(graph.nodes, -1)
        near_cos, near_sin = near.reshape(graph.nodes, 2, *theta.shape[1:]).unbind(1)
        return frequencies + coupling * (cos * near_sin - sin * near_cos)

    return flow


def edge_flow(graph: Graph, coupling: float, frequencies: torch.Tensor) -> Callable:
    """The flow by a sine for each edge; trajectories, if any, come last."""
    rows, columns = torch.from_numpy(graph.rows).long(), torch.from_numpy(graph.columns).long()

    def flow(_: torch.Tensor | float, theta: torch.Tensor) -> torch.Tensor:
        felt = torch.sin(theta[columns] - theta[rows])
        return frequencies + coupling * torch.zeros_like(theta).index_add_(0, rows, felt)

    return flow


def compiled_edge_flow(graph: Graph, coupling: float, frequencies: torch.Tensor) -> Callable:
    """The same, compiled."""
    return torch.compile(edge_flow(graph, coupling, frequencies), dynamic=False)


WAYS = {"CSR product": matrix_flow, "edge list": edge_flow, "edge list, compiled": compiled_edge_flow}


@torch.no_grad()
def without_gradient(work: Callable[[], torch.Tensor], threads: int = THREADS) -> torch.Tensor:
    """Do the work with so many threads, and remember nothing of it."""
    torch.set_num_threads(threads)
    try:
        return work()
    finally:
        torch.set_num_threads(THREADS)


def warmed(name: str, flow: Callable, theta: torch.Tensor, threads: int = THREADS) -> float:
    """Evaluate once where the flow is compiled, and return the seconds."""
    if "compiled" not in name:
        return 0.0
    time = torch.zeros((), dtype=theta.dtype)
    return timed(lambda: without_gradient(lambda: flow(time, theta), threads))[1]


def sparse(way: str, problem: Sparse) -> Solver:
    """One state of all trajectories with one step size, oscillators first.

    A single trajectory has one thread: the second costs more than it helps with 1,000 numbers.
    """
    single = len(problem.phases) == 1
    threads = 1 if single else THREADS
    frequencies, theta = (
        torch.from_numpy(np.ascontiguousarray(given[0] if single else given.T))
        for given in (problem.frequencies, problem.phases)
    )
    flow = WAYS[way](problem.graph, problem.coupling, frequencies)
    times = torch.tensor([0.0, problem.end], dtype=torch.float64)
    tolerance = problem.tolerance
    work = partial(odeint, flow, theta, times, rtol=tolerance, atol=tolerance, method="dopri5")
    return solver(
        f"dopri5, {way}" + ("" if single else ", one step size for all"),
        partial(without_gradient, work, threads),
        lambda states: states[-1].numpy()[None] if single else states[-1].numpy().T,
        compile_seconds=warmed(way, flow, theta, threads),
    )


def dense_flow(matrix: torch.Tensor, frequencies: torch.Tensor) -> Callable:
    """The flow with a symmetric matrix; trajectories, if any, come first."""

    def flow(_: torch.Tensor | float, theta: torch.Tensor) -> torch.Tensor:
        cos, sin = torch.cos(theta), torch.sin(theta)
        return frequencies + cos * (sin @ matrix) - sin * (cos @ matrix)

    return flow


def dense(problem: Dense) -> Solver:
    """One evaluation."""
    flow = dense_flow(torch.from_numpy(problem.matrix), torch.from_numpy(problem.frequencies))
    theta = torch.from_numpy(problem.phases)
    return solver("PyTorch, cos/sin and products", partial(without_gradient, lambda: flow(0.0, theta)))


def step(problem: Ensemble) -> Solver:
    """A step of its fourth-order method, which is the one with three eighths: equal to the order that matters here."""
    flow = dense_flow(torch.from_numpy(problem.matrix), torch.from_numpy(problem.frequencies))
    theta, times = torch.from_numpy(problem.phases), torch.tensor([0.0, problem.dt])
    work = partial(odeint, flow, theta, times, method="rk4")
    return solver("rk4, cos/sin and products", partial(without_gradient, work), lambda states: states[-1].numpy())


def edges(way: str, problem: Edges) -> Solver:
    """One evaluation."""
    flow = WAYS[way](problem.graph, problem.coupling, torch.from_numpy(problem.frequencies))
    theta = torch.from_numpy(problem.phases)
    seconds = warmed(way, flow, theta)
    time = torch.zeros(())
    return solver(f"PyTorch, {way}", partial(without_gradient, lambda: flow(time, theta)), compile_seconds=seconds)


SOLVERS = {
    "sparse": tuple(partial(sparse, way) for way in WAYS),
    "sparse_many": tuple(partial(sparse, way) for way in ("CSR product", "edge list, compiled")),
    "dense": (dense,),
    "ensemble": (step,),
    "edges": tuple(partial(edges, way) for way in ("CSR product", "edge list, compiled")),
}
CANNOT: dict[str, str] = {}
