from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import networkx as nx
import numpy as np
import pytest
from graph_files import N, edges, file_in, lengths_of, listed, matrices, matrix, rows_of, saved, written
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from oscillo.couplings import CouplingSpec
from oscillo.graphs import GraphSource, Links, connectivity, read_simplices, reordering, simplices, triangles


def as_graphml(folder: Path, w: np.ndarray, lengths: np.ndarray | None = None) -> dict[str, Any]:
    graph, path = nx.DiGraph(), file_in(folder, ".graphml")
    graph.add_nodes_from(range(N))
    for source, target, weight in rows_of(w):
        more = {} if lengths is None else {"length": float(lengths[target, source])}
        graph.add_edge(source, target, weight=weight, **more)
    nx.write_graphml(graph, path)
    return {"file": str(path)}


def as_text(suffix: str, separator: str) -> Callable[..., dict[str, Any]]:
    def write(folder: Path, w: np.ndarray, lengths: np.ndarray | None = None) -> dict[str, Any]:
        path = file_in(folder, suffix)
        rows = [(*row, *([] if lengths is None else [float(lengths[row[1], row[0]])])) for row in rows_of(w)]
        path.write_text("# a graph\n" + "".join(separator.join(map(repr, row)) + "\n" for row in rows))
        return {"file": str(path), "directed": True}

    return write


def as_floats(folder: Path, w: np.ndarray, lengths: np.ndarray | None = None) -> dict[str, Any]:
    path = file_in(folder, ".txt")
    rows = [(*row, *([] if lengths is None else [lengths[row[1], row[0]]])) for row in rows_of(w)]
    np.savetxt(path, np.array(rows), header="source target weight")
    return {"file": str(path), "directed": True}


def as_sparse(layout: Literal["csr", "csc", "coo"]) -> Callable[..., dict[str, Any]]:
    def write(folder: Path, w: np.ndarray) -> dict[str, Any]:
        path = file_in(folder, ".npz")
        sparse.save_npz(path, sparse.coo_array(w).asformat(layout))
        return {"file": str(path), "directed": True}

    return write


def as_matrix(folder: Path, w: np.ndarray, lengths: np.ndarray | None = None) -> dict[str, Any]:
    more = {} if lengths is None else {"lengths": lengths}
    return {"file": str(saved(folder, weights=w, **more)), "directed": True}


def as_edges(folder: Path, w: np.ndarray, lengths: np.ndarray | None = None) -> dict[str, Any]:
    i, j = np.nonzero(w)
    more = {} if lengths is None else {"lengths": lengths[i, j]}
    file = saved(folder, "grids/small", edges=np.stack((j, i), 1), weights=w[i, j], **more)
    return {"file": str(file), "group": "grids/small", "directed": True}


WITH_LENGTHS = {
    "blanks": as_text(".txt", " "), "commas": as_text(".csv", ","), "commas and blanks": as_text(".edges", " , "),
    "tabs": as_text(".tsv", "\t"), "floats": as_floats, "graphml": as_graphml, "weights": as_matrix, "edges": as_edges,
}  # fmt: skip
FORMATS = WITH_LENGTHS | {f"sparse {name}": as_sparse(name) for name in ("csr", "csc", "coo")}


@pytest.mark.parametrize("name", FORMATS)
@given(w=matrices)
def test_every_format_gives_back_the_matrix(tmp_path: Path, name: str, w: np.ndarray) -> None:
    source = GraphSource(**FORMATS[name](tmp_path, w), signed=True)
    assert_array_equal(matrix(source), w)
    links = source.read(N)
    assert (np.diff(links.targets * N + links.sources) > 0).all()
    assert links.sources.dtype == links.targets.dtype == np.int64 and links.weights.dtype == np.float64
    assert links.lengths is None


@pytest.mark.parametrize("name", WITH_LENGTHS)
@given(w=matrices.filter(np.any), lengths=arrays(np.float64, (N, N), elements=st.floats(0, 1e3)))
def test_every_format_gives_back_the_lengths(tmp_path: Path, name: str, w: np.ndarray, lengths: np.ndarray) -> None:
    source = GraphSource(**WITH_LENGTHS[name](tmp_path, w, lengths), signed=True)
    assert_array_equal(matrix(source), w)
    assert_array_equal(lengths_of(source), np.where(w != 0, lengths, 0))


@given(rows=edges)
def test_parallel_edges_add_up(tmp_path: Path, rows: list[tuple[int, int, float]]) -> None:
    expected = np.zeros((N, N))
    for source, target, weight in rows:
        expected[target, source] += weight
    assert_allclose(matrix(written(tmp_path, listed(rows), directed=True, signed=True)), expected, atol=1e-9)
    plain = written(tmp_path, listed(rows), directed=True, weighted=False)
    pairs = {(target, source) for source, target, _ in rows}
    assert_array_equal(np.argwhere(matrix(plain)), sorted(pairs) or np.zeros((0, 2)))
    assert set(plain.read(N).weights.tolist()) <= {1.0}


def test_lengths_of_parallel_edges_are_averaged_by_weight(tmp_path: Path) -> None:
    text = "0 1 1 10\n0 1 3 20\n2 3 0 5\n2 3 0 7\n4 5 2 0.1\n"
    lengths = lengths_of(written(tmp_path, text))
    assert lengths[1, 0] == lengths[0, 1] == 17.5
    assert lengths[3, 2] == lengths[2, 3] == 6.0
    assert lengths[5, 4] == 0.1


@given(rows=edges)
def test_an_undirected_graph_is_symmetric_to_the_last_bit(tmp_path: Path, rows: list[tuple[int, int, float]]) -> None:
    rows = [row for row in rows if row[0] <= row[1]] + [(5, 0, 1.0), (0, 5, 0.3), (0, 5, 0.1)]
    w = matrix(written(tmp_path, listed(rows), signed=True))
    assert_array_equal(w, w.T)
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(N))
    graph.add_weighted_edges_from(rows)
    assert_allclose(w, nx.to_numpy_array(graph), atol=1e-9)
    path = file_in(tmp_path, ".graphml")
    nx.write_graphml(graph, path)
    assert_allclose(matrix(GraphSource(file=str(path), signed=True)), w, atol=1e-9)


@given(w=matrices)
def test_a_symmetric_matrix_needs_no_direction(tmp_path: Path, w: np.ndarray) -> None:
    w = w + w.T
    assert_array_equal(matrix(GraphSource(file=str(saved(tmp_path, weights=w)), signed=True)), w)
    nearly = matrix(GraphSource(file=str(saved(tmp_path, weights=w * (1 + 1e-8 * np.tri(N)))), signed=True))
    assert_array_equal(nearly, nearly.T)
    assert_allclose(nearly, w, rtol=1e-7)


@given(rows=edges.filter(len))
def test_normalization_divides_by_what_arrives(tmp_path: Path, rows: list[tuple[int, int, float]]) -> None:
    plain, degree, strength = (
        matrix(written(tmp_path, listed(rows), directed=True, signed=True, normalization=how))
        for how in ("none", "degree", "strength")
    )
    felt = np.abs(plain).sum(1) > 0
    assert_allclose(np.abs(strength).sum(1), felt)
    incoming = [len({source for source, target, _ in rows if target == node}) for node in range(N)]
    assert_allclose(degree * np.maximum(incoming, 1)[:, None], plain)
    ones = matrix(written(tmp_path, listed(rows), directed=True, weighted=False, normalization="degree"))
    assert_allclose(ones.sum(1), np.array(incoming) > 0)


def test_a_text_file_may_be_uneven(tmp_path: Path) -> None:
    text = "\ufeff# größer\n\n0 1 2.5  # a remark\r\n3.0, 3 1.5\n4,5\n   \n1\t2e0"
    links = written(tmp_path, text, directed=True).read(N)
    assert_array_equal(links.sources, [0, 1, 3, 4])
    assert_array_equal(links.targets, [1, 2, 3, 5])
    assert_array_equal(links.weights, [2.5, 1.0, 1.5, 1.0])


def test_a_graph_without_edges(tmp_path: Path) -> None:
    for source in (
        written(tmp_path, "# nothing\n"), GraphSource(generator="empty_graph"),
        GraphSource(file=str(saved(tmp_path, weights=np.zeros((N, N)))), normalization="strength"),
        GraphSource(file=str(saved(tmp_path, edges=np.zeros((0, 2), int))), normalization="degree"),
    ):  # fmt: skip
        assert matrix(source).sum() == 0
        assert len(triangles(source.read(N), N)) == 0
        assert connectivity(source.read(N), N)[0] == N


@pytest.mark.parametrize("names", [["3", "0", "2", "1"], ["n0", "n2", "n10", "n1"], ["1", "2", "3", "4"]])
def test_nodes_of_graphml_keep_their_numbers_or_the_order_of_the_file(tmp_path: Path, names: list[str]) -> None:
    graph, path = nx.DiGraph(), file_in(tmp_path, ".graphml")
    graph.add_nodes_from(names)
    graph.add_edge(names[0], names[3], weight=2)
    nx.write_graphml(graph, path)
    links = GraphSource(file=str(path)).read(4)
    keeps = sorted(names) == ["0", "1", "2", "3"]
    assert (links.sources[0], links.targets[0]) == ((3, 1) if keeps else (0, 3))


@pytest.mark.parametrize(
    ("generator", "parameters"),
    [
        ("star_graph", {"n": N - 1}), ("grid_2d_graph", {"m": 2, "n": 3}), ("gn_graph", {"n": N, "seed": 1}),
        ("configuration_model", {"deg_sequence": [3, 3, 2, 2, 1, 1], "seed": 4}),
        ("complete_bipartite_graph", {"n1": 2, "n2": 4}),
    ],
)  # fmt: skip
def test_generators_give_their_adjacency(generator: str, parameters: dict[str, Any]) -> None:
    expected = nx.to_numpy_array(getattr(nx, generator)(**parameters)).T
    assert_array_equal(matrix(GraphSource(generator=generator, parameters=parameters)), expected)


@pytest.mark.parametrize(
    ("generator", "parameters"),
    [
        ("cycle_graph", {}),
        ("complete_graph", {}),
        ("erdos_renyi_graph", {"p": 0.5, "seed": 2}),
        ("gn_graph", {"seed": 1}),
    ],
)
def test_generators_make_as_many_nodes_as_there_are_oscillators(generator: str, parameters: dict[str, Any]) -> None:
    expected = nx.to_numpy_array(getattr(nx, generator)(n=N, **parameters)).T
    assert_array_equal(matrix(GraphSource(generator=generator, parameters=parameters)), expected)


@pytest.mark.parametrize("generator", ["cycle_graph", "path_graph", "erdos_renyi_graph"])
def test_a_directed_generator_is_asked_for_directions(generator: str) -> None:
    parameters = {"p": 0.4, "seed": 1} if generator == "erdos_renyi_graph" else {}
    w = matrix(GraphSource(generator=generator, parameters=parameters, directed=True))
    assert (w != w.T).any()
    if generator == "cycle_graph":
        assert_array_equal(w, np.roll(np.eye(N), 1, axis=0))


def test_what_was_read_is_kept_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Coupled(GraphSource, CouplingSpec):
        kind: Literal["coupled"] = "coupled"
        strength: float = 1.0

    source = written(tmp_path, "0 1\n1 2\n")
    assert source.problems_of_graph(N) == []
    links = source.read(N)
    monkeypatch.setattr("oscillo.graphs.edge_list.read_rows", lambda *_: pytest.fail("read again"))
    assert source.read(N) is links
    assert GraphSource(file=source.file).read(N) is links
    assert Coupled(file=source.file, strength=2.0).read(N) is links
    with pytest.raises(ValueError, match="read-only"):
        links.weights[0] = 2.0
    monkeypatch.undo()
    assert len(GraphSource(file=source.file, directed=True).read(N).weights) == 2
    Path(str(source.file)).write_text("0 1\n1 2\n2 3\n")
    assert len(source.read(N).weights) == 6
    Path(str(source.file)).unlink()
    assert "there is no file" in source.problems_of_graph(N)[0]


def test_a_path_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = GraphSource(file="ring.txt")
    for folder, text in (("one", "0 1\n"), ("two", "0 1 5\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ring.txt").write_text(text)
    monkeypatch.chdir(tmp_path / "one")
    assert source.read(N).weights[0] == 1
    monkeypatch.chdir(tmp_path / "two")
    assert source.read(N).weights[0] == 5


@given(w=matrices, portion=st.integers(1, 50))
def test_triangles_are_those_of_networkx(w: np.ndarray, portion: int) -> None:
    targets, sources = np.nonzero(w)
    graph = nx.Graph(zip(sources.tolist(), targets.tolist(), strict=True))
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    expected = sorted(sorted(clique) for clique in nx.enumerate_all_cliques(graph) if len(clique) == 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simplices, "_PATHS_AT_ONCE", portion)
        assert triangles(Links(sources, targets, w[targets, sources], None), N).tolist() == expected


def test_triangles_of_a_larger_graph_are_counted_as_by_networkx() -> None:
    source = GraphSource(generator="barabasi_albert_graph", parameters={"m": 8, "seed": 1})
    found = triangles(source.read(300), 300)
    counts = np.bincount(found.ravel(), minlength=300)
    graph = nx.barabasi_albert_graph(300, 8, seed=1)
    assert dict(enumerate(counts.tolist())) == nx.triangles(graph)
    assert (found[:, 0] < found[:, 1]).all() and (found[:, 1] < found[:, 2]).all()
    assert len(np.unique(found, axis=0)) == len(found)


def test_simplices_are_read_and_added_up(tmp_path: Path) -> None:
    path = tmp_path / "simplices.txt"
    path.write_text("# i j k weight\n4 3 5\n0,1,2,0.5\n2 0 1 1.5\n")
    found, of_each = read_simplices(path, N)
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]] and of_each.tolist() == [2.0, 1.0]
    path.write_text("0 1 2\n# nothing\n0 1 6\n1 1 2\n2 3 4 nan\n")
    with pytest.raises(ValueError) as told:
        read_simplices(path, N)
    for place in ("txt:3: a node is not one of the 6", "txt:4: a node stands twice", "txt:5: the weight is not"):
        assert place in str(told.value)
    path.write_text("0 1\n")
    with pytest.raises(ValueError, match=r"txt:1: expected `i j k \[weight\]`, found '0 1'"):
        read_simplices(path, N)
    path.write_text("")
    assert read_simplices(path, N)[0].shape == (0, 3)


@given(w=matrices)
def test_pieces_are_those_of_networkx(w: np.ndarray) -> None:
    targets, sources = np.nonzero(w)
    pieces, labels = connectivity(Links(sources, targets, w[targets, sources], None), N)
    graph = nx.from_numpy_array(w.T, create_using=nx.DiGraph)
    found = {frozenset(np.flatnonzero(labels == piece).tolist()) for piece in range(pieces)}
    assert found == set(map(frozenset, nx.weakly_connected_components(graph)))


def test_reordering_brings_neighbours_near() -> None:
    nodes = 200
    shuffled = np.random.default_rng(0).permutation(nodes)
    ends = shuffled, np.roll(shuffled, -1)
    order = reordering(Links(*ends, np.ones(nodes), None), nodes)
    place = np.argsort(order)
    assert sorted(order.tolist()) == list(range(nodes)) and order.dtype == np.int64
    assert np.abs(place[ends[0]] - place[ends[1]]).max() == 2
