"""Oscillo: networks from declarations, steps and evaluations compiled, as the command line runs them."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse as scipy_sparse
from torch import Tensor

import oscillo
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.stacking import Stack

from . import THREADS
from .interface import Solver, solver, timed
from .problems import Dense, Edges, Ensemble, Graph, Sparse

NAME, PACKAGES = "ours", ("oscillo", "torch")

torch.set_num_threads(THREADS)


def layer_of(coupling: dict[str, Any], integrator: dict[str, Any], frequencies: np.ndarray) -> OscillatorLayer:
    """Phases with those frequencies, [oscillator] or [trajectory, oscillator], in the type of the frequencies."""
    dtype = torch.from_numpy(frequencies[:0]).dtype
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        network = oscillo.build(
            {
                "sites": [],
                "layers": [
                    {
                        "manifold": {"kind": "circle"}, "oscillators": frequencies.shape[-1],
                        "frequency": {"kind": "per_oscillator"}, "coupling": coupling, "integrator": integrator,
                        "stimulus": {"kind": "none"}, "readout": {"kind": "state"},
                    }
                ],
            }
        )  # fmt: skip
    finally:
        torch.set_default_dtype(before)
    layer = network.requires_grad_(False).layers[0]
    assert isinstance(layer, OscillatorLayer)
    each = torch.from_numpy(np.atleast_2d(frequencies))
    stack = Stack(with_frequencies(layer, each[0]))
    for one in each[1:]:
        stack.add(with_frequencies(layer, one))
    return stack.module(axes=3)


def with_frequencies(layer: OscillatorLayer, frequencies: Tensor) -> OscillatorLayer:
    """The same layer with other frequencies."""
    found = copy.deepcopy(layer)
    found.oscillators.frequency.omega = torch.nn.Parameter(frequencies[None], requires_grad=False)
    return found


def graph_coupling(graph: Graph, strength: float) -> dict[str, Any]:
    """The graph from a file, as users give it."""
    file = Path(tempfile.mkdtemp()) / "graph.npz"
    scipy_sparse.save_npz(file, scipy_sparse.csr_matrix(graph.matrix(np.float64)))
    return {"kind": "graph", "file": str(file), "strength": strength}


def dense_coupling(matrix: np.ndarray) -> dict[str, Any]:
    """The matrix from a file."""
    file = Path(tempfile.mkdtemp()) / "matrix.npy"
    np.save(file, matrix)
    return {"kind": "dense", "weights": str(file)}


def ready(name: str, run: Callable[[], Tensor], per_run: int = 1) -> Solver:
    """Compile by a first run that is not counted as one."""
    without = torch.no_grad()(run)
    _, seconds = timed(without)
    _, again = timed(without)
    return solver(
        name, without, lambda found: found.numpy(), compile_seconds=max(0.0, seconds - again), per_run=per_run
    )


def adaptive(problem: Sparse) -> Solver:
    """All trajectories as one batch, each with its own steps."""
    integrator = {
        "kind": "dopri5", "rtol": problem.tolerance, "atol": problem.tolerance, "step_size": problem.end, "steps": 1,
    }  # fmt: skip
    layer = layer_of(graph_coupling(problem.graph, problem.coupling), integrator, problem.frequencies)
    layer.compile(dynamic=False)
    phases = torch.from_numpy(problem.phases)[:, None]
    start = torch.zeros((), dtype=torch.float64)

    def run() -> Tensor:
        state, _ = layer(layer.initial_state(phases), None, start, layer.dt)
        return state["x"][:, 0]

    return ready("dopri5, a step size for each", run)


def evaluation(problem: Dense | Edges, coupling: dict[str, Any], *, compiled: bool) -> Solver:
    """One evaluation of the right-hand side."""
    layer = layer_of(coupling, {"kind": "rk4"}, problem.frequencies)
    state = layer.initial_state(torch.from_numpy(problem.phases)[None, None])
    flow = torch.compile(layer.oscillators.evaluate, dynamic=False) if compiled else layer.oscillators.evaluate
    how = "compiled" if compiled else "not compiled"
    return ready(f"one evaluation, {how}", lambda: flow(state).velocity[0, 0])


def step(problem: Ensemble) -> Solver:
    """One step of all trajectories."""
    layer = layer_of(dense_coupling(problem.matrix), {"kind": "rk4", "step_size": problem.dt}, problem.frequencies)
    layer.compile(dynamic=False)
    state, start = layer.initial_state(torch.from_numpy(problem.phases)[:, None]), torch.zeros((), dtype=torch.float64)
    return ready("rk4, compiled", lambda: layer(state, None, start, layer.dt)[0]["x"][:, 0])


SOLVERS = {
    "sparse": (adaptive,),
    "sparse_many": (adaptive,),
    "dense": (
        lambda problem: evaluation(problem, dense_coupling(problem.matrix), compiled=False),
        lambda problem: evaluation(problem, dense_coupling(problem.matrix), compiled=True),
    ),
    "ensemble": (step,),
    "edges": (
        lambda problem: evaluation(problem, graph_coupling(problem.graph, problem.coupling), compiled=False),
        lambda problem: evaluation(problem, graph_coupling(problem.graph, problem.coupling), compiled=True),
    ),
}
CANNOT: dict[str, str] = {}
