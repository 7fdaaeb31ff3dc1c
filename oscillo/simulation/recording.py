"""What a simulation leaves in the store: series and states along time, and a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from oscillo.layout import State
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.recording import TrajectoryStore, bytes_expected
from oscillo.recording.declarations import ArrayDeclaration, coordinate
from oscillo.simulation.ensemble import EnsembleSpec, Member
from oscillo.simulation.observables import Observable, Series, Summary, Variable

SERIES, STATES, SUMMARY = "series", "states", "summary"
"""The groups of the store."""

STATISTICS = {
    "steps": ("steps", "steps of the integrator; inner ones where it chooses them"),
    "rejected": ("rejected steps", "attempted steps whose error was too large"),
    "evaluations": ("evaluations", "evaluations of the right-hand side by the integrator"),
    "drift": ("drift", "largest distance from the manifold before a state was taken back to it"),
    "diverged_at": ("time of divergence", "time at which the state was first seen not to be finite; NaN if it never was"),
    "diverged_oscillator": ("oscillator that diverged", "the first oscillator that was not finite; -1 for none"),
}
"""What is told of every sample's integration."""


class Times(NamedTuple):
    """At which steps something is recorded."""

    first: int
    every: int
    steps: int
    """Steps of the whole run."""

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.steps - self.first) // self.every + 1

    def has(self, step: int) -> bool:
        """Whether a step is among them."""
        return step >= self.first and (step - self.first) % self.every == 0

    def after(self, step: int) -> int:
        """The first of them behind a step; it may lie beyond the end."""
        return max(self.first, self.first + ((step - self.first) // self.every + 1) * self.every)


class SimulationRecording:
    """The arrays of a simulation, and how numbers get there.

    Attributes:
        series, states: when these are recorded; no states when they are not kept.
    """

    def __init__(
        self, layer: OscillatorLayer, observables: Sequence[Observable], ensemble: EnsembleSpec,
        series: Times, states: Times | None, dtype: torch.dtype,
    ) -> None:  # fmt: skip
        self.layer, self.observables, self.members, self.names = layer, observables, ensemble.members, ensemble.names
        self.series, self.states = series, states
        self.dtype = "float64" if dtype == torch.float64 else "float32"
        self.samples = len(self.members)

    @property
    def bytes(self) -> int:
        """Bytes that the store will take."""
        groups = [self._group(SERIES), self._group(SUMMARY)] + ([self._group(STATES)] if self.states else [])
        return sum(bytes_expected(group) for group in groups)

    def declare(self, store: TrajectoryStore) -> None:
        """Make the groups along time in a store."""
        for name in self._along_time:
            store.declare(name, self._group(name), self._attributes)

    def append(self, store: TrajectoryStore, rows: Mapping[str, Sequence[Mapping[str, Tensor]]], times: Mapping[str, Sequence[float]]) -> None:
        """Add what was recorded at some times: for each group a mapping of variables for each time."""
        for group, records in rows.items():
            if not records:
                continue
            store.append(f"{group}/time", np.asarray(times[group], dtype=np.float64))
            for name in records[0]:
                block = torch.stack([record[name] for record in records], dim=1)
                store.append(f"{group}/{name}", block.numpy())

    def finish(self, store: TrajectoryStore, summary: Mapping[str, Tensor]) -> None:
        """Write the summary."""
        declared = self._group(SUMMARY)
        store.declare(SUMMARY, declared, self._attributes)
        for declaration in declared:
            if declaration.name in summary:
                store.write(f"{SUMMARY}/{declaration.name}", (), summary[declaration.name].cpu().numpy().astype(declaration.dtype))
        self._write_members(store, SUMMARY)

    def write_members(self, store: TrajectoryStore) -> None:
        """Write which member every sample is, into the groups along time."""
        for name in self._along_time:
            self._write_members(store, name)

    def state_record(self, state: State) -> dict[str, Tensor]:
        """What is kept of a state, by the names of its variables."""
        winds = self.layer.oscillators.manifold.winds
        names = {"x": "phase" if winds else "state", "winding": "winding", "v": "velocity"}
        found = {new: state[old] for old, new in names.items() if old in state}
        return {name: value.squeeze(-2) if winds else value for name, value in found.items()}

    @property
    def moments(self) -> list[Variable]:
        """Series of one number for each sample, of which mean and spread over time are told."""
        return [
            variable for observable in self.observables if isinstance(observable, Series)
            for variable in observable.variables if not variable.shape
        ]  # fmt: skip

    @property
    def _along_time(self) -> list[str]:
        return [SERIES, STATES] if self.states else [SERIES]

    @property
    def _attributes(self) -> dict[str, str]:
        """xarray takes the variables named here for coordinates."""
        return {"coordinates": " ".join(["seed", *self.names.values()])}

    def _group(self, group: str) -> list[ArrayDeclaration]:
        if group == SUMMARY:
            return [*self._member_arrays(), *self._summary_arrays()]
        times = self.series if group == SERIES or self.states is None else self.states
        time = ArrayDeclaration(
            "time", ("time",), (max(1, times.count),), "float64", "time", "time", "time since the start", "time"
        )
        if group == SERIES:
            variables = [(v, self.dtype) for o in self.observables if isinstance(o, Series) for v in o.variables]
        else:
            variables = self._state_variables()
        count = max(1, times.count)
        arrays = [
            ArrayDeclaration(
                v.name, ("sample", "time", *v.dims), (self.samples, count, *v.shape), dtype, v.units, v.long_name,
                v.description, "time",
            )
            for v, dtype in variables
        ]  # fmt: skip
        return [time, *self._member_arrays(), *arrays]

    def _state_variables(self) -> list[tuple[Variable, str]]:
        shape, winds = self.layer.shape, self.layer.oscillators.manifold.winds
        grid = {0: (), 2: ("y", "x")}.get(len(shape.sites), tuple(f"site{axis}" for axis in range(len(shape.sites))))
        each = ((*grid, "oscillator"), (*shape.sites, shape.oscillators))
        full = each if winds else (
            (*grid, "component", "oscillator"), (*shape.sites, shape.components, shape.oscillators)
        )  # fmt: skip
        found = []
        if winds:
            found.append((Variable("phase", "phase", *each, "rad", "angle in [-pi, pi]"), self.dtype))
            found.append((Variable("winding", "whole turns", *each, "1", "turns beside the phase"), "int32"))
        else:
            found.append((Variable("state", "state", *full, "1", "vector of each oscillator"), self.dtype))
        if self.layer.oscillators.inertia is not None:
            found.append((Variable("velocity", "velocity", *full, "1/time", "dx/dt"), self.dtype))
        return found

    def _summary_arrays(self) -> list[ArrayDeclaration]:
        variables = [v for o in self.observables if isinstance(o, Summary) for v in o.variables]
        for v in self.moments:
            text = "over the recorded times after the transient"
            variables.append(v._replace(name=f"{v.name}_mean", long_name=f"mean {v.long_name}", description=f"mean {text}"))
            spread = f"standard deviation of the {v.long_name}"
            variables.append(v._replace(name=f"{v.name}_std", long_name=spread, description=f"standard deviation {text}"))
        arrays = [
            ArrayDeclaration(
                v.name, ("sample", *v.dims), (self.samples, *v.shape), "float64", v.units, v.long_name, v.description
            )
            for v in variables
        ]  # fmt: skip
        for name, (long_name, text) in STATISTICS.items():
            dtype = "float64" if name in ("drift", "diverged_at") else "int64"
            units = "time" if name == "diverged_at" else "1"
            arrays.append(ArrayDeclaration(name, ("sample",), (self.samples,), dtype, units, long_name, text))
        return arrays

    def _member_arrays(self) -> list[ArrayDeclaration]:
        seed = ArrayDeclaration("seed", ("sample",), (self.samples,), "int64", "1", "seed", "seed of the member")
        varying = [
            ArrayDeclaration(name, ("sample",), (self.samples,), "float64", "1", name.replace("_", " "), place)
            for place, name in self.names.items()
        ]
        return [coordinate("sample", self.samples), seed, *varying]

    def _write_members(self, store: TrajectoryStore, group: str) -> None:
        columns = member_columns(self.members, self.names)
        store.write(f"{group}/sample", (), np.arange(self.samples))
        for name, values in columns.items():
            store.write(f"{group}/{name}", (), values)


def member_columns(members: Sequence[Member], names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Seed and parameters of all members, by the names of their coordinates."""
    columns = {"seed": np.array([member.seed for member in members], dtype=np.int64)}
    for place, name in names.items():
        columns[name] = np.array([member.parameters[place] for member in members])
    return columns
