"""Runs to report on: small simulations, and folders that are made by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

import oscillo
from oscillo.recording import ArrayDeclaration, GroupDeclaration, MetricsLog, Recorder, RunDirectory, TrajectoryStore

VOID = {"meta", "img", "input", "br", "link"}

SPEC = """\
version: 2
name: invented
seed: 0
network:
  layers:
  - manifold: {kind: sphere, dimension: 4}
    channels: 16
    coupling: {kind: attention, heads: 2, position: gta}
    integrator: {kind: projected_euler, steps: 4}
task: {kind: sudoku, block: [2, 2], evaluations: [{name: id}]}
training: {steps: 20}
"""


def simulate(runs: Path, name: str, layer: Mapping[str, Any], sites: list[int], **task: Any) -> oscillo.Run:
    """A simulation of some steps that records the order parameter and states."""
    spec = {
        "version": 2,
        "name": name,
        "network": {"sites": sites, "layers": [{"stimulus": {"kind": "none"}, **layer}]},
        "task": {"kind": "simulate", "steps": 20, **task},
        "recording": {"observables": {"order_parameter": {}, "state": {"every": 2}}},
        "device": "cpu",
        "compile": "off",
    }
    return oscillo.run(spec, runs=runs)


def kuramoto(runs: Path) -> oscillo.Run:
    """Phases without sites, three coupling strengths."""
    layer = {
        "manifold": {"kind": "circle"},
        "oscillators": 12,
        "frequency": {"kind": "drawn", "distribution": {"kind": "normal"}},
        "coupling": {"kind": "mean_field", "strength": 1.0},
        "integrator": {"kind": "rk4", "step_size": 0.1},
    }
    ensemble = {"vary": {"network.layers.0.coupling.strength": [0.5, 2.0, 8.0]}}
    return simulate(runs, "kuramoto", layer, [], ensemble=ensemble)


def waves(runs: Path) -> oscillo.Run:
    """Unit vectors of four components on a grid."""
    layer = {
        "manifold": {"kind": "sphere", "dimension": 4},
        "oscillators": 1,
        "coupling": {"kind": "convolution", "kernel_size": 3},
        "integrator": {"kind": "projected_euler", "step_size": 0.1},
    }
    return simulate(runs, "waves", layer, [7, 5])


def by_hand(
    runs: Path, state: str = "done", reason: str = "", *, sources: Mapping[str, str] | None = None,
    metrics: Mapping[str, float] | None = None, spec: str = SPEC, **facts: Any,
) -> RunDirectory:  # fmt: skip
    """The folder of a run that nobody has run."""
    record = {
        "command": ["python", "/bin/oscillo", "run", "invented.yaml", "training.steps=20"], "seed": 0,
        "packages": {"oscillo": "0"}, "torch": {"device": "cpu", "device_name": "abacus"}, "git": None, **facts,
    }  # fmt: skip
    run = RunDirectory.create(
        runs, "invented", spec_yaml=spec, sources=sources or {"invented.yaml": spec}, provenance=record
    )
    if metrics:
        with MetricsLog(run.metrics) as log:
            log.write(10, metrics)
    run.set_state(state, reason)  # pyright: ignore[reportArgumentType]
    return run


def two_layers(runs: Path, *, lost: bool = False, label: str = "energy") -> RunDirectory:
    """An evaluation of two layers on a grid; of the first sample nothing is known after step 1 where it is `lost`."""
    run = by_hand(runs, metrics={"id/board_accuracy": 0.5, "id/steps": 4.0, "train/loss": 1.0})
    samples, steps = 3, 5
    state = ArrayDeclaration(
        "state",
        ("sample", "step", "y", "x", "component", "oscillator"),
        (samples, steps, 4, 4, 4, 2),
        "float32",
        "1",
        "s",
    )
    energy = ArrayDeclaration("energy", ("sample", "step"), (samples, steps), "float32", "1", label)
    correct = ArrayDeclaration("correct", ("sample",), (samples,), "bool", "1", "solved")
    groups = [
        *(
            GroupDeclaration("trajectory", (state,), layer=f"layer{n}", coordinates={"step": range(steps)})
            for n in (0, 1)
        ),
        *(
            GroupDeclaration("summary", (energy,), layer=f"layer{n}", coordinates={"step": range(steps)})
            for n in (0, 1)
        ),
        GroupDeclaration("result", (correct,)),
    ]
    numbers = np.random.default_rng(0)
    with TrajectoryStore(run.data) as store, Recorder(store, "id", groups, {}) as recorder:
        for layer in ("layer0", "layer1"):
            values = numbers.normal(size=(samples, *state.shape[1:])).astype(np.float32)
            if lost:
                values[0, 2:] = np.nan
            recorder.write("trajectory", np.arange(samples), {"state": values}, layer=layer)
            falling = -np.arange(steps, dtype=np.float32)[None] - np.arange(samples, dtype=np.float32)[:, None]
            recorder.write("summary", np.arange(samples), {"energy": falling}, layer=layer)
        recorder.write("result", np.arange(samples), {"correct": np.array([True, False, True])})
    return run


class Page(HTMLParser):
    """A page that is read element by element, and has to close what it opens."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """What a reader sees, with single spaces."""
        return " ".join(" ".join(self.words).split())

    @property
    def player(self) -> dict[str, Any]:
        """What the player shows."""
        return json.loads(next(text for text in self.scripts if text.lstrip().startswith("{")))

    def ids(self) -> set[str | None]:
        return {attributes["id"] for _, attributes in self.elements if "id" in attributes}
