from __future__ import annotations

import math
from itertools import combinations, count
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from dynamics import circle, numbers
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import MeanFieldCouplingSpec, SumCouplingSpec, TriadicCouplingSpec
from oscillo.frequencies import NoFrequencySpec
from oscillo.layout import StateShape
from oscillo.manifolds import CircleSpec
from oscillo.oscillators import Oscillators
from oscillo.testing import check_component

pytestmark = pytest.mark.usefixtures("in_double")

N = 6
SHAPE = StateShape((), 2, N)
FORMS = ["sum", "difference"]
fresh = count()

rows = st.lists(
    st.tuples(st.permutations(range(N)), st.floats(-2, 2)).map(lambda row: (*row[0][:3], row[1])),
    min_size=1, max_size=12,
)  # fmt: skip
Triangles = list[tuple[int, int, int, float]]


def by_loops(theta: Tensor, triangles: Triangles, form: str, per_oscillator: bool) -> Tensor:
    """Angular velocities, triangle by triangle and corner by corner."""
    velocity, together = torch.zeros_like(theta), {}
    for *corners, weight in triangles:
        together[tuple(sorted(corners))] = together.get(tuple(sorted(corners)), 0.0) + weight
    number = [sum(i in corners for corners in together) for i in range(N)]
    for corners, weight in together.items():
        for i in corners:
            j, k = (theta[:, other] for other in corners if other != i)
            own = theta[:, i]
            if form == "sum":
                pull = (j + k - 2 * own).sin()
            else:
                pull = (2 * j - k - own).sin() + (2 * k - j - own).sin()
            velocity[:, i] += weight * pull / (number[i] if per_oscillator else 1)
    return velocity


def velocity(spec: Any, theta: Tensor) -> Tensor:
    """Angular velocities of phases [sample, oscillator]."""
    assert not spec.problems(SHAPE)
    one = SHAPE._replace(components=1)
    oscillators = Oscillators(one, CircleSpec().build(), NoFrequencySpec().build(SHAPE), spec.build(SHAPE))
    return oscillators.velocity({"x": theta[:, None]})[:, 0]


def written(folder: Path, text: str, **fields: Any) -> TriadicCouplingSpec:
    file = folder / f"triangles{next(fresh)}.txt"
    file.write_text(text)
    return TriadicCouplingSpec(simplices=str(file), **fields)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_oscillator", [True, False])
@given(triangles=rows, strength=st.floats(-2, 2), key=st.integers(0, 1000))
def test_triangles_in_a_file_against_a_loop(
    tmp_path: Path, form: str, per_oscillator: bool, triangles: Triangles, strength: float, key: int
) -> None:
    text = "# i j k weight\n" + "".join(f"{i} {j} {k} {weight!r}\n" for i, j, k, weight in triangles)
    spec = written(tmp_path, text, form=form, per_oscillator=per_oscillator, strength=strength)
    theta = math.pi * numbers(2, N, key=key)
    expected = strength * by_loops(theta, triangles, form, per_oscillator)
    assert_close(velocity(spec, theta), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("directed", [True, False])
@given(p=st.floats(0.5, 1), seed=st.integers(0, 100))
def test_triangles_of_a_graph_against_a_loop(form: str, directed: bool, p: float, seed: int) -> None:
    graph = nx.gnp_random_graph(N, p, seed=seed, directed=directed).to_undirected()
    triangles = [(*t, 1.0) for t in combinations(range(N), 3) if all(graph.has_edge(*e) for e in combinations(t, 2))]
    given = {"p": p, "seed": seed, "directed": directed}
    spec = TriadicCouplingSpec(generator="gnp_random_graph", parameters=given, form=form)
    if not triangles:
        assert spec.problems(SHAPE) == ["the graph has no triangles"]
        return
    theta = math.pi * numbers(2, N, key=seed)
    assert_close(velocity(spec, theta), by_loops(theta, triangles, form, False), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_all_triangles_by_moments(form: str) -> None:
    # On the complete graph sums over pairs j < k are moments of the phases: (Z1^2 - Z2) / 2 and Z2 conj(Z1) less the
    # pairs that have i, or one oscillator twice (Tanaka and Aoyagi 2011; Skardal and Arenas 2020).
    theta = math.pi * numbers(3, N)
    z = torch.polar(torch.ones_like(theta), theta)
    first, second = (power.sum(-1, keepdim=True) for power in (z, z * z))
    pairs = (first**2 - second) / 2 - z * (first - z)
    own = z.conj() ** 2
    if form == "difference":
        pairs = second * first.conj() - first - z * z * (first.conj() - z.conj()) - z.conj() * (second - z * z)
        own = z.conj()
    spec = TriadicCouplingSpec(generator="complete_graph", form=form)
    assert_close(velocity(spec, theta), (pairs * own).imag, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_equal_phases_stay_and_turning_all_changes_nothing(form: str) -> None:
    spec = TriadicCouplingSpec(generator="complete_graph", form=form)
    theta = math.pi * numbers(2, N)
    assert_close(velocity(spec, theta + 0.8), velocity(spec, theta))
    assert_close(velocity(spec, theta[:, :1].expand(2, N)), torch.zeros(2, N), rtol=0, atol=1e-14)


def test_pairs_and_triangles_add_up() -> None:
    theta = numbers(2, N)
    pairs, triangles = MeanFieldCouplingSpec(strength=0.7), TriadicCouplingSpec(generator="complete_graph")
    total = velocity(SumCouplingSpec(terms=[pairs, triangles]), theta)
    assert_close(total, velocity(pairs, theta) + velocity(triangles, theta))


def test_no_energy_is_promised() -> None:
    assert not TriadicCouplingSpec(generator="complete_graph").build(SHAPE).symmetric


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_oscillator", [True, False])
def test_contract(tmp_path: Path, form: str, per_oscillator: bool) -> None:
    torch.set_default_dtype(torch.float32)
    given = {"form": form, "per_oscillator": per_oscillator, "strength": 0.5}
    check_component(TriadicCouplingSpec(generator="complete_graph", **given), SHAPE)
    check_component(written(tmp_path, "0 1 2\n3, 4, 2, -0.5\n", **given), SHAPE)


def test_an_oscillator_without_triangles_feels_nothing(tmp_path: Path) -> None:
    spec = written(tmp_path, "0 1 2\n", per_oscillator=True)
    field = spec.build(SHAPE)(circle(numbers(2, N)))
    assert torch.isfinite(field).all() and not field[..., 3:].any()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0 1 6\n", "triangles.txt:1: a node is not one of the 6 oscillators"),
        ("0 1 2\n0 1 1\n", "triangles.txt:2: a node stands twice"),
        ("0 1 2 nan\n", "triangles.txt:1: the weight is not a finite number"),
        ("0 1\n", "triangles.txt:1"),
        ("0 1 two\n", "triangles.txt:1"),
        ("# nothing\n", "no triangles"),
    ],
)
def test_files_that_cannot_be_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "triangles.txt").write_text(text)
    (problem,) = TriadicCouplingSpec(simplices=str(tmp_path / "triangles.txt")).problems(SHAPE)
    assert complaint in problem


def test_a_file_may_have_directions_and_signs(tmp_path: Path) -> None:
    (tmp_path / "edges.txt").write_text("0 1 1\n2 1 -1\n0 2 1\n1 0 3\n")
    spec = TriadicCouplingSpec(file=str(tmp_path / "edges.txt"), directed=True, signed=True)
    assert not spec.problems(SHAPE)
    assert spec.corners(N)[0].tolist() == [[0, 1, 2]]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    spec = TriadicCouplingSpec(generator="complete_graph")
    assert "have none" in spec.problems(StateShape((), 3, N))[0]
    assert "without sites" in spec.problems(StateShape((2, 3), 2, N))[0]
    assert TriadicCouplingSpec(generator="cycle_graph").problems(SHAPE) == ["the graph has no triangles"]
    assert "nowhere.txt" in TriadicCouplingSpec(simplices=str(tmp_path / "nowhere.txt")).problems(SHAPE)[0]
    assert "nowhere.txt" in TriadicCouplingSpec(file=str(tmp_path / "nowhere.txt")).problems(SHAPE)[0]
    file = TriadicCouplingSpec(generator="karate_club_graph").problems(SHAPE)[0]
    assert "34 nodes" in file


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "give one"),
        ({"simplices": "a.txt", "generator": "complete_graph"}, "give one"),
        ({"simplices": "a.txt", "file": "b.txt"}, "give one"),
        ({"simplices": "a.txt", "parameters": {"n": 6}}, "`parameters`"),
        ({"generator": "complete_graph", "normalization": "degree"}, "per_oscillator"),
        ({"generator": "complete_graph", "file": "b.txt"}, "give one"),
        ({"generator": "cycle_graph", "strength": math.inf}, "finite"),
        ({"generator": "complete_graph", "directed": True}, "neither directions nor weights: leave out `directed`"),
        ({"generator": "complete_graph", "weighted": False, "signed": True}, "leave out `weighted` and `signed`"),
    ],
)
def test_declarations_that_contradict_themselves_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        TriadicCouplingSpec.model_validate(fields)
