"""What a sweep shows at its end: a table, figures, and main numbers for listings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from rich.table import Table

from oscillo.questions.sweep.gathering import GROUP, MEMBER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Onset = tuple[float, float, float]
"""Where order sets in, and the ends of its 95 % interval."""

_MOST_ROWS = 24
"""Points up to which the table has a row for each."""

_MOST_COLUMNS = 8

_REPEAT = "seed"
"""Last word of the names of dimensions that repeat the same, over which means are taken."""

_OF_TRAINING = ("train_", "validation_")

_ASIDE = ("done", "error", "diverged_at", "diverged_oscillator", "steps", "evaluations", "rejected", "drift")
"""What is no result of the network."""


def axes_of(data: xr.Dataset) -> list[str]:
    """Names of the dimensions that were swept over."""
    return str(data.attrs["axes"]).split()


def main_results(data: xr.Dataset) -> list[str]:
    """Variables of one number for each point (and member); means over time first."""
    axes = {*axes_of(data), MEMBER}
    names = [
        str(name) for name, value in data.data_vars.items()
        if set(map(str, value.dims)) <= axes and str(name) not in _ASIDE and value.dtype.kind in "iuf"
    ]  # fmt: skip
    # Of networks that learn, evaluations say more than the last steps of the training.
    evaluated = [name for name in names if not name.startswith(_OF_TRAINING)]
    if len(evaluated) < len(names):
        names = sorted(evaluated or names, key=lambda name: "accuracy" not in name)
    spreads = [name for name in names if name.endswith("_std")]
    return [name for name in names if name not in spreads] + spreads


def tables(data: xr.Dataset) -> list[Table]:
    """A row for every point, or for some where they are many; means are taken over repetitions alone."""
    results = main_results(data)
    names = results[:_MOST_COLUMNS]
    if not names:
        return []
    data, along, repeats = _arranged(data[results])
    told = " and ".join(f"{data.sizes[dim]} {dim.replace('_', ' ')}s" for dim in repeats)
    shown = _thinned(data[names].mean(repeats), along).stack(row=along)
    rows, points = shown.sizes["row"], prod(data.sizes[axis] for axis in along)
    parts = [f"{rows} of {points:,} rows"] if rows < points else []
    parts += [f"{len(names)} of {len(results)} results"] if len(names) < len(results) else []
    whole = f'{" and ".join(parts)}; all of them: oscillo.open_run(RUN).data["{GROUP}"]' if parts else None
    table = Table(
        title=f"results, mean over {told}" if told else "results", title_justify="left",
        caption=whole, caption_justify="left",
    )  # fmt: skip
    keys = [str(key) for axis in along for key, value in data.coords.items() if value.dims == (axis,)]
    for name in [*keys, *names]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in range(rows):
        one = shown.isel(row=row)
        table.add_row(*(_text(one[name].values[()]) for name in [*keys, *names]))
    return [table]


def _arranged(data: xr.Dataset) -> tuple[xr.Dataset, list[str], list[str]]:
    """What to show results against, and what to take means over.

    Returns:
        The dataset, in which every parameter of the members has a dimension of its own where each of its values meets
        all of the others; dimensions to show, at least one; dimensions of seeds, which repeat the same.
    """
    dims = axes_of(data)
    if MEMBER in data.dims:
        data, inner = _by_parameters(data)
        dims += inner
    repeats = [dim for dim in dims if dim.rpartition("_")[2] == _REPEAT]
    along = [dim for dim in dims if dim not in repeats]
    return (data, along, repeats) if along else (data, repeats[:1], repeats[1:])


def _by_parameters(data: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """The dataset with a dimension for each parameter of the members; with one for all where they go together.

    Returns:
        The dataset, and the names of these dimensions.
    """
    along = {str(name): value for name, value in data.coords.items() if value.dims == (MEMBER,)}
    names = [name for name, value in along.items() if name != MEMBER and len(np.unique(value)) > 1]
    met = len(set(zip(*(along[name].values for name in names), strict=True)))
    if not met == data.sizes[MEMBER] == prod(len(np.unique(along[name])) for name in names):
        return data, [MEMBER]
    data = data.drop_vars([name for name in along if name not in names])
    return (data.set_index({MEMBER: names}).unstack(MEMBER) if names[1:] else data.swap_dims({MEMBER: names[0]})), names


def _thinned(data: xr.Dataset, along: Sequence[str]) -> xr.Dataset:
    """Every second, third, ... value of the longest axes, so that few rows are left."""
    steps = dict.fromkeys(along, 1)
    left = {axis: data.sizes[axis] for axis in along}
    while prod(left.values()) > _MOST_ROWS:
        longest = max(along, key=left.__getitem__)
        steps[longest] += 1
        left[longest] = -(-data.sizes[longest] // steps[longest])
    return data.isel({axis: slice(None, None, step) for axis, step in steps.items()})


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def transition(data: xr.Dataset) -> Onset | None:
    """Coupling at which order sets in, and its 95 % interval; None where that is no question, or has no answer."""
    if "order_parameter_mean" not in data:
        return None
    data, along, repeats = _arranged(data[["order_parameter_mean"]])
    if len(along) != 1 or not {"strength", "coupling"} & {*along[0].split("_")}:
        return None
    from oscillo.analysis import critical_coupling

    try:
        found = critical_coupling(data["order_parameter_mean"], along[0], repeats)
    except ValueError:  # there is no transition among these values
        return None
    low, high = found["interval"].values.tolist()
    return float(found["critical_coupling"]), low, high


def metrics(data: xr.Dataset, onset: Onset | None) -> dict[str, float]:
    """How many points there are, how many failed, the range of the main result, and where order sets in."""
    found = {"points": float(data["done"].size), "failed": float((~data["done"]).sum())}
    for name in main_results(data)[:1]:
        values = data[name].values
        if np.isfinite(values).any():
            found |= {f"{name}_least": float(np.nanmin(values)), f"{name}_greatest": float(np.nanmax(values))}
    if onset is not None:
        found |= dict(zip(("critical_coupling", "critical_coupling_low", "critical_coupling_high"), onset, strict=True))
    return found


def figures(data: xr.Dataset, name: str, onset: Onset | None) -> Mapping[str, Callable[[], Figure | None]]:
    """What draws the figures of a sweep, by name."""
    from oscillo.plotting.sweep_figure import sweep_figure

    results = main_results(data)
    data, along, repeats = _arranged(data[results])
    return {"sweep": partial(sweep_figure, data, name, results, along, repeats, onset)}
