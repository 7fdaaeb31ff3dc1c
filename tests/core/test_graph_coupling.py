from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from dynamics import numbers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import GraphCoupling, GraphCouplingSpec
from oscillo.layout import StateShape

N = 6
SHAPE = StateShape((), 3, N)

links = st.lists(
    st.tuples(st.integers(0, N - 1), st.integers(0, N - 1), st.floats(-2, 2, width=32)), max_size=20
)  # fmt: skip


def of_links(rows: list[tuple[int, int, float]], *, learn: bool = False) -> GraphCoupling:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    sources, targets = (torch.tensor(column, dtype=torch.int64) for column in columns[:2])
    return GraphCoupling(N, sources, targets, torch.tensor(columns[2], dtype=torch.float64), learn=learn)


def matrix(coupling: GraphCoupling) -> Tensor:
    """W from unit vectors: W[i, j] is what i feels of j."""
    return coupling(torch.eye(N, dtype=torch.float64)[:, None]).squeeze(1).T


def written(tmp_path: Path, text: str, **fields: Any) -> GraphCouplingSpec:
    file = tmp_path / "edges.txt"
    file.write_text(text)
    return GraphCouplingSpec(edges=str(file), **fields)


def weights_of(spec: GraphCouplingSpec) -> Tensor:
    return matrix(spec.build(SHAPE).double())


@given(links)
def test_product_equals_the_dense_matrix(rows: list[tuple[int, int, float]]) -> None:
    dense = torch.zeros(N, N, dtype=torch.float64)
    for source, target, weight in rows:
        dense[target, source] += weight
    x = numbers(2, 3, N)
    coupling = of_links(rows)
    assert_close(coupling(x), x @ dense.T)
    assert not coupling.symmetric or torch.allclose(dense, dense.T, rtol=1e-4)


@given(links.filter(len))
def test_gradients_of_weights_and_states(rows: list[tuple[int, int, float]]) -> None:
    coupling = of_links(rows, learn=True)
    assert coupling.weights.requires_grad

    def field(weights: Tensor, x: Tensor) -> Tensor:
        return torch.func.functional_call(coupling, {"weights": weights}, (x,))

    inputs = (coupling.weights.detach().clone().requires_grad_(), numbers(2, 2, N).requires_grad_())
    assert torch.autograd.gradcheck(field, inputs, fast_mode=True)


def test_an_undirected_edge_acts_both_ways_and_a_loop_once(tmp_path: Path) -> None:
    text = "0 1 2.5\n3 3 1.5  # a loop\n\n# a comment\n4,5\n"
    expected = torch.zeros(N, N, dtype=torch.float64)
    expected[0, 1] = expected[1, 0] = 2.5
    expected[3, 3], expected[4, 5], expected[5, 4] = 1.5, 1.0, 1.0
    spec = written(tmp_path, text)
    assert not spec.problems(SHAPE)
    assert_close(weights_of(spec), expected)
    assert spec.build(SHAPE).symmetric


def test_the_target_of_a_directed_edge_feels_its_source(tmp_path: Path) -> None:
    spec = written(tmp_path, "0 1 2.5\n3 3 1.5\n", directed=True, strength=2.0)
    expected = torch.zeros(N, N, dtype=torch.float64)
    expected[1, 0], expected[3, 3] = 5.0, 3.0
    assert_close(weights_of(spec), expected)
    assert not spec.build(SHAPE).symmetric
    both = written(tmp_path, "0 1 2.5\n1 0 2.5\n", directed=True)
    assert both.build(SHAPE).symmetric


def test_symmetry_is_told_from_the_weights(tmp_path: Path) -> None:
    assert not written(tmp_path, "0 1 2.5\n1 0 2.0\n", directed=True).build(SHAPE).symmetric
    assert written(tmp_path, "0 1\n1 2\n").build(SHAPE).symmetric
    assert not written(tmp_path, "0 1\n1 2\n", learn=True).build(SHAPE).symmetric
    assert not written(tmp_path, "0 1\n1 2\n", normalization="degree").build(SHAPE).symmetric
    assert written(tmp_path, "0 1\n2 3\n4 5\n", normalization="degree").build(SHAPE).symmetric


def test_normalization_divides_by_what_arrives(tmp_path: Path) -> None:
    plain = weights_of(written(tmp_path, "0 1 2\n1 2 3\n2 2 1\n", strength=1.0))
    normal = weights_of(written(tmp_path, "0 1 2\n1 2 3\n2 2 1\n", strength=0.5, normalization="degree"))
    reach = plain.sum(1, keepdim=True)
    expected = 0.5 * plain / torch.where(reach > 0, reach, 1.0)  # nodes 3 to 5 feel nobody
    assert_close(normal, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("generator", "parameters"),
    [
        ("cycle_graph", {}), ("complete_graph", {}), ("star_graph", {"n": N - 1}),
        ("erdos_renyi_graph", {"p": 0.5, "seed": 2}), ("gn_graph", {"seed": 1}), ("grid_2d_graph", {"m": 2, "n": 3}),
    ],
)  # fmt: skip
def test_generators_give_their_adjacency(generator: str, parameters: dict[str, Any]) -> None:
    spec = GraphCouplingSpec(generator=generator, parameters=parameters)
    assert not spec.problems(SHAPE)
    graph = getattr(nx, generator)(**({"n": N} | parameters))
    adjacency = torch.from_numpy(nx.to_numpy_array(graph)).double()
    assert_close(weights_of(spec), adjacency.T)
    assert torch.equal(weights_of(spec), weights_of(spec))


@pytest.mark.parametrize("line", ["0", "0 x", "0.5 1", "0 1 heavy", "a b"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    spec = written(tmp_path, f"0 1\n\n{line}\n2 3\n")
    (problem,) = spec.problems(SHAPE)
    assert "edges.txt:3: expected `source target [weight]`" in problem and repr(line) in problem
    with pytest.raises(ValueError, match=r"edges\.txt:3"):
        spec.build(SHAPE)


@pytest.mark.parametrize(
    ("text", "fields", "complaint"),
    [
        ("0 6\n", {}, "a node 6 and the layer 6 oscillators"),
        ("0 -1\n", {}, "negative node"),
        ("0 1 nan\n", {}, "not a finite number"),
        ("0 1 inf\n", {}, "not a finite number"),
        ("0 1 -1\n", {"normalization": "degree"}, "some weights are negative"),
    ],
)
def test_edges_that_cannot_be_are_refused(tmp_path: Path, text: str, fields: dict[str, Any], complaint: str) -> None:
    (problem,) = written(tmp_path, text, **fields).problems(SHAPE)
    assert complaint in problem


@pytest.mark.parametrize(
    ("generator", "parameters", "complaint"),
    [
        ("watts_strogatz_graph", {"k": 2, "p": 0.1}, "give it a `seed`"),
        ("watts_strogatz_graph", {"seed": 1}, "missing"),
        ("cycle_graph", {"m": 3}, "unexpected keyword"),
        ("random_regular_graph", {"d": 3, "n": 5, "seed": 1}, "the graph cannot be made"),
        ("karate_club_graph", {}, "makes 34 nodes, and the layer has 6 oscillators"),
        ("cycle_graph", {"n": 4}, "makes 4 nodes, and the layer has 6 oscillators"),
        ("graph_atlas_g", {}, "gives no graph"),
    ],
)
def test_generators_that_do_not_fit_are_refused(generator: str, parameters: dict[str, Any], complaint: str) -> None:
    (problem,) = GraphCouplingSpec(generator=generator, parameters=parameters).problems(SHAPE)
    assert complaint in problem


def test_a_missing_file_and_sites_are_refused(tmp_path: Path) -> None:
    spec = GraphCouplingSpec(edges=str(tmp_path / "nowhere.txt"))
    assert "nowhere.txt" in spec.problems(SHAPE)[0]
    assert "without sites" in GraphCouplingSpec(generator="cycle_graph").problems(StateShape((2, 3), 3, 1))[0]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "give one of the two"),
        ({"generator": "cycle_graph", "edges": "a.txt"}, "give one of the two"),
        ({"generator": "cykle_graph"}, "networkx has no generator 'cykle_graph'"),
        ({"generator": "cycle_graph", "learn": True, "normalization": "degree"}, "normalization: none"),
    ],
)
def test_declarations_that_contradict_themselves_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        GraphCouplingSpec.model_validate(fields)
