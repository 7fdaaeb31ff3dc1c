"""Every pair of kinds takes two sound steps, or is refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from oscillo.spec import registered
from oscillo.testing.pairs import Outcome, Table, markdown, tables, tried

PAGE = Path(__file__).parents[2] / "docs/pairs.md"
MARK = "<!-- Everything below is written by docs/generate.py. -->\n\n"
NOISELESS = ("dopri5", "geodesic_euler", "map", "projected_euler", "rk4", "torchdiffeq")
REFUSED = {
    ("identity", "circle"), ("harmonic", "circle"), ("harmonic", "sphere"), ("quartic", "circle"),
    ("quartic", "sphere"), ("map", "circle"), ("map", "inertia"), ("map", "delays"), ("dopri5", "delays"),
    ("torchdiffeq", "delays"), ("euler_maruyama", "without noise and inertia"), ("euler_maruyama", "inertia"),
    ("semi_implicit_euler", "without noise and inertia"), ("semi_implicit_euler", "noise"),
    ("semi_implicit_euler", "noise and inertia"),
    *((kind, noise) for kind in NOISELESS for noise in ("noise", "noise and inertia")),
}  # fmt: skip
"""All pairs that may be refused; whoever refuses another one has to say so here."""


@pytest.fixture(scope="module")
def found() -> list[Table]:
    return tables()


def outcomes(found: list[Table]) -> dict[tuple[str, str], Outcome]:
    return {pair: outcome for table in found for pair, outcome in table.outcomes.items()}


def test_no_pair_breaks(found: list[Table]) -> None:
    broken = {pair: outcome.words for pair, outcome in outcomes(found).items() if outcome.result == "broken"}
    assert not broken


def test_pairs_are_refused_with_a_reason(found: list[Table]) -> None:
    refused = {pair: outcome.words for pair, outcome in outcomes(found).items() if outcome.result == "refused"}
    assert set(refused) == REFUSED
    assert all(len(words.split()) > 5 for words in refused.values())


def test_what_works_somewhere_only_is_told(found: list[Table]) -> None:
    only = {pair: outcome.only for pair, outcome in outcomes(found).items() if outcome.only}
    assert only == {
        ("triadic", "sphere"): "`dimension: 2`",
        ("triadic", "euclidean"): "`dimension: 2`",
        ("map", "relu"): "on `plane`",
    }


def test_all_kinds_are_tried(found: list[Table]) -> None:
    for role in ("coupling", "frequency", "potential", "integrator"):
        ours = {kind for kind, cls in registered(role)[role].items() if cls.__module__.startswith("oscillo.")}
        (table,) = (table for table in found if set(table.rows) == ours and "circle" in table.columns)
        assert set(table.columns) == {"circle", "euclidean", "plane", "sphere"}
        assert set(table.outcomes) == {(row, column) for row in table.rows for column in table.columns}


def test_a_layer_that_breaks_is_found_out() -> None:
    # A spring far too stiff for its step throws the oscillators away within two steps.
    outcome = tried({"potential": {"kind": "harmonic", "stiffness": 1e38}, "manifold": {"kind": "plane"}}, [])
    assert outcome.result == "broken"
    assert "is not finite" in outcome.words


def test_tables_are_written_with_reasons_below() -> None:
    cells = {
        ("a", "circle"): Outcome("works"),
        ("a", "plane"): Outcome("refused", "it cannot"),
        ("b", "circle"): Outcome("works", "it cannot", "`dimension: 2`"),
        ("b", "plane"): Outcome("refused", "nor here"),
    }
    written = markdown([Table("A and B", ["a", "b"], ["circle", "plane"], cells)])
    assert written.splitlines() == [
        "## A and B", "", "| | `circle` | `plane` |", "|---|---|---|", "| `a` | yes | no (1) |",
        "| `b` | `dimension: 2` (1) | no (2) |", "", "1. it cannot", "2. nor here",
    ]  # fmt: skip


def test_the_page_is_up_to_date(found: list[Table]) -> None:
    _, _, below = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert below == markdown(found), "docs/pairs.md is out of date: make docs"
