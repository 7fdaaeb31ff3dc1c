"""Which kinds work together: every pair is tried, and ends with two sound steps or with a reason against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

import torch

from oscillo.draws import Draws, normal
from oscillo.network import Network, NetworkSpec
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.oscillators import ACTIVATIONS
from oscillo.spec import registered

GRAPH = {"kind": "graph", "generator": "complete_graph"}
EXAMPLES: Mapping[tuple[str, str], Sequence[dict[str, Any]]] = {
    ("coupling", "graph"): [{"generator": "complete_graph"}],
    ("coupling", "ring"): [{"range": 2}],
    ("coupling", "triadic"): [{"generator": "complete_graph"}],
    ("coupling", "sum"): [{"terms": [{"kind": "self"}, {"kind": "mean_field"}]}],
    ("manifold", "sphere"): [{}, {"dimension": 2}],
    ("manifold", "euclidean"): [{"dimension": 4}, {"dimension": 2}],
}
"""Parameters to try for kinds whose defaults do not work by themselves, or not with everything; the rest has none."""

SITES: Sequence[list[int]] = ([], [3, 4])
"""Grids that are tried; nodes of a graph have none."""

OSCILLATORS, SAMPLES, STEPS, STEP_SIZE = 8, 2, 2, 0.1

MANIFOLDS: Sequence[dict[str, Any]] = ({"manifold": {"kind": "sphere"}}, {"manifold": {"kind": "plane"}})
"""Where integrators are tried with what oscillators may have."""

FEATURES: Mapping[str, dict[str, Any]] = {
    "without noise and inertia": {},
    "noise": {"noise": {"strength": 0.3}},
    "inertia": {"inertia": {"mass": 2.0, "damping": 0.5}},
    "noise and inertia": {"noise": {"strength": 0.3}, "inertia": {"mass": 2.0, "damping": 0.5}},
}
"""What oscillators may have besides; some integrators are for those that have it."""

DELAY = {"coupling": GRAPH | {"delay": {"time": 2 * STEP_SIZE}}}


class Outcome(NamedTuple):
    """What became of a pair."""

    result: Literal["works", "refused", "broken"]
    words: str = ""
    """What broke; or why it is refused, if only with what is tried first."""
    only: str = ""
    """What it works with, where that is not the first thing tried."""


class Table(NamedTuple):
    """Outcomes of the kinds of one role with those of another, or with what oscillators may have."""

    title: str
    rows: list[str]
    columns: list[str]
    outcomes: dict[tuple[str, str], Outcome]
    """By row and column."""


def tables() -> list[Table]:
    """All pairs of our own kinds, tried now."""
    pairs = {
        "Manifolds and couplings": ("coupling", "manifold"), "Manifolds and frequencies": ("frequency", "manifold"),
        "Manifolds and potentials": ("potential", "manifold"), "Manifolds and integrators": ("integrator", "manifold"),
    }  # fmt: skip
    found = [_of_roles(title, *roles) for title, roles in pairs.items()]
    delayed = {"delays": [more | DELAY for more in FEATURES.values()]}
    alone = {name: [more] for name, more in FEATURES.items()}
    found.append(_of_integrators("Integrators with noise, inertia and delays", alone | delayed))
    activations = {name: [more | {"activation": name} for more in FEATURES.values()] for name in ACTIVATIONS}
    return [*found, _of_integrators("Integrators and activations", activations)]


def markdown(of: Sequence[Table]) -> str:
    """Tables in Markdown, each with the reasons for what is refused in a numbered list below it."""
    return "\n".join(_written(table) for table in of)


def _written(table: Table) -> str:
    reasons: dict[str, int] = {}

    def cell(outcome: Outcome) -> str:
        if outcome.result == "broken":
            return f"broken: {outcome.words}"
        answer = outcome.only or ("yes" if outcome.result == "works" else "no")
        return f"{answer} ({reasons.setdefault(outcome.words, len(reasons) + 1)})" if outcome.words else answer

    kinds = {*table.rows, *ACTIVATIONS, *_kinds("manifold")}
    heads = [f"`{name}`" if name in kinds else name for name in table.columns]
    lines = [f"## {table.title}", "", f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for row in table.rows:
        cells = (cell(table.outcomes[row, column]) for column in table.columns)
        lines.append(f"| `{row}` | {' | '.join(cells)} |")
    footnotes = [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join([*lines, "", *footnotes, *[""] * bool(footnotes)])


def _kinds(role: str) -> list[str]:
    """Ours of one role."""
    return [kind for kind, cls in registered(role)[role].items() if cls.__module__.startswith("oscillo.")]


def _variants(role: str, kind: str) -> list[dict[str, Any]]:
    """Declarations of a kind that are tried."""
    own = {"step_size": STEP_SIZE} if role == "integrator" else {}
    return [{role: {"kind": kind} | own | more} for more in EXAMPLES.get((role, kind), [{}])]


def _of_roles(title: str, first: str, second: str) -> Table:
    rows, columns, outcomes = _kinds(first), _kinds(second), {}
    with_features = FEATURES.values() if first == "integrator" else [{}]
    for row, column in product(rows, columns):
        pairs = product(_variants(second, column), _variants(first, row), with_features)
        outcomes[row, column] = _best({**a, **b, **more} for a, b, more in pairs)
    return Table(title, rows, columns, outcomes)


def _of_integrators(title: str, features: Mapping[str, list[dict[str, Any]]]) -> Table:
    rows, outcomes = _kinds("integrator"), {}
    for row, (column, declarations) in product(rows, features.items()):
        variants = product(MANIFOLDS, _variants("integrator", row), declarations)
        outcome = _best({**manifold, **own, **more} for manifold, own, more in variants)
        # Reasons that differ by the name of the integrator alone are told once.
        outcomes[row, column] = outcome._replace(words=outcome.words.replace(f"`{row}` ", "it ", 1))
    return Table(title, rows, list(features), outcomes)


def _best(declarations: Iterator[dict[str, Any]]) -> Outcome:
    """Of several declarations, and on all grids, the first that works or is broken; else why the first is refused."""
    first: dict[str, Any] | None = None
    refused: list[str] = []
    for declaration in declarations:
        first = first or declaration
        for sites in SITES:
            outcome = tried(declaration, sites)
            if outcome.result == "broken":
                return outcome
            if outcome.result == "works":
                only = _particular(declaration, first)
                return Outcome("works", refused[0] if only else "", only)
            refused.append(outcome.words)
    return Outcome("refused", refused[0])


def _particular(declaration: dict[str, Any], first: dict[str, Any]) -> str:
    """In what manifold a declaration differs from the first; nothing of what else its oscillators have."""
    own, other = declaration.get("manifold", {}), first.get("manifold", {})
    if own.get("kind") != other.get("kind"):
        return f"on `{own['kind']}`"
    return "" if own == other else f"`dimension: {own['dimension']}`"


@torch.no_grad()
def tried(declaration: dict[str, Any], sites: list[int]) -> Outcome:
    """What becomes of a layer: two steps that end in finite states on the manifold, or what its parts object to."""
    free = {
        "manifold": {"kind": "sphere"}, "coupling": {"kind": "mean_field"}, "oscillators": OSCILLATORS,
        "integrator": {"kind": "projected_euler", "step_size": STEP_SIZE}, "readout": {"kind": "state"},
    }  # fmt: skip
    spec = NetworkSpec.model_validate({"sites": sites, "layers": [free | declaration]})
    problems = spec.problems(tuple(sites))
    if problems:
        return Outcome("refused", problems[0][1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = spec.build(tuple(sites))
    index = torch.arange(SAMPLES)
    output = network(normal(1, index, (*sites, network.channels_in)), steps=STEPS, draws=Draws(0, index))
    faults = list(_faults(network, output.states[0]))
    return Outcome("broken", "; ".join(faults)) if faults else Outcome("works")


def _faults(network: Network, state: dict[str, torch.Tensor]) -> Iterator[str]:
    """What is wrong with a last state."""
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            yield f"{name} is not finite"
    layer, x = network.layers[0], state["x"]
    assert isinstance(layer, OscillatorLayer)
    manifold = layer.oscillators.manifold
    if manifold.drift(x).max() > 1e-6 or (manifold.winds and x.abs().max() > torch.pi + 1e-6):
        yield "the state is not on the manifold"
    if "v" in state and (manifold.transport(x, state["v"]) - state["v"]).abs().max() > 1e-5:
        yield "the velocity is not tangent"
