"""What a simulation leaves in the store: series and states along time, and a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from oscillo.observables import Variable
from oscillo.recording import TrajectoryStore, bytes_expected
from oscillo.recording.declarations import ArrayDeclaration, coordinate, coordinate_of
from oscillo.simulation.ensemble import RUN_SEED, EnsembleSpec, Member
from oscillo.simulation.observed import SUMMARY, Group, Observed
from oscillo.spec import LocatedError

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


class SimulationRecording:
    """The arrays of a simulation, and how numbers get there.

    Attributes:
        observed: what is taken from the members.
        names: names of the coordinates of what varies, by its place in the spec.

    Raises:
        LocatedError: when two observables fill the same array, or one an array that is always there.
    """

    def __init__(self, observed: Observed, ensemble: EnsembleSpec) -> None:
        self.observed, self.members = observed, ensemble.members
        self.names: dict[str, str] = {}
        self._refuse_doubles()
        declared = [array for group in observed.groups for array in self._group(group)]
        declared += self._summary_arrays()
        taken = {array.name for array in declared} | {dim for array in declared for dim in array.dims}
        self.names = ensemble.names(taken)

    @property
    def bytes(self) -> int:
        """Bytes that the store will take."""
        summary = bytes_expected([*self._member_arrays(None), *self._summary_arrays()])
        return summary + sum(bytes_expected(self._group(group)) for group in self.observed.groups)

    def declare(self, store: TrajectoryStore) -> None:
        """Make the groups along time in a store."""
        for group in self.observed.groups:
            store.declare(group.path, self._group(group), self._attributes)

    def append(
        self, store: TrajectoryStore, group: str, times: Sequence[float], rows: Sequence[Mapping[str, Tensor]]
    ) -> None:
        """Add what was recorded in a group at some times: a mapping of variables for each."""
        if not times:
            return
        store.append(f"{group}/time", np.asarray(times, dtype=np.float64))
        for name in rows[0]:
            store.append(f"{group}/{name}", torch.stack([row[name] for row in rows], dim=1).numpy(), owned=True)

    def finish(self, store: TrajectoryStore, summary: Mapping[str, Tensor]) -> None:
        """Write the summary; what it does not hold, because nothing of it was measured, is not declared either."""
        found = [array for array in self._summary_arrays() if array.name in summary]
        store.declare(SUMMARY, [*self._member_arrays(None), *found], self._attributes)
        for declaration in found:
            values = summary[declaration.name].cpu().numpy().astype(declaration.dtype)
            store.write(f"{SUMMARY}/{declaration.name}", (), values)
        self._write_members(store, SUMMARY, None)

    def write_fixed(self, store: TrajectoryStore) -> None:
        """Write what is known before the first step into the groups along time: members, and other coordinates."""
        for group in self.observed.groups:
            self._write_members(store, group.path, group.rows)
            for dim, numbers in group.coordinates.items():
                store.write(f"{group.path}/{dim}", (), np.asarray(numbers))

    @property
    def _attributes(self) -> dict[str, str]:
        """xarray takes the variables named here for coordinates."""
        return {"coordinates": " ".join(["seed", *self.names.values()])}

    def _refuse_doubles(self) -> None:
        """No two observables fill one array.

        Raises:
            LocatedError: when two do, at the later one.
        """
        for group in self.observed.groups:
            taken = [(name, one.name) for one, _, name in group.stored()]
            _refuse_twice([(dim, None) for dim in ("sample", "seed", "time", *group.coordinates)] + taken)
        summed = [(v.name, name) for name, (one, _) in self.observed.summaries.items() for v in one.variables]
        summed += [(f"{name}_{end}", name) for name in self.observed.moments for end in ("mean", "std")]
        _refuse_twice([(name, None) for name in ("sample", "seed", *STATISTICS)] + summed)

    def _group(self, group: Group) -> list[ArrayDeclaration]:
        count, samples = group.cadence.count, len(group.rows or self.members)
        time = ArrayDeclaration("time", ("time",), (count,), "float64", "time", "time", "time since the start", "time")
        arrays = [
            ArrayDeclaration(
                name, ("sample", "time", *v.dims), (samples, count, *v.shape), v.dtype or "float32", v.units,
                v.long_name, v.description, "time",
            )
            for _, v, name in group.stored()
        ]  # fmt: skip
        return [
            time,
            *self._member_arrays(group.rows),
            *(coordinate_of(dim, values) for dim, values in group.coordinates.items()),
            *arrays,
        ]

    def _summary_arrays(self) -> list[ArrayDeclaration]:
        samples = len(self.members)
        variables = [v for summary, _ in self.observed.summaries.values() for v in summary.variables]
        for name, v in self.observed.moments.items():
            text = "over the recorded times after the transient"
            for end, words in (("mean", "mean"), ("std", "standard deviation")):
                long_name = f"{words} {'of the ' if end == 'std' else ''}{v.long_name}"
                variables.append(Variable(f"{name}_{end}", long_name, units=v.units, description=f"{words} {text}"))
        arrays = [
            ArrayDeclaration(
                v.name, ("sample", *v.dims), (samples, *v.shape), "float64", v.units, v.long_name, v.description
            )
            for v in variables
        ]
        for name, (long_name, text) in STATISTICS.items():
            dtype = "float64" if name in ("drift", "diverged_at") else "int64"
            units = "time" if name == "diverged_at" else "1"
            arrays.append(ArrayDeclaration(name, ("sample",), (samples,), dtype, units, long_name, text))
        return arrays

    def _member_arrays(self, rows: list[int] | None) -> list[ArrayDeclaration]:
        samples = len(rows or self.members)
        seed = ArrayDeclaration("seed", ("sample",), (samples,), "int64", "1", "seed", "seed of the member")
        varying = [
            ArrayDeclaration(name, ("sample",), (samples,), "float64", "1", name.replace("_", " "), place)
            for place, name in self.names.items()
        ]
        return [coordinate("sample", samples), seed, *varying]

    def _write_members(self, store: TrajectoryStore, group: str, rows: list[int] | None) -> None:
        chosen = np.arange(len(self.members)) if rows is None else np.asarray(rows)
        store.write(f"{group}/sample", (), chosen)
        for name, values in member_columns(self.members, self.names).items():
            store.write(f"{group}/{name}", (), values[chosen])


def member_columns(members: Sequence[Member], names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Seed and parameters of all members, by the names of their coordinates."""
    columns = {"seed": np.array([member.parameters.get(RUN_SEED, member.seed) for member in members], dtype=np.int64)}
    for place, name in names.items():
        columns[name] = np.array([member.parameters[place] for member in members])
    return columns


def _refuse_twice(arrays: Sequence[tuple[str, str | None]]) -> None:
    """Refuse arrays of one group that have one name.

    Args:
        arrays: names, each with the observable that fills the array; None where it is always there.

    Raises:
        LocatedError: at the later one.
    """
    filled: dict[str, str | None] = {}
    for array, observable in arrays:
        if array in filled and observable is not None:
            other = filled[array]
            by = f"`{other}` fills it" if other else "it is always there"
            text = f"fills the array `{array}`, and {by}; leave it out, or give it another name"
            raise LocatedError(text, "recording", "observables", observable)
        filled[array] = observable
