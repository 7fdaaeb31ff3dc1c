"""Graphs that networkx makes or reads: its generators, and GraphML files."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import networkx as nx
import numpy as np

from oscillo.graphs.edges import Edges

_FEW = 8
"""The `n` by which a generator shows what that is; `random_internet_as_graph` has a core of up to seven nodes and more
around it."""


@cache
def generators() -> list[str]:
    """Names of networkx's generators, without functions that change or test a graph that they are given."""
    return [name for name in dir(nx) if not name.startswith("_") and _generates(getattr(nx, name))]


def _generates(function: Any) -> bool:
    if not callable(function) or "generators" not in str(getattr(function, "__module__", "")).split("."):
        return False
    first = next(iter(inspect.signature(function).parameters), None)
    return first != "G"


def nearest_generators(name: str) -> list[str]:
    """Generators whose names are near, best first."""
    return get_close_matches(name, generators(), n=3)


def generate(name: str, parameters: dict[str, Any], nodes: int, *, directed: bool) -> Edges:
    """Edges of a generated graph.

    Args:
        name: a generator of networkx.
        parameters: its arguments; an `n` that is not there is the number of nodes, where it means that.
        nodes: number of oscillators.
        directed: whether a generator that can make directed graphs is asked for one.

    Raises:
        ValueError: when the generator is random and has no seed, takes an `n` that is something else than the number
            of nodes, fails, or gives something else than a graph.
    """
    function = getattr(nx, name)
    known, arguments = inspect.signature(function).parameters, dict(parameters)
    if "seed" in known and arguments.get("seed") is None:
        raise ValueError(f"`{name}` is random: give it a `seed` among its parameters")
    if directed and "directed" in known:
        arguments.setdefault("directed", True)
    elif directed and "create_using" in known:
        arguments.setdefault("create_using", nx.DiGraph)
    if "n" in known and "n" not in arguments:
        if not _n_counts_nodes(name):
            raise ValueError(f"the `n` of `{name}` is not its number of nodes: give `n` among the parameters")
        arguments["n"] = nodes
    try:
        graph = function(**arguments)
    except Exception as error:  # what a generator raises for arguments that it cannot take is its own
        asked = " with `directed: true`" if directed else ""
        raise ValueError(f"`{name}` makes no graph of these parameters{asked}: {error}") from error
    if not isinstance(graph, nx.Graph):
        raise ValueError(f"`{name}` gives no graph, but {type(graph).__name__}")
    return _edges_of(graph, f"`{name}`")


@cache
def _n_counts_nodes(name: str) -> bool:
    """Whether the `n` of a generator is the number of nodes, as far as a small graph tells.

    A hypercube has 2^n nodes: one of n = 64 oscillators would never be done.
    """
    function = getattr(nx, name)
    known = inspect.signature(function).parameters.values()
    needed = [one.name for one in known if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    seed = [one.name for one in known if one.name == "seed"]
    # Twos for the others: a user's own arguments may ask so much of few nodes that a generator would search for ever.
    arguments = dict.fromkeys([*needed, *seed], 2) | {"n": _FEW}
    try:
        graph = function(**arguments)
    except Exception:  # what it needs is no number, or another one
        return True
    return not isinstance(graph, nx.Graph) or len(graph) == _FEW


def read_graphml(path: Path) -> Edges:
    """Edges of a GraphML file, with the attributes `weight` (one where there is none) and `length`.

    Nodes named 0 to n - 1 keep their numbers; other names are numbered in the order of the file.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is not GraphML, or an attribute is not a number.
    """
    try:
        graph = nx.read_graphml(path)
    except (ParseError, nx.NetworkXError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not GraphML: {error}") from error
    return _edges_of(graph, str(path))


def _edges_of(graph: nx.Graph, origin: str) -> Edges:
    rows = list(graph.edges(data=True))
    arrow = "->" if graph.is_directed() else "-"

    def place(row: int) -> str:
        return f"{origin}, edge {rows[row][0]} {arrow} {rows[row][1]}"

    own = {str(number): number for number in range(len(graph))}
    keeps = all(str(label) in own for label in graph)
    number = {label: own[str(label)] if keeps else k for k, label in enumerate(graph)}
    sources, targets = (np.fromiter((number[row[end]] for row in rows), np.int64, len(rows)) for end in (0, 1))
    has_length = ["length" in data for _, _, data in rows]
    if any(has_length) and not all(has_length):
        without, first = has_length.count(False), place(has_length.index(False))
        raise ValueError(
            f"{first}: the edge has no length, and others have one ({without} of {len(rows)} edges without)"
        )
    form = "directed" if graph.is_directed() else "undirected"
    edges = Edges(sources, targets, np.ones(len(rows)), None, form, origin, place, len(graph))
    weights = _numbers(edges, "weight", [data.get("weight", 1.0) for _, _, data in rows])
    lengths = _numbers(edges, "length", [data["length"] for _, _, data in rows]) if any(has_length) else None
    return edges._replace(weights=weights, lengths=lengths)


def _numbers(edges: Edges, name: str, values: list[Any]) -> np.ndarray:
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"{edges.place(row)}: {name} {value!r} is not a number") from None
    return numbers
