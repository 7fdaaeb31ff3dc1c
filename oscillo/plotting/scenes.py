"""What of a run moves: recorded oscillators, by evaluation and layer, with a number to follow beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from oscillo.analysis.states import time_of
from oscillo.plotting.members import member_labels, one_sample

SIMULATION = "simulation"
"""Name of what a simulation has recorded, where trained networks have evaluations."""

_TRACED = ("energy", "order_parameter")
"""Numbers to follow beside oscillators, the first that is there; of a simulation in the other order."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Oscillators of one layer along time.

    Attributes:
        name: of the evaluation; `SIMULATION` for a simulation.
        layer: number of the layer.
        states: `phase` or `state`, (sample, time or step, [y, x | site0..], [component], oscillator); read when used.
        labels: what the samples are called, [sample].
        traces: a number along the same times, (sample, time or step); None where none was recorded.
    """

    name: str
    layer: int
    states: xr.DataArray
    labels: Sequence[str]
    traces: xr.DataArray | None = None

    @property
    def along(self) -> str:
        """`time` or `step`."""
        return time_of(self.states, "a moving picture")

    @property
    def on_grid(self) -> bool:
        """Whether oscillators stand on a plane grid."""
        return {"y", "x"} <= set(self.states.dims)


def recorded_scenes(data: xr.DataTree) -> list[Scene]:
    """All that moves in a run, in the order of its evaluations and layers; what has fewer than two times is left out.

    Args:
        data: of the run, as `Run.data` gives it.
    """
    found = [*_simulated(data), *_evaluated(data)]
    return [scene for scene in found if max(scene.states.sizes.get(dim, 0) for dim in ("time", "step")) > 1]


def _simulated(data: xr.DataTree) -> Iterator[Scene]:
    if "states" not in data.children:
        return
    group = data["states"].to_dataset()
    states = _recorded(group)
    if states is None:
        return
    series = data["series"].to_dataset() if "series" in data.children else xr.Dataset()
    numbers = [str(name) for name, values in series.data_vars.items() if values.dims == ("sample", "time")]
    name = next((name for name in (*_TRACED[::-1], *numbers) if name in numbers), None)
    traces = None if name is None else _at(series[name], states, "time")
    yield Scene(SIMULATION, 0, states, member_labels(states), traces)


def _evaluated(data: xr.DataTree) -> Iterator[Scene]:
    if "trajectory" not in data.children:
        return
    for evaluation, node in data["trajectory"].children.items():
        for layer, inner in node.children.items():
            states = _recorded(inner.to_dataset())
            if states is None:
                continue
            numbers = _dataset(data, f"summary/{evaluation}/{layer}")
            name = next((name for name in _TRACED if name in numbers), None)
            traces = None if name is None else _at(numbers[name], states, "step")
            labels = _answers(_dataset(data, f"result/{evaluation}"), states)
            yield Scene(evaluation, int(layer.removeprefix("layer")), states, labels, traces)


def _recorded(group: xr.Dataset) -> xr.DataArray | None:
    """Phases or states of a group; None where it has neither."""
    name = next((name for name in ("phase", "state") if name in group), None)
    return None if name is None or "oscillator" not in group[name].dims else one_sample(group[name])


def _dataset(data: xr.DataTree, path: str) -> xr.Dataset:
    return data[path].to_dataset() if f"/{path}" in data.groups else xr.Dataset()


def _at(numbers: xr.DataArray, states: xr.DataArray, along: str) -> xr.DataArray | None:
    """The number at the samples and times of the states; not a number where it was not recorded."""
    if numbers.dims != ("sample", along):
        return None
    if "sample" in numbers.indexes and "sample" in states.indexes:
        if not set(states["sample"].values.tolist()) <= set(numbers["sample"].values.tolist()):
            return None
        numbers = numbers.sel(sample=states["sample"].values)
    gap = float(np.abs(np.diff(states[along].values)).min()) if states.sizes[along] > 1 else 1.0
    return numbers.reindex({along: states[along].values}, method="nearest", tolerance=gap / 2)


def _answers(results: xr.Dataset, states: xr.DataArray) -> list[str]:
    """Names of samples, with whether their answer is right where that is known."""
    numbers = states["sample"].values.tolist() if "sample" in states.coords else list(range(states.sizes["sample"]))
    if "correct" not in results or results["correct"].dims != ("sample",):
        return [f"sample {number}" for number in numbers]
    right = dict(zip(results["sample"].values.tolist(), results["correct"].values.tolist(), strict=True))
    said = {True: ", right", False: ", wrong"}
    return [f"sample {number}{said[bool(right[number])] if number in right else ''}" for number in numbers]
