"""A run in one sentence: what oscillates, how it is coupled, what it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oscillo.reporting.words import number


def described(spec: Mapping[str, Any], question: Mapping[str, Any] | None) -> str:
    """What a run is, from its resolved spec."""
    layers = spec.get("network", {}).get("layers") or []
    parts = [_layer(layer) for layer in layers if isinstance(layer, Mapping)]
    task = spec.get("task") or {}
    purpose = f"Question {question.get('kind', '')}" if question else f"Task {task.get('kind', '')}"
    sites = spec.get("network", {}).get("sites")
    grid = f"at each of {' × '.join(map(str, sites))} sites" if sites else "" if sites == [] else "at each site"
    length = "" if question else _length(layers, task)
    return "; ".join(filter(None, [f"{purpose}: {' → '.join(parts)} {grid}".strip(), length]))


def _layer(layer: Mapping[str, Any]) -> str:
    """A layer: how many oscillators, where they live, their coupling and integrator."""
    if layer.get("kind", "oscillators") != "oscillators":
        inner = layer.get("block") or {}
        return f"{layer.get('kind')} {inner.get('kind', '')}".strip()
    manifold = layer.get("manifold") or {}
    kind, dimension = manifold.get("kind", ""), manifold.get("dimension")
    where = f"{kind}({dimension})" if dimension else kind
    count = layer.get("oscillators") or (
        layer["channels"] // dimension if layer.get("channels") and dimension else layer.get("channels")
    )
    many = f"{number(count)} oscillator{'' if count == 1 else 's'}" if count else "oscillators"
    coupling, integrator = _coupling(layer.get("coupling") or {}), layer.get("integrator") or {}
    return f"{many} on the {where} (coupling {coupling}, {integrator.get('kind', '')})"


def _coupling(coupling: Mapping[str, Any]) -> str:
    if isinstance(terms := coupling.get("terms"), Sequence):
        return " + ".join(_coupling(term) for term in terms)
    return str(coupling.get("kind", ""))


def _length(layers: Sequence[Mapping[str, Any]], task: Mapping[str, Any]) -> str:
    """How long a simulation is, and how many members it has."""
    vary = (task.get("ensemble") or {}).get("vary") or {}
    many = [f"{len(values)} values of {name.rsplit('.', 1)[-1]}" for name, values in vary.items()
            if isinstance(values, list)]  # fmt: skip
    if isinstance(seeds := (task.get("ensemble") or {}).get("seeds"), int) and seeds > 1:
        many.append(f"{seeds} seeds")
    length = f"{number(task['duration'])} units of time" if task.get("duration") else (
        f"{number(task['steps'])} steps" if task.get("steps") else "")  # fmt: skip
    return ", ".join([length, *many] if length else many)
