from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from graph_files import N, file_in, saved, written
from pydantic import ValidationError
from scipy import sparse

from oscillo.graphs import GraphSource
from oscillo.graphs.networkx_graphs import _n_counts_nodes, generators


@pytest.mark.parametrize(
    "line", ["0", "0 x", "0.5 1", "0 1 heavy", "a b", "0 1 2 3 4", "0,,1", "0,1,", "0 1_0", "0 1e300"]
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    source = written(tmp_path, f"0 1\n\n{line}\n2 3\nx\n")
    (problem,) = source.problems_of_graph(N)
    assert f"{source.file}:3: expected `source target [weight [length]]`, found {line!r} (and 1 more" in problem
    with pytest.raises(ValueError, match=r"txt:3: expected"):
        source.read(N)


@pytest.mark.parametrize(
    ("text", "fields", "complaints"),
    [
        ("0 1\n2 6\n", {}, ["txt:2: node 6 is not one of the 6 oscillators, which are counted from 0 to 5"]),
        ("0 -1\n0 7\n", {}, ["txt:1: node -1 is not one of the 6 oscillators", "to 5 (and 1 more such edge)"]),
        ("0 1 nan\n", {}, ["txt:1: weight nan is not a finite number"]),
        ("# a\n0 1 -inf\n", {}, ["txt:2: weight -inf is not a finite number"]),
        ("0 1\n0 2 -1\n", {}, ["txt:2: weight -1 is negative, which takes `signed: true`"]),
        ("0 1 1 -2\n", {}, ["txt:1: length -2 is not a finite number from zero on"]),
        ("0 1 1 2\n1 2 1 nan\n", {}, ["txt:2: length nan is not"]),
        ("0 1 1 2\n1 2 1\n", {}, ["txt:2: the edge has no length, and others have one (1 of 2 edges without)"]),
        ("0 1 2\n1 0 2\n", {}, ["txt holds every edge in both directions", "`directed: true`"]),
        ("3 3\n0 1\n1 0\n", {}, ["txt holds every edge in both directions"]),
        ("0 1\n1 0\n1 2\n2 1\n2 3\n", {}, ["txt:2: 1 0 stands in the list as 0 1 too, with the same weight",
         "(and 1 more such edge): keep one of the two, or set `directed: true` (write edges that are meant"]),
        ("# a\n1 0 2\n2 3\n0 1 0.5\n0 1 1.5\n", {}, ["txt:2: 1 0 stands in the list as 0 1 too"]),
        ("0 1\n1 2\n2 0\n3 4\n", {"connected": True}, ["txt is in 3 pieces", "the smallest has 1 node: 5"]),
        ("0 9\n0 1 nan\n1 2 -3\n", {}, ["txt:1: node 9", "txt:2: weight nan", "txt:3: weight -3"]),
    ],
)  # fmt: skip
def test_lists_of_edges_that_cannot_be_are_refused(
    tmp_path: Path, text: str, fields: dict[str, Any], complaints: list[str]
) -> None:
    told = "\n".join(written(tmp_path, text, **fields).problems_of_graph(N))
    assert all(complaint in told for complaint in complaints), told


def test_signed_weights_and_pieces_are_allowed_where_asked(tmp_path: Path) -> None:
    assert written(tmp_path, "0 1 -1\n", weighted=False).problems_of_graph(N) == []
    assert written(tmp_path, "0 1 -1\n", signed=True, normalization="strength").problems_of_graph(N) == []
    ring = "0 1\n1 2\n3 2\n3 4\n5 4\n"
    assert written(tmp_path, ring, directed=True, connected=True).problems_of_graph(N) == []
    for text in ("0 1\n1 0\n", "0 1\n1 0\n1 2\n"):
        for how in ({"weighted": False}, {"directed": True}):
            assert written(tmp_path, text, **how).problems_of_graph(N) == []


def test_parallel_edges_that_nobody_could_mean_otherwise_are_allowed(tmp_path: Path) -> None:
    for text in ("0 1\n0 1\n1 2\n", "1 0\n1 0\n", "0 1 1\n1 0 0.5\n1 2 1\n", "2 2\n2 2\n"):
        assert written(tmp_path, text).problems_of_graph(N) == []


SQUARE = np.ones((N, N))
PAIRS = np.array([[0, 1], [1, 2]])


@pytest.mark.parametrize(
    ("contents", "fields", "complaint"),
    [
        ({"weights": np.triu(SQUARE, 5) * 3}, {}, "entry [0, 5] is 3 and [5, 0] is 0: set `directed: true`"),
        ({"weights": SQUARE, "lengths": np.tri(N)}, {}, "the length at [0, 1] is 0 and [1, 0] is 1: set `directed"),
        ({"weights": np.ones((4, 4))}, {}, "has 4 nodes, and the layer has 6 oscillators"),
        ({"weights": np.diag([1.0, np.nan] * 3)}, {}, "`weights` [1, 1]: weight nan is not a finite number (and 2"),
        ({"weights": np.ones((4, 5))}, {}, "`weights` is [4, 5], and without `edges` it is [n, n]"),
        ({"weights": SQUARE, "lengths": np.ones(3)}, {}, "`lengths` is [3], and the weights [6, 6]"),
        ({"weights": SQUARE * 1j}, {}, "`weights` holds complex128 and not numbers"),
        ({"edges": np.ones((2, 3), int)}, {}, "`edges` is [2, 3] and not [m, 2]"),
        ({"edges": PAIRS * 1.0}, {}, "`edges` holds float64 and not integers"),
        ({"edges": PAIRS, "weights": np.ones(3)}, {}, "`weights` is [3], and there are 2 edges"),
        ({"edges": PAIRS * 5}, {}, "`edges` [1]: node 10 is not one of the 6"),
        ({"edges": np.r_[PAIRS, PAIRS[1:, ::-1]]}, {}, "`edges` [2]: 2 1 stands in the list as 1 2 too, with the same"),
        ({"case30/edges": PAIRS}, {}, "neither `edges` nor `weights`; give as `group` one of those it has"),
        ({"case30/edges": PAIRS}, {"group": "case3"}, "give as `group` one of those it has, such as `case30`"),
        ({"sc_mean": SQUARE}, {}, "neither `edges` nor `weights`; it has `sc_mean`"),
        ({"weights": np.array([None])}, {}, "is not an .npz file of arrays"),
    ],
)  # fmt: skip
def test_arrays_that_cannot_be_are_refused(
    tmp_path: Path, contents: dict[str, np.ndarray], fields: dict[str, Any], complaint: str
) -> None:
    told = "\n".join(GraphSource(file=str(saved(tmp_path, **contents)), **fields).problems_of_graph(N))
    assert complaint in told, told


def test_sparse_matrices_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for content, complaint in (
        (np.ones((2, 3)), "the matrix is [2, 3] and not square"), (SQUARE * 1j, "the matrix holds complex128"),
        (np.diag([np.inf] * N), "entry [0, 0]: weight inf is not a finite number (and 5 more"),
    ):  # fmt: skip
        path = file_in(tmp_path, ".npz")
        sparse.save_npz(path, sparse.csr_array(content))
        assert complaint in GraphSource(file=str(path)).problems_of_graph(N)[0]


GRAPHML = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{}<graph edgedefault="undirected">{}</graph></graphml>'
)
NODES = "".join(f'<node id="n{k}"/>' for k in range(N))


def attribute(name: str) -> str:
    return f'<key id="d" for="edge" attr.name="{name}" attr.type="string"/>'


@pytest.mark.parametrize(
    ("keys", "inside", "fields", "complaint"),
    [
        (attribute("weight"), '<edge source="n0" target="n1"><data key="d">heavy</data></edge>', {},
         "edge n0 - n1: weight 'heavy' is not a number"),
        (attribute("length"), '<edge source="n0" target="n1"><data key="d">2</data></edge>'
         '<edge source="n1" target="n2"/>', {}, "edge n1 - n2: the edge has no length, and others have one"),
        (attribute("weight"), '<edge source="n0" target="n1"><data key="d">nan</data></edge>', {},
         "edge n0 - n1: weight nan is not a finite number"),
        ("", '<node id="n6"/>', {}, "has 7 nodes, and the layer has 6 oscillators"),
        ("", '<edge source="n0" target="n1"/>', {"directed": True}, "is undirected and gives its edges no direction"),
        ("", "<edge", {}, "is not GraphML"),
    ],
)  # fmt: skip
def test_graphml_that_cannot_be_is_refused(
    tmp_path: Path, keys: str, inside: str, fields: dict[str, Any], complaint: str
) -> None:
    source = written(tmp_path, GRAPHML.format(keys, NODES + inside), ".graphml", **fields)
    told = "\n".join(source.problems_of_graph(N))
    assert complaint in told, told


@pytest.mark.parametrize(
    ("generator", "fields", "complaint"),
    [
        ("watts_strogatz_graph", {"parameters": {"k": 2, "p": 0.1}}, "is random: give it a `seed`"),
        ("watts_strogatz_graph", {"parameters": {"k": 2, "p": 0.1, "seed": None}}, "is random: give it a `seed`"),
        ("watts_strogatz_graph", {"parameters": {"seed": 1}}, "makes no graph of these parameters: watts_strogatz"),
        ("cycle_graph", {"parameters": {"m": 3}}, "unexpected keyword"),
        ("random_regular_graph", {"parameters": {"d": 3, "n": 5, "seed": 1}}, "makes no graph of these parameters"),
        ("karate_club_graph", {}, "`karate_club_graph` has 34 nodes, and the layer has 6 oscillators"),
        ("number_of_nonisomorphic_trees", {"parameters": {"order": 4}}, "gives no graph, but int"),
        ("barbell_graph", {"parameters": {"m1": 3, "m2": 0}, "directed": True},
         "`barbell_graph` makes no graph of these parameters with `directed: true`: Directed Graph not supported"),
        ("caveman_graph", {"parameters": {"l": 2, "k": 3}, "connected": True},
         "`caveman_graph` is in 2 pieces, and `connected: true` wants one; the smallest has 3 nodes: 0, 1, 2"),
        ("sudoku_graph", {"parameters": {"n": 1}, "directed": True}, "`sudoku_graph` is undirected"),
    ],
)  # fmt: skip
def test_generators_that_do_not_fit_are_refused(generator: str, fields: dict[str, Any], complaint: str) -> None:
    source = GraphSource(generator=generator, **fields)
    told = "\n".join(source.problems_of_graph(N))
    assert complaint in told, told
    with pytest.raises(ValueError, match=r"directed|graph"):
        source.read(N)


NO_COUNT = {
    "binomial_tree", "circular_ladder_graph", "dorogovtsev_goltsev_mendes_graph", "generalized_petersen_graph",
    "grid_2d_graph", "hexagonal_lattice_graph", "hypercube_graph", "kneser_graph", "ladder_graph", "lollipop_graph",
    "margulis_gabber_galil_graph", "mycielski_graph", "navigable_small_world_graph", "random_cograph", "star_graph",
    "sudoku_graph", "tadpole_graph", "triangular_lattice_graph", "windmill_graph",
}  # fmt: skip
"""Generators whose `n` is something else than the number of nodes."""


@pytest.mark.parametrize("nodes", [4, 10**6])
@pytest.mark.parametrize("generator", sorted(NO_COUNT))
def test_an_n_that_is_no_number_of_nodes_is_asked_for(generator: str, nodes: int) -> None:
    source = GraphSource(generator=generator, parameters={"k": 2, "seed": 1})
    (problem,) = source.problems_of_graph(nodes)
    assert problem == f"the `n` of `{generator}` is not its number of nodes: give `n` among the parameters"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_generator_that_makes_too_many_nodes_is_overlooked() -> None:
    takes_n = [name for name in generators() if "n" in inspect.signature(getattr(nx, name)).parameters]
    assert {name for name in takes_n if not _n_counts_nodes(name)} == NO_COUNT


def test_an_n_that_is_given_is_taken() -> None:
    for generator, n in (("hypercube_graph", 4), ("star_graph", 15), ("sudoku_graph", 2), ("ladder_graph", 8)):
        source = GraphSource(generator=generator, parameters={"n": n})
        assert source.problems_of_graph(16) == []


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (problem,) = GraphSource(file="nowhere.txt").problems_of_graph(N)
    assert "there is no file 'nowhere.txt' in " in problem
    for content in (b"PK\x03\x04", b"", b"0 1\n"):
        broken = file_in(tmp_path, ".npz")
        broken.write_bytes(content)
        assert "is not an .npz file of arrays" in GraphSource(file=str(broken)).problems_of_graph(N)[0]
    single = file_in(tmp_path, ".npz")
    with single.open("wb") as stream:
        np.save(stream, np.ones((N, N)))
    assert "is not an .npz file of arrays" in GraphSource(file=str(single)).problems_of_graph(N)[0]
    latin = file_in(tmp_path, ".txt")
    latin.write_bytes(b"0 1\n# gr\xf6\xdfer\n")
    assert "is not text in UTF-8" in GraphSource(file=str(latin)).problems_of_graph(N)[0]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "give one of the two"),
        ({"generator": "cycle_graph", "file": "a.txt"}, "give one of the two"),
        ({"generator": "cykle_graph"}, "networkx has no generator 'cykle_graph'; did you mean `cycle_graph`"),
        ({"generator": "shortest_path"}, "networkx has no generator 'shortest_path'"),
        ({"generator": "line_graph"}, "networkx has no generator 'line_graph'"),
        ({"file": "a.mat"}, r"a graph is read from .txt, .*\.npz, and not from 'a.mat'"),
        ({"file": "a.txt", "parameters": {"n": 3}}, "`parameters` are those of a `generator`"),
        ({"file": "a.txt", "group": "b"}, "`group` names arrays of an `.npz` file"),
        ({"generator": "cycle_graph", "normalization": "rows"}, "normalization"),
    ],
)  # fmt: skip
def test_declarations_that_contradict_themselves_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        GraphSource.model_validate(fields)
