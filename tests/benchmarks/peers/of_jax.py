"""JAX by hand, compiled: one evaluation or one fixed step, in single precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import sparse

from .interface import Solver, solver, timed
from .problems import Dense, Edges, Ensemble, rk4

NAME, PACKAGES = "jax", ("jax", "jaxlib")

jax.config.update("jax_enable_x64", True)


def compiled(name: str, function: Callable, *given: object) -> Solver:
    """Compile a function for its arguments, apart from running it."""
    machine, seconds = timed(lambda: jax.jit(function).lower(*given).compile())
    return solver(name, lambda: jax.block_until_ready(machine(*given)), compile_seconds=seconds)


def turned(theta: jax.Array) -> jax.Array:
    """Cosines and sines, oscillators first, once for all neighbours (as far as the compiler obeys)."""
    return jax.lax.optimization_barrier(jnp.stack([jnp.cos(theta), jnp.sin(theta)], -1))


def felt(own: jax.Array, near: jax.Array) -> jax.Array:
    """The sum of sines of differences, from own cosines and sines and the sums over the neighbours."""
    return own[..., 0] * near[..., 1] - own[..., 1] * near[..., 0]


def products(matrix: jax.Array, frequencies: jax.Array, theta: jax.Array) -> jax.Array:
    """The flow by products with a symmetric matrix, for one state or, first axis, many."""
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    return frequencies + cos * (sin @ matrix) - sin * (cos @ matrix)


def one_product(matrix: jax.Array, frequencies: jax.Array, theta: jax.Array) -> jax.Array:
    """The flow of one state by one product."""
    own = jnp.stack([jnp.cos(theta), jnp.sin(theta)])
    near = own @ matrix
    return frequencies + own[0] * near[1] - own[1] * near[0]


def pairs(matrix: jax.Array, frequencies: jax.Array, theta: jax.Array) -> jax.Array:
    """The flow by a sine for each pair."""
    return frequencies + (matrix * jnp.sin(theta[..., None, :] - theta[..., :, None])).sum(-1)


def dense(name: str, flow: Callable, problem: Dense) -> Solver:
    """One evaluation."""
    given = (jnp.asarray(problem.matrix), jnp.asarray(problem.frequencies), jnp.asarray(problem.phases))
    return compiled(name, flow, *given)


def scanned_step(flow: Callable, theta: jax.Array, dt: np.float32) -> jax.Array:
    """A step of RK4 as a loop over its stages: without the loop cosines and sines are computed several times over."""
    stages = jnp.asarray([[0, dt / 6], [dt / 2, dt / 3], [dt / 2, dt / 3], [dt, dt / 6]], theta.dtype)

    def stage(carried: tuple[jax.Array, jax.Array], weights: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        slope, reached = carried
        slope = flow(theta + weights[0] * slope)
        return (slope, reached + weights[1] * slope), None

    return jax.lax.scan(stage, (jnp.zeros_like(theta), theta), stages)[0][1]


def step(name: str, flow: Callable, method: Callable, problem: Ensemble) -> Solver:
    """One step of RK4."""
    dt = np.float32(problem.dt)

    def function(matrix: jax.Array, frequencies: jax.Array, theta: jax.Array) -> jax.Array:
        return method(partial(flow, matrix, frequencies), theta, dt)

    return dense(name, function, problem)


def segments(problem: Edges) -> Solver:
    """One evaluation by sums over sorted edges."""
    graph, coupling = problem.graph, np.float32(problem.coupling)

    def flow(rows: jax.Array, columns: jax.Array, frequencies: jax.Array, theta: jax.Array) -> jax.Array:
        own = turned(theta)
        picked = own.at[columns].get(mode="promise_in_bounds")
        near = jax.ops.segment_sum(
            picked, rows, graph.nodes, indices_are_sorted=True, mode=jax.lax.GatherScatterMode.PROMISE_IN_BOUNDS
        )
        return frequencies + coupling * felt(own, near)

    return compiled("segment_sum", flow, *map(jnp.asarray, (graph.rows, graph.columns)), *state(problem))


def sparse_product(problem: Edges) -> Solver:
    """One evaluation by a product with a sparse matrix."""
    graph, coupling = problem.graph, np.float32(problem.coupling)

    def flow(matrix: sparse.BCOO, frequencies: jax.Array, theta: jax.Array) -> jax.Array:
        own = turned(theta)
        return frequencies + coupling * felt(own, matrix @ own)

    ones, places = jnp.ones(graph.edges, jnp.float32), jnp.stack([graph.rows, graph.columns], 1)
    matrix = sparse.BCOO((ones, places), shape=(graph.nodes, graph.nodes), indices_sorted=True)
    return compiled("BCOO product", flow, matrix, *state(problem))


def state(problem: Edges) -> tuple[jax.Array, jax.Array]:
    """Frequencies and phases."""
    return jnp.asarray(problem.frequencies), jnp.asarray(problem.phases)


SOLVERS = {
    "dense": (
        partial(dense, "cos/sin and one product", one_product),
        partial(dense, "a sine for each pair", pairs),
    ),
    "ensemble": (
        partial(step, "RK4 as a scan, cos/sin and products", products, scanned_step),
        partial(step, "RK4, cos/sin and products", products, rk4),
        partial(step, "RK4, a sine for each pair", pairs, rk4),
    ),
    "edges": (segments, sparse_product),
}
CANNOT = {
    "sparse": "its own solver has nothing over diffrax",
    "sparse_many": "its own solver has nothing over diffrax",
}
