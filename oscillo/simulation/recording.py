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
from oscillo.simulation.ensemble import RUN_SEED, EnsembleSpec, Member
from oscillo.simulation.observables import Observable, Series, Summary, Variable, site_dims

SERIES, STATES, SUMMARY = "series", "states", "summary"
"""The groups of the store."""

# fmt: off
STATISTICS = {
    "steps": ("steps", "steps of the integrator; of `dopri5` its own"),
    "rejected": ("rejected steps", "attempted steps whose error was too large; of integrators that count them"),
    "evaluations": ("evaluations", "evaluations of the right-hand side by the integrator"),
    "drift": (
        "drift", "largest distance from the manifold before a state was taken back to it; of integrators that tell it"
    ),
    "diverged_at": ("time of divergence", "time when the state was first seen not to be finite; NaN if it never was"),
    "diverged_oscillator": (
        "oscillator that diverged", "the first that was not finite, counted over sites and oscillators; -1 for none"
    ),
}
# fmt: on
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
        names: names of the coordinates of what varies, by its place in the spec.

    Raises:
        ValueError: when two observables fill the same array.
    """

    def __init__(
        self, layer: OscillatorLayer, observables: Sequence[Observable], ensemble: EnsembleSpec,
        series: Times, states: Times | None, dtype: torch.dtype,
    ) -> None:  # fmt: skip
        self.layer, self.observables, self.members = layer, observables, ensemble.members
        self.series, self.states = series, states
        self.dtype = "float64" if dtype == torch.float64 else "float32"
        self.samples = len(self.members)
        self.names: dict[str, str] = {}
        declared = [array for group in self._groups for array in _distinct(self._group(group))]
        taken = {array.name for array in declared} | {dim for array in declared for dim in array.dims}
        self.names = ensemble.names(taken)

    @property
    def bytes(self) -> int:
        """Bytes that the store will take."""
        return sum(bytes_expected(self._group(group)) for group in self._groups)

    def declare(self, store: TrajectoryStore) -> None:
        """Make the groups along time in a store."""
        for name in self._along_time:
            store.declare(name, self._group(name), self._attributes)

    def append(
        self, store: TrajectoryStore, group: str, times: Sequence[float], rows: Sequence[Mapping[str, Tensor]]
    ) -> None:
        """Add what was recorded in a group at some times: a mapping of variables for each."""
        if not times:
            return
        store.append(f"{group}/time", np.asarray(times, dtype=np.float64))
        for name in rows[0]:
            store.append(f"{group}/{name}", torch.stack([row[name] for row in rows], dim=1).numpy())

    def finish(self, store: TrajectoryStore, summary: Mapping[str, Tensor]) -> None:
        """Write the summary; what it does not hold, because nothing of it was measured, is not declared either."""
        found = [array for array in self._summary_arrays() if array.name in summary]
        store.declare(SUMMARY, [*self._member_arrays(), *found], self._attributes)
        for declaration in found:
            values = summary[declaration.name].cpu().numpy().astype(declaration.dtype)
            store.write(f"{SUMMARY}/{declaration.name}", (), values)
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
    def _groups(self) -> list[str]:
        return [*self._along_time, SUMMARY]

    @property
    def _attributes(self) -> dict[str, str]:
        """xarray takes the variables named here for coordinates."""
        return {"coordinates": " ".join(["seed", *self.names.values()])}

    def _group(self, group: str) -> list[ArrayDeclaration]:
        if group == SUMMARY:
            return [*self._member_arrays(), *self._summary_arrays()]
        times = self.series if group == SERIES or self.states is None else self.states
        time = ArrayDeclaration(
            "time", ("time",), (times.count,), "float64", "time", "time", "time since the start", "time"
        )
        if group == SERIES:
            variables = [(v, self.dtype) for o in self.observables if isinstance(o, Series) for v in o.variables]
        else:
            variables = self._state_variables()
        arrays = [
            ArrayDeclaration(
                v.name, ("sample", "time", *v.dims), (self.samples, times.count, *v.shape), dtype, v.units, v.long_name,
                v.description, "time",
            )
            for v, dtype in variables
        ]  # fmt: skip
        return [time, *self._member_arrays(), *arrays]

    def _state_variables(self) -> list[tuple[Variable, str]]:
        shape, winds = self.layer.shape, self.layer.oscillators.manifold.winds
        each = (site_dims(shape), (*shape.sites, shape.oscillators))
        full = ((*each[0][:-1], "component", "oscillator"), (*shape.sites, shape.components, shape.oscillators))
        full = each if winds else full
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
            for end, words in (("mean", "mean"), ("std", "standard deviation")):
                long_name = f"{words} {'of the ' if end == 'std' else ''}{v.long_name}"
                variables.append(Variable(f"{v.name}_{end}", long_name, units=v.units, description=f"{words} {text}"))
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
    columns = {"seed": np.array([member.parameters.get(RUN_SEED, member.seed) for member in members], dtype=np.int64)}
    for place, name in names.items():
        columns[name] = np.array([member.parameters[place] for member in members])
    return columns


def _distinct(declared: list[ArrayDeclaration]) -> list[ArrayDeclaration]:
    """The arrays of one group.

    Raises:
        ValueError: when two have one name.
    """
    names = [array.name for array in declared]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two observables fill `{twice[0]}`; leave one of them out")
    return declared
