"""The problems, as data: phase oscillators on graphs and with dense matrices, all drawn from seeds.

Every problem has frequencies and phases, a reference answer, and a distance from it that still counts as the same
answer. The flow is always

    d theta_i / dt = frequency_i + sum_j K_ij sin(theta_j - theta_i)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import networkx
import numpy as np
from scipy.integrate import solve_ivp
from scipy.sparse import csr_array

DEGREE = 8
SIZE, TRAJECTORIES = 1000, 64
SPREAD, COUPLING = 0.5, 0.15
"""With these the order parameter is about 0.5 after 20 time units: some oscillators lock, most still drift."""
ENSEMBLE, MEMBERS = 1000, 100


@dataclass(frozen=True)
class Graph:
    """A symmetric graph without weights, as a compressed matrix with 32-bit indices.

    Attributes:
        starts: Where the neighbours of each node begin, and the end of the last ones.
        columns: The neighbours, node by node.
    """

    starts: np.ndarray
    columns: np.ndarray

    @property
    def nodes(self) -> int:
        """How many nodes."""
        return len(self.starts) - 1

    @property
    def edges(self) -> int:
        """How many edges, those of both directions counted."""
        return len(self.columns)

    @cached_property
    def rows(self) -> np.ndarray:
        """The node that each entry of `columns` is a neighbour of."""
        return np.repeat(np.arange(self.nodes, dtype=np.int32), np.diff(self.starts))

    def matrix(self, dtype: type) -> csr_array:
        """Return the adjacency matrix for SciPy."""
        ones = np.ones(self.edges, dtype)
        return csr_array((ones, self.columns, self.starts), shape=(self.nodes, self.nodes))


@dataclass(frozen=True)
class Problem:
    """What all problems have.

    Attributes:
        kind: The key of a peer's solvers.
        name: The kind, and the size where there are several.
        frequencies: In radians per time.
        phases: The initial ones, of the same shape.
        allowed: The largest distance from the reference.
    """

    kind: str
    name: str
    frequencies: np.ndarray
    phases: np.ndarray
    allowed: float

    def distance(self, answer: np.ndarray) -> float:
        """Return the largest distance of an answer from the reference, for phases modulo 2 pi."""
        turned = np.asarray(answer, np.float64) - self.reference
        return float(np.abs(np.angle(np.exp(1j * turned))).max())

    @cached_property
    def reference(self) -> np.ndarray:
        """The answer, in double precision."""
        raise NotImplementedError


@dataclass(frozen=True)
class Sparse(Problem):
    """Trajectories on one graph, with own frequencies and phases each, to one end: the answer is the last state."""

    graph: Graph
    coupling: float = COUPLING
    end: float = 20.0
    tolerance: float = 1e-6

    def part(self, chosen: slice) -> Sparse:
        """Return the problem with some of the trajectories."""
        return replace(self, frequencies=self.frequencies[chosen], phases=self.phases[chosen])

    @cached_property
    def reference(self) -> np.ndarray:
        """Each trajectory by itself, with a tolerance of 1e-10."""
        matrix = self.graph.matrix(np.float64)
        states = []
        for frequencies, phases in zip(self.frequencies, self.phases, strict=True):
            flow = sparse_flow(matrix, frequencies, self.coupling)
            solution = solve_ivp(flow, (0, self.end), phases, "DOP853", t_eval=[self.end], rtol=1e-10, atol=1e-10)
            states.append(solution.y[:, -1])
        return np.stack(states)


@dataclass(frozen=True)
class Dense(Problem):
    """One evaluation of the flow with a symmetric matrix."""

    matrix: np.ndarray

    @cached_property
    def reference(self) -> np.ndarray:
        """The double sum as it is written."""
        theta = self.phases.astype(np.float64)
        return self.frequencies + (self.matrix * np.sin(theta - theta[:, None])).sum(1)

    def distance(self, answer: np.ndarray) -> float:
        """Return the largest difference, over the largest derivative."""
        return relative(answer, self.reference)


@dataclass(frozen=True)
class Ensemble(Problem):
    """One step of the classical Runge-Kutta method for many trajectories with one symmetric matrix."""

    matrix: np.ndarray
    dt: float = 0.01

    @cached_property
    def reference(self) -> np.ndarray:
        """The step in double precision."""
        matrix, theta = self.matrix.astype(np.float64), self.phases.astype(np.float64)
        return rk4(dense_flow(matrix, self.frequencies), theta, self.dt)


@dataclass(frozen=True)
class Edges(Problem):
    """One evaluation of the flow on a graph with many edges."""

    graph: Graph
    coupling: float = COUPLING

    @cached_property
    def reference(self) -> np.ndarray:
        """The product with the adjacency matrix in double precision."""
        flow = sparse_flow(self.graph.matrix(np.float64), self.frequencies, self.coupling)
        return flow(0.0, self.phases.astype(np.float64))

    def distance(self, answer: np.ndarray) -> float:
        """Return the largest difference, over the largest derivative."""
        return relative(answer, self.reference)


def relative(answer: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest difference, over the largest value of the reference."""
    return float(np.abs(answer - reference).max() / np.abs(reference).max())


def sparse_flow(matrix: csr_array, frequencies: np.ndarray, coupling: float) -> Callable:
    """The flow on a graph: two products with its matrix in place of a sine for every edge."""

    def flow(_: float, theta: np.ndarray) -> np.ndarray:
        cos, sin = np.cos(theta), np.sin(theta)
        return frequencies + coupling * (cos * (matrix @ sin) - sin * (matrix @ cos))

    return flow


def dense_flow(matrix: np.ndarray, frequencies: np.ndarray) -> Callable:
    """The flow with a symmetric matrix; trajectories may come first."""

    def flow(theta: np.ndarray) -> np.ndarray:
        cos, sin = np.cos(theta), np.sin(theta)
        return frequencies + cos * (sin @ matrix) - sin * (cos @ matrix)

    return flow


def rk4(flow: Callable, theta: object, dt: float) -> object:
    """Take a step of the classical Runge-Kutta method, with arrays of any library."""
    first = flow(theta)
    second = flow(theta + dt / 2 * first)
    third = flow(theta + dt / 2 * second)
    fourth = flow(theta + dt * third)
    return theta + dt / 6 * (first + 2 * second + 2 * third + fourth)


def sparse(trajectories: int) -> Sparse:
    """The first of 64 trajectories on a random regular graph, or more of them."""
    graph = networkx.random_regular_graph(DEGREE, SIZE, seed=0)
    matrix = networkx.to_scipy_sparse_array(graph, nodelist=range(SIZE), format="csr")
    matrix.sort_indices()
    random = np.random.default_rng(0)
    frequencies = SPREAD * random.normal(size=(TRAJECTORIES, SIZE))
    phases = random.uniform(-np.pi, np.pi, (TRAJECTORIES, SIZE))
    kind = "sparse" if trajectories == 1 else "sparse_many"
    kept = Graph(matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32))
    return Sparse(kind, kind, frequencies[:trajectories], phases[:trajectories], 3e-2, kept)


def drawn(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and phases in single precision."""
    frequencies = random.normal(size=shape).astype(np.float32)
    return frequencies, random.uniform(-np.pi, np.pi, shape).astype(np.float32)


def symmetric(random: np.random.Generator, size: int) -> np.ndarray:
    """A symmetric matrix whose rows have sums of about one, in single precision."""
    matrix = random.normal(size=(size, size)) / np.sqrt(2 * size)
    return (matrix + matrix.T).astype(np.float32)


def dense() -> Dense:
    """1,000 oscillators, every one coupled with every other."""
    random = np.random.default_rng(1)
    return Dense("dense", "dense", *drawn(random, (SIZE,)), 1e-5, symmetric(random, SIZE))


def ensemble() -> Ensemble:
    """1,000 trajectories of 100 oscillators."""
    random = np.random.default_rng(2)
    return Ensemble("ensemble", "ensemble", *drawn(random, (ENSEMBLE, MEMBERS)), 1e-5, symmetric(random, MEMBERS))


def edges(count: int) -> Edges:
    """A graph of four random rings through all nodes: eight neighbours each, and built fast."""
    nodes = count // DEGREE
    random = np.random.default_rng(3)
    columns = np.empty((nodes, DEGREE), np.int32)
    for ring in range(DEGREE // 2):
        order = random.permutation(nodes).astype(np.int32)
        columns[order, 2 * ring] = np.roll(order, 1)
        columns[order, 2 * ring + 1] = np.roll(order, -1)
    columns.sort(axis=1)
    graph = Graph(np.arange(0, nodes * DEGREE + 1, DEGREE, dtype=np.int32), columns.reshape(-1))
    name = f"edges_1e{round(np.log10(count))}"
    return Edges("edges", name, *drawn(random, (nodes,)), 1e-5, graph)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "sparse": lambda: sparse(1),
    "sparse_many": lambda: sparse(TRAJECTORIES),
    "dense": dense,
    "ensemble": ensemble,
    "edges_1e4": lambda: edges(10**4),
    "edges_1e5": lambda: edges(10**5),
    "edges_1e6": lambda: edges(10**6),
    "edges_1e7": lambda: edges(10**7),
}
"""By the name that the command line takes."""
