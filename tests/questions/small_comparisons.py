"""Small networks whose integrators are compared: smooth simulations, and a network that has learned a little."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import xarray as xr

import oscillo
from oscillo.running import RunFailed

LAYER: dict[str, Any] = {
    "manifold": {"kind": "circle"},
    "oscillators": 6,
    "frequency": {"kind": "drawn", "distribution": {"kind": "normal", "deviation": 1.0}},
    "coupling": {"kind": "mean_field", "strength": 1.5},
    "stimulus": {"kind": "none"},
    "readout": {"kind": "state"},
    "integrator": {"kind": "rk4", "step_size": 0.1},
}

SIMULATION: dict[str, Any] = {
    "version": 2, "name": "small", "seed": 3, "network": {"sites": [], "layers": [LAYER]},
    "task": {"kind": "simulate", "steps": 20},
    "precision": "float64", "device": "cpu", "compile": "off",
}  # fmt: skip

DENSE = {"kind": "dense", "distribution": {"kind": "normal", "deviation": 1.0}, "seed": 1, "strength": 1.5}

VARIANTS: dict[str, dict[str, Any]] = {
    "circle": {},
    "sphere": {
        "manifold": {"kind": "sphere", "dimension": 4}, "coupling": DENSE,
        "integrator": {"kind": "projected_euler", "step_size": 0.1},
    },
    "plane": {
        "manifold": {"kind": "plane"}, "potential": {"kind": "quartic", "mu": 0.8},
        "coupling": {"kind": "mean_field", "strength": 1.5, "form": "diffusive"},
    },
    "inertia": {"inertia": {"mass": 0.7, "damping": 0.2}},
    "delays": {"coupling": {"kind": "graph", "generator": "cycle_graph", "strength": 1.5, "delay": {"time": 0.4}}},
}  # fmt: skip
"""Layers by what sets them apart."""

NETWORK: dict[str, Any] = {
    "version": 2,
    "name": "learner",
    "seed": 3,
    "network": {
        "layers": [
            {
                "manifold": {"kind": "sphere", "dimension": 4},
                "channels": 16,
                "frequency": {"kind": "shared", "init": 0.5, "learn": True},
                "coupling": {"kind": "attention", "heads": 2, "position": "gta"},
                "integrator": {"kind": "projected_euler", "steps": 4, "learn_step_size": True, "project": True},
            }
        ]
    },
    "task": {
        "kind": "sudoku",
        "block": [2, 2],
        "train": {"boards": 64, "givens": [12, 13], "seed": 1},
        "evaluations": [
            {"name": "few", "boards": 6, "givens": [6, 10], "seed": 4},
            {"name": "id", "boards": 22, "givens": [12, 13], "seed": 2, "batch_size": 4},
        ],
    },
    "training": {"steps": 100, "batch_size": 16, "optimizer": {"kind": "adam", "lr": 1.0e-2}, "log_every": 30},
    "recording": {"samples": 2},
    "device": "cpu",
    "compile": "off",
}


def simulation(variant: str = "circle", **layer: Any) -> dict[str, Any]:
    """A simulation of six oscillators."""
    spec = deepcopy(SIMULATION)
    spec["network"]["layers"][0] |= deepcopy(VARIANTS[variant]) | layer
    return spec


def written(folder: Path, spec: dict[str, Any]) -> Path:
    """The spec as a file."""
    path = folder / "spec.yaml"
    path.write_text(oscillo.load(spec).model_dump_json())
    return path


def compared(folder: Path, spec: dict[str, Any], **settings: Any) -> xr.Dataset:
    """What a comparison leaves."""
    run = oscillo.compare(written(folder, spec), runs=folder / "runs", **settings)
    return run.data["comparison"].to_dataset().load()


def refused(folder: Path, spec: dict[str, Any], **settings: Any) -> str:
    """Why there is no comparison; nothing is left on the disk."""
    runs = folder / "runs"
    try:
        oscillo.compare(written(folder, spec), runs=runs, **settings)
    except (oscillo.SpecError, RunFailed) as error:
        assert not runs.exists() or not list(runs.iterdir())
        return str(error)
    raise AssertionError("nothing was refused")
