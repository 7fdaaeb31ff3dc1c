from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from dynamics import numbers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import GraphCoupling, GraphCouplingSpec
from oscillo.graphs import Links
from oscillo.layout import StateShape

N = 6
SHAPE = StateShape((), 3, N)

links = st.lists(
    st.tuples(st.integers(0, N - 1), st.integers(0, N - 1), st.floats(-2, 2, width=32)), max_size=20
)  # fmt: skip


def of_links(rows: list[tuple[int, int, float]], **fields: Any) -> GraphCoupling:
    """A coupling by links (source, target, weight), of which those with the same ends add up."""
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    sources, targets = (np.array(column, dtype=np.int64) for column in columns[:2])
    links = Links(sources, targets, np.array(columns[2], dtype=np.float64), None).added_up(N)
    coupling = GraphCoupling(GraphCouplingSpec(generator="empty_graph", **fields), SHAPE, links).double()
    coupling.weights.data.copy_(torch.from_numpy(links.weights))  # without the rounding to float32
    return coupling


def dense_of(rows: list[tuple[int, int, float]]) -> Tensor:
    dense = torch.zeros(N, N, dtype=torch.float64)
    for source, target, weight in rows:
        dense[target, source] += weight
    return dense


def matrix(coupling: GraphCoupling) -> Tensor:
    """W from unit vectors: W[i, j] is what i feels of j."""
    return coupling(torch.eye(N, dtype=torch.float64)[:, None]).squeeze(1).T


def written(tmp_path: Path, text: str, **fields: Any) -> GraphCouplingSpec:
    file = tmp_path / "edges.txt"
    file.write_text(text)
    return GraphCouplingSpec(file=str(file), **fields)


def weights_of(spec: GraphCouplingSpec) -> Tensor:
    return matrix(spec.build(SHAPE).double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(rows=links, samples=st.integers(1, 3))
def test_product_equals_the_dense_matrix(rows: list[tuple[int, int, float]], samples: int, dtype: torch.dtype) -> None:
    dense = dense_of(rows).to(dtype)
    x = numbers(samples, 3, N).to(dtype)
    coupling = of_links(rows).to(dtype)
    y = coupling(x)
    assert y.dtype == dtype
    assert_close(y, x @ dense.T, rtol=1e-5 if dtype == torch.float32 else 1e-12, atol=1e-5)
    assert not coupling.symmetric or torch.allclose(dense, dense.T, rtol=1e-4)


@given(links)
def test_states_in_any_memory_layout(rows: list[tuple[int, int, float]]) -> None:
    coupling, x = of_links(rows), numbers(3, 4, N)
    strided = numbers(N, 4, 3).permute(2, 1, 0).copy_(x)
    assert_close(coupling(strided), coupling(x))
    assert_close(coupling(x[:, ::2]), coupling(x)[:, ::2])
    assert_close(coupling(x[:1].expand(2, 4, N)), coupling(x[:1]).expand(2, 4, N))


@pytest.mark.parametrize("form", ["additive", "diffusive"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(rows=links.filter(len))
def test_gradients_of_weights_and_states(rows: list[tuple[int, int, float]], form: str, dtype: torch.dtype) -> None:
    coupling = of_links(rows, learn=True, form=form, matrix=[[0.5, 1.0], [0.0, -2.0]])
    assert coupling.weights.requires_grad and not coupling.symmetric

    def field(weights: Tensor, x: Tensor) -> Tensor:
        return torch.func.functional_call(coupling, {"weights": weights}, (x,))

    inputs = (coupling.weights.detach().clone().requires_grad_(), numbers(2, 2, N).requires_grad_())
    if dtype == torch.float64:
        assert torch.autograd.gradcheck(field, inputs, fast_mode=True)
        return
    single = tuple(tensor.detach().float().requires_grad_() for tensor in inputs)
    probe = numbers(2, 2, N, key=1)
    precise = torch.autograd.grad((field(*inputs) * probe).sum(), inputs)
    coupling.float()
    for gradient, exact in zip(torch.autograd.grad((field(*single) * probe).sum(), single), precise, strict=True):
        assert gradient.dtype == dtype
        assert_close(gradient.double(), exact, rtol=1e-4, atol=1e-4)


def doubled(coupling: GraphCoupling) -> None:
    coupling.weights.mul_(2)


def doubled_behind(coupling: GraphCoupling) -> None:
    coupling.weights.data.mul_(2)


def loaded(coupling: GraphCoupling) -> None:
    coupling.load_state_dict(coupling.state_dict() | {"weights": 3 * coupling.weights})


def assigned(coupling: GraphCoupling) -> None:
    coupling.load_state_dict(coupling.state_dict() | {"weights": 3 * coupling.weights}, assign=True)


def turned(coupling: GraphCoupling) -> None:
    """Other links, as many as before."""
    coupling.load_state_dict(of_links([(t, s, w) for s, t, w in STAR], form="diffusive").state_dict())


def single(coupling: GraphCoupling) -> None:
    coupling.float()


STAR = [(0, i, 0.5 * i) for i in range(1, N)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("change", [doubled, doubled_behind, loaded, assigned, turned, single])
def test_what_is_taken_off_follows_the_weights(
    change: Callable[[GraphCoupling], None], learn: bool, compiled: bool
) -> None:
    coupling = of_links(STAR, form="diffusive", learn=learn)
    felt = torch.compile(coupling, backend="eager") if compiled else coupling
    equal = torch.ones(1, 3, N)
    with torch.no_grad():
        for _ in range(2):
            assert_close(felt(equal.double()), torch.zeros(1, 3, N).double(), rtol=0, atol=1e-12)
        change(coupling)
        equal, x = (one.to(coupling.weights.dtype) for one in (equal, numbers(2, 3, N)))
        assert_close(felt(equal), torch.zeros_like(equal), rtol=0, atol=1e-5)
        w = matrix(coupling.to(x.dtype).double()).to(x.dtype)  # in diffusive form less its row sums
        assert_close(felt(x.double()), x.double() @ w.double().T, rtol=1e-5, atol=1e-5)


def test_row_sums_are_kept_and_copied_with_the_coupling(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    sums = GraphCoupling._row_sums
    monkeypatch.setattr(GraphCoupling, "_row_sums", lambda self: counted.append(self) or sums(self))
    coupling, x = of_links(STAR, form="diffusive"), numbers(2, 3, N)
    y = [coupling(x) for _ in range(3)]
    other = copy.deepcopy(coupling)
    assert other(x).equal(y[0]) and y[1].equal(y[0]) and counted == [coupling]
    with torch.no_grad():
        other.weights.mul_(2)
    assert_close(other(x), 2 * y[0]) and coupling(x).equal(y[0])
    assert counted == [coupling, other]


def test_gradients_of_weights_that_are_put_in_for_a_call() -> None:
    coupling, x = of_links(STAR, form="diffusive"), numbers(2, 3, N)
    coupling(x)
    weights = coupling.weights.detach().clone().requires_grad_()
    field = lambda weights: torch.func.functional_call(coupling, {"weights": weights}, (x,))  # noqa: E731
    assert torch.autograd.gradcheck(field, (weights,))


def test_only_weights_that_learn_have_gradients() -> None:
    for learn in (True, False):
        coupling = GraphCouplingSpec(generator="cycle_graph", learn=learn).build(SHAPE)
        assert [key for key, p in coupling.named_parameters() if p.requires_grad] == ["weights"] * learn
        assert coupling(numbers(1, 3, N).float()).requires_grad == learn


def test_memory_is_linear_in_the_links() -> None:
    n = 2000
    coupling = GraphCouplingSpec(generator="cycle_graph").build(StateShape((), 2, n))
    held = sum(tensor.numel() for tensor in (*coupling.parameters(), *coupling.buffers()))
    assert held < 10 * 2 * n


def test_what_was_read_is_copied() -> None:
    spec = GraphCouplingSpec(generator="cycle_graph", learn=True)
    first = spec.build(SHAPE)
    with torch.no_grad():
        first.weights.zero_()
    assert_close(spec.build(SHAPE).weights, torch.ones(2 * N))


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
    for normalization in ("degree", "strength"):
        assert not written(tmp_path, "0 1\n1 2\n", normalization=normalization).build(SHAPE).symmetric
        assert written(tmp_path, "0 1\n2 3\n4 5\n", normalization=normalization).build(SHAPE).symmetric


@pytest.mark.parametrize("normalization", ["degree", "strength"])
def test_normalization_divides_by_what_arrives(tmp_path: Path, normalization: str) -> None:
    plain = weights_of(written(tmp_path, "0 1 2\n1 2 3\n2 2 1\n", strength=1.0))
    normal = weights_of(written(tmp_path, "0 1 2\n1 2 3\n2 2 1\n", strength=0.5, normalization=normalization))
    reach = (plain if normalization == "strength" else plain != 0).sum(1, keepdim=True)
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
    assert "edges.txt:3: expected `source target [weight [length]]`" in problem and repr(line) in problem
    with pytest.raises(ValueError, match=r"edges\.txt:3"):
        spec.build(SHAPE)


@pytest.mark.parametrize(
    ("text", "fields", "complaint"),
    [
        ("0 6\n", {}, "edges.txt:1: node 6 is not one of the 6 oscillators"),
        ("0 -1\n", {}, "edges.txt:1: node -1 is not one of the 6 oscillators"),
        ("0 1 nan\n", {}, "not a finite number"),
        ("0 1 inf\n", {}, "not a finite number"),
        ("0 1 -1\n", {"normalization": "degree"}, "weight -1 is negative, which takes `signed: true`"),
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
        ("random_regular_graph", {"d": 3, "n": 5, "seed": 1}, "makes no graph of these parameters"),
        ("karate_club_graph", {}, "has 34 nodes, and the layer has 6 oscillators"),
        ("cycle_graph", {"n": 4}, "has 4 nodes, and the layer has 6 oscillators"),
        ("graph_atlas_g", {}, "gives no graph"),
    ],
)
def test_generators_that_do_not_fit_are_refused(generator: str, parameters: dict[str, Any], complaint: str) -> None:
    (problem,) = GraphCouplingSpec(generator=generator, parameters=parameters).problems(SHAPE)
    assert complaint in problem


def test_a_missing_file_and_sites_are_refused(tmp_path: Path) -> None:
    spec = GraphCouplingSpec(file=str(tmp_path / "nowhere.txt"))
    assert "nowhere.txt" in spec.problems(SHAPE)[0]
    assert "without sites" in GraphCouplingSpec(generator="cycle_graph").problems(StateShape((2, 3), 3, 1))[0]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "give one of the two"),
        ({"generator": "cycle_graph", "file": "a.txt"}, "give one of the two"),
        ({"generator": "cykle_graph"}, "networkx has no generator 'cykle_graph'"),
        ({"generator": "cycle_graph", "learn": True, "normalization": "degree"}, "normalization: none"),
    ],
)
def test_declarations_that_contradict_themselves_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        GraphCouplingSpec.model_validate(fields)
