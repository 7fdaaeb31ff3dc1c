"""Makes the data files of this folder: a power grid, a connectome, a fish, a start for a chimera, and a Sudoku board.

Everything is drawn from seeds, so running this again gives the same arrays:

    python specs/data/make.py [folder]

`README.md` in this folder says what the files hold.
"""

from __future__ import annotations

import sys
from pathlib import Path

import networkx as nx
import numpy as np
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.spatial import Delaunay
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

GRID_SEED = 22
AREA_BUSES = (74, 46)  # south, north
AREA_LINES = (102, 63)
AREA_GENERATORS = (16, 14)
TIE_CAPACITY = 4.0
TRANSFER = 8.8  # power that the north sends to the south: more than two ties can carry, less than three

CONNECTOME_SEED = 0
REGIONS_PER_HEMISPHERE = 45
SEMI_AXES = (65.0, 85.0, 60.0)  # mm: half the width, length and height of a brain
DECAY_LENGTH = 24.0  # mm
TORTUOSITY = 1.2  # length of a fibre over the distance between its ends

SITES = 64

RING = 256

SUDOKU_SEED, SUDOKU_BLANKS = 0, 40


def spread_points(generator: np.random.Generator, count: int, low: Array, high: Array) -> Array:
    """Random points that keep apart: each is the loneliest of eight uniform candidates, [count, 2]."""
    points = generator.uniform(low, high, (1, 2))
    while len(points) < count:
        candidates = generator.uniform(low, high, (8, 2))
        loneliest = cdist(candidates, points).min(axis=1).argmax()
        points = np.vstack([points, candidates[loneliest]])
    return points


def meshed_area(points: Array, lines: int) -> list[tuple[int, int]]:
    """A planar grid on points in km: a minimum spanning tree, then lines where the detour is longest.

    Candidates are the edges of the Delaunay triangulation. A line is built between the two buses for which
    (way through the grid + 60 km) / (distance + 10 km) is largest, until there are enough. The idea of trading
    redundancy against length is that of Schultz, Heitzig & Kurths (2014), Eur. Phys. J. Spec. Top. 223.
    """
    triangles = Delaunay(points).simplices
    pairs = np.sort(np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]]), axis=1)
    candidates = {(a, b): float(np.linalg.norm(points[a] - points[b])) for a, b in np.unique(pairs, axis=0).tolist()}
    possible = nx.Graph()
    possible.add_weighted_edges_from((a, b, length) for (a, b), length in candidates.items())
    grid = nx.Graph(nx.minimum_spanning_tree(possible))
    while grid.number_of_edges() < lines:
        way = dict(nx.all_pairs_dijkstra_path_length(grid))
        free = [pair for pair in candidates if not grid.has_edge(*pair)]
        best = max(free, key=lambda pair: (way[pair[0]][pair[1]] + 60) / (candidates[pair] + 10))
        grid.add_edge(*best, weight=candidates[best])
    return sorted((min(pair), max(pair)) for pair in grid.edges)


def tie_lines(south: Array, north: Array) -> list[tuple[int, int]]:
    """Three lines between the areas: short ones, near 100, 300 and 500 km from the west."""
    ties = []
    for east in (100.0, 300.0, 500.0):
        off = np.abs((south[:, None, 0] + north[None, :, 0]) / 2 - east)
        a, b = np.unravel_index((cdist(south, north) + off).argmin(), off.shape)
        ties.append((int(a), len(south) + int(b)))
    return ties


def injections(generator: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """Power fed in at each bus, summing to zero, and which buses have a generator.

    Every bus draws 0.3 to 1. The generators of an area cover its loads, less (south) or plus (north) the transfer.
    """
    loads = np.round(generator.uniform(0.3, 1.0, sum(AREA_BUSES)), 3)
    power, generates = -loads, np.zeros(len(loads), dtype=bool)
    first = 0
    for buses, count, extra in zip(AREA_BUSES, AREA_GENERATORS, (-TRANSFER, TRANSFER), strict=True):
        plants = generator.choice(np.arange(first, first + buses), count, replace=False)
        shares = generator.uniform(1.0, 2.0, count)
        power[plants] += np.round(shares / shares.sum() * (loads[first : first + buses].sum() + extra), 3)
        generates[plants] = True
        first += buses
    power[np.flatnonzero(generates)[-1]] -= power.sum()
    return np.round(power, 3), generates


def phase_differences(edges: Indices, weights: Array, power: Array) -> Array | None:
    """Phase differences theta_b - theta_a over the lines in the synchronous state, [line], or None where there is none.

    Solves P_i + sum_j K_ij sin(theta_j - theta_i) = 0 while the power is raised in twenty steps, so that the solution
    is the one that grows from all phases equal; it counts while every difference is below a quarter turn.
    """
    incidence = np.zeros((len(power), len(edges)))
    incidence[edges[:, 0], np.arange(len(edges))] = 1.0
    incidence[edges[:, 1], np.arange(len(edges))] = -1.0
    free = incidence[1:]  # bus 0 keeps phase 0
    phases = np.zeros(len(power) - 1)
    for share in np.linspace(0.05, 1.0, 20):
        found = root(
            lambda theta, share=share: share * power[1:] - free @ (weights * np.sin(free.T @ theta)),
            phases,
            jac=lambda theta: -(free * (weights * np.cos(free.T @ theta))) @ free.T,
        )
        phases = found.x
        if not found.success or (np.cos(free.T @ phases) <= 0).any():
            return None
    return -free.T @ phases


def carries(edges: Indices, weights: Array, power: Array) -> bool:
    """Whether any flow within the capacities balances the power; if not, no synchronous state exists of any kind."""
    network = nx.DiGraph()
    for (a, b), capacity in zip(edges.tolist(), weights.tolist(), strict=True):
        network.add_edge(a, b, capacity=capacity)
        network.add_edge(b, a, capacity=capacity)
    for bus, value in enumerate(power.tolist()):
        network.add_edge(*(("in", bus) if value > 0 else (bus, "out")), capacity=abs(value))
    return bool(nx.maximum_flow_value(network, "in", "out") > power[power > 0].sum() - 1e-9)


def power_grid() -> tuple[dict[str, NDArray], int, int]:
    """The grid, the line without which it falls apart, and a line that it can spare."""
    generator = np.random.default_rng(GRID_SEED)
    south = spread_points(generator, AREA_BUSES[0], np.array([0.0, 0.0]), np.array([600.0, 380.0]))
    north = spread_points(generator, AREA_BUSES[1], np.array([0.0, 400.0]), np.array([600.0, 640.0]))
    northern = [(a + len(south), b + len(south)) for a, b in meshed_area(north, AREA_LINES[1])]
    edges = np.array(meshed_area(south, AREA_LINES[0]) + northern + tie_lines(south, north))
    power, generates = injections(generator)
    weights = np.round(9.0 * generator.uniform(0.75, 1.25, len(edges)), 2)
    weights[-3:] = TIE_CAPACITY
    mass = np.where(generates, 1.0, 0.5)
    grid = {
        "edges": edges,
        "weights": weights,
        "power": power,
        "mass": mass,
        "damping": 0.4 * mass,
        "positions": np.round(np.vstack([south, north]), 1),
    }
    return grid, *lines_to_cut(edges, weights, power)


def lines_to_cut(edges: Indices, weights: Array, power: Array) -> tuple[int, int]:
    """The most loaded line that the grid cannot do without, and the most loaded one that it can.

    Bridges are left out: cutting one always parts the grid.

    Raises:
        RuntimeError: when the grid does not synchronise, or has no line of the two sorts.
    """
    differences = phase_differences(edges, weights, power)
    if differences is None:
        raise RuntimeError(f"the grid of seed {GRID_SEED} has no synchronous state")
    bridges = {frozenset(pair) for pair in nx.bridges(nx.Graph(edges.tolist()))}
    vital = spare = None
    for line in np.argsort(-np.abs(np.sin(differences))):
        if frozenset(edges[line].tolist()) in bridges:
            continue
        rest = np.delete(edges, line, axis=0), np.delete(weights, line), power
        if vital is None and not carries(*rest):
            vital = int(line)
        if spare is None and phase_differences(*rest) is not None:
            spare = int(line)
        if vital is not None and spare is not None:
            return vital, spare
    raise RuntimeError(f"the grid of seed {GRID_SEED} has no line to cut")


def without_line(grid: dict[str, NDArray], line: int) -> dict[str, NDArray]:
    """The grid less a line, and the two buses that the line joined, under `removed`."""
    cut = {name: np.delete(grid[name], line, axis=0) for name in ("edges", "weights")}
    return {**grid, **cut, "removed": grid["edges"][line]}


def region_positions(generator: np.random.Generator) -> Array:
    """Centres of regions in mm (right, front, up): a golden spiral over half an ellipsoid, and its mirror image."""
    turn = np.arange(REGIONS_PER_HEMISPHERE) + 0.5
    right = 0.12 + 0.88 * turn / REGIONS_PER_HEMISPHERE
    angle = np.pi * (1 + np.sqrt(5)) * turn
    radius = np.sqrt(1 - right**2)
    half = np.stack([right, radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    half = (half + generator.normal(0, 0.03, half.shape)) * SEMI_AXES
    return np.vstack([half * [-1, 1, 1], half])


def connectome() -> dict[str, NDArray]:
    """Weights that fall off with distance, log-normal, weaker across the midline but for links to the mirror region.

    The quarter of the pairs with the largest weights is kept.
    """
    generator = np.random.default_rng(CONNECTOME_SEED)
    positions = region_positions(generator)
    distance = cdist(positions, positions)
    noise = generator.normal(size=distance.shape)
    weights = np.exp(-distance / DECAY_LENGTH + 0.6 * (noise + noise.T) / np.sqrt(2))
    left = np.arange(len(positions)) < REGIONS_PER_HEMISPHERE
    weights[left[:, None] != left] *= 0.15
    np.fill_diagonal(weights, 0)
    region = np.flatnonzero(left)
    mirror = region + REGIONS_PER_HEMISPHERE
    second_strongest = np.sort(weights, axis=1)[:, -2]
    homotopic = 0.4 * np.median(second_strongest) * np.exp(generator.normal(0, 0.6, len(region)))
    weights[region, mirror] = weights[mirror, region] = homotopic
    weights[weights < np.quantile(weights[np.triu_indices_from(weights, 1)], 0.75)] = 0
    weights /= weights.sum(axis=1).max()
    return {
        "weights": weights.astype(np.float32),
        "lengths": np.where(weights > 0, TORTUOSITY * distance, 0).astype(np.float32),
        "positions": positions.astype(np.float32),
    }


def fish_mask() -> NDArray[np.bool_]:
    """A fish that swims to the left, [y, x], y downwards: the sites whose centres lie in one of its outlines."""
    move, line, curve = Outline.MOVETO, Outline.LINETO, Outline.CURVE4
    body = Outline(
        [(4, 33), (12, 14), (34, 12), (47, 29), (50, 31), (50, 35), (47, 37), (34, 52), (12, 50), (4, 33)],
        [move] + [curve] * 3 + [line] * 3 + [curve] * 3,
    )
    tail_above = [(46, 33), (50, 29), (54, 20), (61, 14), (60, 22), (56, 29), (56, 33)]
    tail_below = [(56, 37), (60, 44), (61, 52), (54, 46), (50, 37), (46, 33)]
    tail = Outline([*tail_above, *tail_below], [move] + [curve] * 12)
    back_fin = Outline([(19, 20), (24, 11), (30, 8), (37, 8), (34, 11), (35, 16), (38, 22)], [move] + [curve] * 6)
    belly_fin = Outline([(24, 45), (26, 51), (29, 55), (34, 57), (33, 53), (33, 49), (35, 43)], [move] + [curve] * 6)
    y, x = np.mgrid[:SITES, :SITES] + 0.5
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    inside = [outline.contains_points(centres) for outline in (body, tail, back_fin, belly_fin)]
    return np.any(inside, axis=0).reshape(SITES, SITES)


def fish() -> dict[str, NDArray]:
    """A fish and the stimulus that holds the water around it."""
    mask = fish_mask()
    water = np.where(mask, 0.0, 1.0).astype(np.float32)[:, :, None, None]
    return {"mask": mask, "stimulus": np.repeat(water, 4, axis=2), "stimulus_2": np.repeat(water, 2, axis=2)}


def chimera() -> dict[str, NDArray]:
    """Phases on a ring that are random in one part of it: from there the ring falls into a chimera state."""
    x = -np.pi + 2 * np.pi * np.arange(RING) / RING
    spread = 6 * np.exp(-0.76 * x**2)
    return {"bump": spread * np.random.default_rng(0).uniform(-0.5, 0.5, RING)}


def sudoku() -> dict[str, NDArray]:
    """What excludes what in Sudoku, and a board.

    Oscillator 9 c + d stands for digit d + 1 in cell c. Two are joined when they cannot both be on: in one cell, or of
    one digit in one row, column or box; twice where a row or column and a box say so.
    """
    cells = np.arange(81)
    row, column = cells // 9, cells % 9
    box = 3 * (row // 3) + column // 3
    same = sum((group[:, None] == group).astype(float) for group in (row, column, box))
    np.fill_diagonal(same, 0)
    matrix = np.kron(same, np.eye(9)) + np.kron(np.eye(81), 1 - np.eye(9))
    edges = np.argwhere(np.triu(matrix))
    generator = np.random.default_rng(SUDOKU_SEED)
    bands = lambda: np.concatenate([3 * b + generator.permutation(3) for b in generator.permutation(3)])  # noqa: E731
    solution = (3 * (row % 3) + row // 3 + column) % 9
    solution = generator.permutation(9)[solution.reshape(9, 9)[bands()][:, bands()]].ravel()
    blank = generator.permutation(81)[:SUDOKU_BLANKS]
    on = np.eye(9)[solution]
    stimulus = 15 * (2 * on - 1)
    stimulus[blank] = -7
    given = np.where(np.isin(cells, blank), 0, solution + 1)
    weights = -matrix[edges[:, 0], edges[:, 1]]
    return {"edges": edges, "weights": weights, "stimulus": stimulus.ravel(), "board": given, "solution": solution + 1}


def main(folder: Path) -> None:
    """Write all files into a folder."""
    grid, vital, spare = power_grid()
    np.savez_compressed(folder / "power_grid.npz", **grid)
    np.savez_compressed(folder / "power_grid_cut.npz", **without_line(grid, vital))
    np.savez_compressed(folder / "power_grid_cut_safe.npz", **without_line(grid, spare))
    np.savez_compressed(folder / "connectome.npz", **connectome())
    np.savez_compressed(folder / "fish.npz", **fish())
    np.savez_compressed(folder / "chimera.npz", **chimera())
    np.savez_compressed(folder / "sudoku.npz", **sudoku())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
