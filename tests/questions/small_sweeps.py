"""Sweeps of a few oscillators."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

STRENGTH = "network.layers.0.coupling.strength"
OSCILLATORS = "network.layers.0.oscillators"
STEP_SIZE = "network.layers.0.integrator.step_size"

SMALL: dict[str, Any] = {
    "version": 2,
    "name": "small",
    "seed": 3,
    "network": {
        "sites": [],
        "layers": [
            {
                "manifold": {"kind": "circle"},
                "oscillators": 5,
                "frequency": {"kind": "drawn", "distribution": {"kind": "normal", "deviation": 1.0}},
                "coupling": {"kind": "mean_field", "strength": 1.5},
                "integrator": {"kind": "rk4", "step_size": 0.1},
            }
        ],
    },
    "task": {"kind": "simulate", "steps": 20},
    "recording": {"observables": {"order_parameter": {}, "mean_frequency": {}}},
    "precision": "float64",
    "device": "cpu",
    "compile": "off",
    "threads": 1,
}


def small(**changes: Any) -> dict[str, Any]:
    """The small spec with changes, keys with dots in double underscores: `small(task__steps=3)`."""
    spec = deepcopy(SMALL)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = spec
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        place[last] = value
    return spec


LEARNING: dict[str, Any] = {
    "version": 2,
    "name": "learning",
    "network": {
        "layers": [
            {
                "manifold": {"kind": "sphere", "dimension": 4},
                "channels": 16,
                "coupling": {"kind": "attention", "heads": 2},
                "integrator": {"kind": "projected_euler", "steps": 3},
            }
        ]
    },
    "task": {
        "kind": "sudoku",
        "block": [2, 2],
        "train": {"boards": 40, "givens": [6, 10], "seed": 1},
        "evaluations": [{"name": "id", "boards": 10, "givens": [6, 10], "seed": 2}],
    },
    "training": {"steps": 4, "batch_size": 8, "log_every": 2},
    "recording": {"samples": 1},
    "device": "cpu",
    "compile": "off",
    "threads": 1,
}
