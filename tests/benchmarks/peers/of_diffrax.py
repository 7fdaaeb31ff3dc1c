"""Diffrax: compiled adaptive solvers in JAX, with a sparse product.

Of the ways to write the flow on a graph in JAX (gathered neighbours, `segment_sum` of sines or of cosines and sines,
BCOO, BCSR and dense products, a sine for each undirected edge) the BCOO product with cosines and sines side by side
was the fastest within the solver.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import diffrax
import jax
import jax.numpy as jnp
from jax.experimental import sparse
from jax.sharding import NamedSharding, PartitionSpec

from . import THREADS
from .interface import Solver, solver, timed
from .problems import Sparse

NAME, PACKAGES = "diffrax", ("diffrax", "jax", "jaxlib")

jax.config.update("jax_enable_x64", True)


def flow_of(problem: Sparse) -> Callable:
    """The flow of one trajectory, or, with oscillators on the first axis, of several."""
    matrix = sparse.BCOO.from_scipy_sparse(problem.graph.matrix(float).tocoo()).sort_indices()

    def flow(_: object, theta: jax.Array, frequencies: jax.Array) -> jax.Array:
        own = jnp.concatenate([jnp.cos(theta)[..., None], jnp.sin(theta)[..., None]], -1)
        own = jax.lax.optimization_barrier(own)
        near = (matrix @ own.reshape(own.shape[0], -1)).reshape(own.shape)
        return frequencies + problem.coupling * (own[..., 0] * near[..., 1] - own[..., 1] * near[..., 0])

    return flow


def solution_of(problem: Sparse, method: diffrax.AbstractSolver) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The last state, as a function of frequencies and phases."""
    term = diffrax.ODETerm(flow_of(problem))
    controller = diffrax.PIDController(rtol=problem.tolerance, atol=problem.tolerance)

    def solve(frequencies: jax.Array, theta: jax.Array) -> jax.Array:
        found = diffrax.diffeqsolve(
            term,
            method,
            t0=0.0,
            t1=problem.end,
            dt0=None,
            y0=theta,
            args=frequencies,
            saveat=diffrax.SaveAt(t1=True),
            stepsize_controller=controller,
            max_steps=None,
        )
        return found.ys[-1]

    return solve


def compiled(name: str, function: Callable, frequencies: jax.Array, theta: jax.Array) -> Solver:
    """Compile a function for all trajectories, apart from running it."""
    machine, seconds = timed(lambda: jax.jit(function).lower(frequencies, theta).compile())
    return solver(name, lambda: jax.block_until_ready(machine(frequencies, theta)), compile_seconds=seconds)


def one(method: diffrax.AbstractSolver, problem: Sparse) -> Solver:
    """One trajectory."""
    solve = solution_of(problem, method)

    def function(frequencies: jax.Array, theta: jax.Array) -> jax.Array:
        return solve(frequencies[0], theta[0])[None]

    name = f"{type(method).__name__}, BCOO product"
    return compiled(name, function, jnp.asarray(problem.frequencies), jnp.asarray(problem.phases))


def mapped(problem: Sparse) -> Solver:
    """All trajectories side by side, with a step size each."""
    solve = jax.vmap(solution_of(problem, diffrax.Tsit5()))
    return compiled("Tsit5, vmapped", solve, jnp.asarray(problem.frequencies), jnp.asarray(problem.phases))


def on_devices(name: str, solve: Callable, problem: Sparse) -> Solver:
    """Half of the trajectories on each of two devices, which are two threads."""
    mesh = jax.make_mesh((THREADS,), ("trajectory",))
    split = PartitionSpec("trajectory")
    divided = jax.shard_map(solve, mesh=mesh, in_specs=(split, split), out_specs=split, check_vma=False)
    place = partial(jax.device_put, device=NamedSharding(mesh, split))
    return compiled(name, divided, place(problem.frequencies), place(problem.phases))


def one_after_another(problem: Sparse) -> Solver:
    """A loop over trajectories, with a step size each."""
    solve = solution_of(problem, diffrax.Tsit5())

    def function(frequencies: jax.Array, theta: jax.Array) -> jax.Array:
        return jax.lax.map(lambda pair: solve(*pair), (frequencies, theta))

    return on_devices("Tsit5, each alone, two devices", function, problem)


def together(problem: Sparse) -> Solver:
    """One state with one step size, oscillators first: the graph is read once for all."""
    solve = solution_of(problem, diffrax.Tsit5())

    def function(frequencies: jax.Array, theta: jax.Array) -> jax.Array:
        return solve(frequencies.T, theta.T).T

    return on_devices("Tsit5, one step size for a half, two devices", function, problem)


SOLVERS = {
    "sparse": (partial(one, diffrax.Tsit5()), partial(one, diffrax.Dopri5())),
    "sparse_many": (mapped, one_after_another, together),
}
CANNOT = {
    "dense": "an evaluation is JAX's",
    "ensemble": "has no classical Runge-Kutta method",
    "edges": "an evaluation is JAX's",
}
