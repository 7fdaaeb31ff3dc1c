"""Simulations of a few oscillators, what they leave, and the same by hand."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
import xarray as xr

import oscillo
from oscillo.draws import Draws, normal
from oscillo.integrators.loop import Noise
from oscillo.layout import State
from oscillo.network.network import Network, Way
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.recording import TrajectoryStore
from oscillo.running import RunFailed
from oscillo.runspec import LoadedSpec, read_spec
from oscillo.simulation import Simulation
from oscillo.simulation.execution import prepare
from oscillo.training import Checkpoints

STRENGTH = "network.layers.0.coupling.strength"

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
                "stimulus": {"kind": "none"},
                "readout": {"kind": "state"},
                "integrator": {"kind": "rk4", "step_size": 0.1},
            }
        ],
    },
    "task": {"kind": "simulate", "steps": 20},
    "recording": {"observables": {"order_parameter": {}}},
    "precision": "float64",
    "device": "cpu",
    "compile": "off",
}

VARIANTS: dict[str, dict[str, Any]] = {
    "kuramoto": {},
    "dopri5": {"integrator": {"kind": "dopri5", "step_size": 0.1}},
    "noisy": {"integrator": {"kind": "heun", "step_size": 0.1}, "noise": {"strength": 0.3}},
    "delayed": {
        "coupling": {
            "kind": "graph", "generator": "cycle_graph", "strength": 1.5, "delay": {"time": 0.35},
        },
    },
    "inertial": {"inertia": {"mass": 0.7, "damping": 0.2}},
    "driven": {"stimulus": {"kind": "sine", "amplitude": 0.6, "frequency": 2.0}},
    "plane": {
        "manifold": {"kind": "plane"}, "potential": {"kind": "quartic", "mu": 0.8},
        "coupling": {"kind": "mean_field", "strength": 1.5, "form": "diffusive"},
        "frequency": {"kind": "drawn", "shear": 0.4},
    },
    "sphere": {
        "manifold": {"kind": "sphere", "dimension": 4},
        "coupling": {"kind": "dense", "distribution": {"kind": "normal", "deviation": 1.0}, "seed": 1, "strength": 1.5},
        "integrator": {"kind": "projected_euler", "step_size": 0.1},
    },
}  # fmt: skip
"""Layers of five oscillators by what sets them apart."""

ALL_OBSERVED: dict[str, dict[str, Any]] = {
    "order_parameter": {}, "energy": {}, "speed": {}, "mean_frequency": {}, "phase_locking": {"to": "pairs"},
}  # fmt: skip


def small(**changes: Any) -> dict[str, Any]:
    """The small spec with changes, keys with dots in double underscores: `small(task__steps=3)`."""
    spec = deepcopy(SMALL)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = spec
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        place[int(last) if isinstance(place, list) else last] = deepcopy(value)
    return spec


def variant(name: str, **changes: Any) -> dict[str, Any]:
    """The small spec with another layer."""
    observed = {kind: dict(one) for kind, one in ALL_OBSERVED.items() if name != "delayed" or kind != "energy"}
    first = {} if name == "sphere" else {"recording__observables": observed}
    spec = small(**{**first, **changes})
    spec["network"]["layers"][0] |= deepcopy(VARIANTS[name])
    return spec


def with_parameter(spec: dict[str, Any], key: str, value: float) -> dict[str, Any]:
    """The spec with one number replaced, and without what varies."""
    changed = deepcopy(spec)
    place: Any = changed
    *parents, last = key.split(".")
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[last] = value
    changed["task"].setdefault("ensemble", {}).pop("vary", None)
    return changed


def prepared(spec: dict[str, Any]) -> Simulation:
    """The simulation of a spec, ready to run."""
    loaded: LoadedSpec = read_spec(spec)
    return prepare(loaded)


def record(folder: Path, spec: dict[str, Any], check: Callable[[], None] = lambda: None) -> xr.DataTree:
    """Run a simulation from wherever its folder stands, without a run directory, and read what it left."""
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    with TrajectoryStore(folder / "data.zarr") as store:
        prepared(spec).run(store, Checkpoints(folder / "checkpoints", 2), check=check)
    return reread(folder)


def reread(folder: Path) -> xr.DataTree:
    """What is committed."""
    return xr.open_datatree(str(folder / "data.zarr"), engine="zarr", chunks=None).load()


def identical(one: xr.DataTree, other: xr.DataTree) -> bool:
    """Whether two simulations left the same, bit for bit."""
    groups = [{node.path: node.to_dataset() for node in tree.subtree} for tree in (one, other)]
    return groups[0].keys() == groups[1].keys() and all(
        groups[0][path].equals(dataset) for path, dataset in groups[1].items()
    )


def layer_by_hand(spec: dict[str, Any], member: int = 0) -> OscillatorLayer:
    """The layer of a member, built from its declaration alone."""
    declared = oscillo.load(spec)
    torch.manual_seed(declared.seed + (member << 32))
    torch.set_default_dtype(torch.float64 if declared.precision == "float64" else torch.float32)
    try:
        layer = declared.network.layers[0].build(declared.sites, None)
    finally:
        torch.set_default_dtype(torch.float32)
    assert isinstance(layer, OscillatorLayer)
    return layer.requires_grad_(False)


def loop_by_hand(spec: dict[str, Any], steps: int, member: int = 0) -> tuple[OscillatorLayer, list[State]]:
    """The layer, and its states 0 .. steps from the initial state that the member's seed draws."""
    layer, shape = layer_by_hand(spec, member), oscillo.load(spec).network.layers[0].shape(())
    index = torch.tensor([member])
    drawn = normal(spec["seed"], index, (shape.components, shape.oscillators)).double()
    state = layer.initial_state(layer.spread(drawn).to(layer.dt.dtype))
    states = [state]
    noise: Noise | None = None
    if layer.is_noisy:
        noise = Network([layer], 0).noise(0, state, Way([steps], Draws(spec["seed"], index)))
    with torch.no_grad():
        for k in range(steps):
            state, _ = layer(state, None, k * layer.dt.double(), layer.dt, noise and noise(k))
            states.append(state)
    return layer, states


def refused(folder: Path, spec: dict[str, Any], *overrides: str) -> str:
    """What a run is refused with before anything is made on the disk."""
    runs = folder / "runs"
    try:
        oscillo.run(spec, overrides, runs=runs)
    except (oscillo.SpecError, RunFailed) as error:
        assert not runs.exists() or not list(runs.iterdir()), "a refused run has left something behind"
        return str(error)
    raise AssertionError("nothing was refused")
