"""What a sweep shows at its end: a table, figures, and main numbers for listings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from rich.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ROWS = 24
"""Points up to which the table has a row for each."""

_MOST_COLUMNS = 8

_REPEATS = ("seed", "member")
"""Dimensions that repeat the same, over which the table takes means."""

_OF_TRAINING = ("train_", "validation_")

_ASIDE = ("done", "error", "diverged_at", "diverged_oscillator", "steps", "evaluations", "rejected", "drift")
"""What is no result of the network."""


def axes_of(data: xr.Dataset) -> list[str]:
    """Names of the dimensions that were swept over."""
    return str(data.attrs["axes"]).split()


def main_results(data: xr.Dataset) -> list[str]:
    """Variables of one number for each point (and member); means over time first."""
    axes = {*axes_of(data), "member"}
    names = [
        str(name) for name, value in data.data_vars.items()
        if set(map(str, value.dims)) <= axes and str(name) not in _ASIDE and value.dtype.kind in "iuf"
    ]  # fmt: skip
    # Of networks that learn, evaluations say more than the last steps of the training.
    evaluated = [name for name in names if not name.startswith(_OF_TRAINING)]
    names = (
        sorted(evaluated or names, key=lambda name: "accuracy" not in name) if len(evaluated) < len(names) else names
    )
    spreads = [name for name in names if name.endswith("_std")]
    return [name for name in names if name not in spreads] + spreads


def tables(data: xr.Dataset) -> list[Table]:
    """A row for every point, or for every value of the first axis where points are many."""
    names = main_results(data)[:_MOST_COLUMNS]
    if not names:
        return []
    repeated = [dim for dim in _REPEATS if dim in data.dims and len(axes_of(data)) > (dim == "seed")]
    shown = data[names].mean(repeated)
    along = [axis for axis in axes_of(data) if axis not in repeated]
    while len(along) > 1 and int(np.prod([data.sizes[axis] for axis in along])) > _MOST_ROWS:
        repeated.append(along.pop())
        shown = data[names].mean(repeated)
    title = f"results, mean over {' and '.join(repeated)}" if repeated else "results"
    if along and (every := -(-data.sizes[along[0]] // _MOST_ROWS)) > 1:
        shown, title = shown.isel({along[0]: slice(None, None, every)}), f"{title}; one of {every} {along[0]} values"
    table = Table(title=title, title_justify="left")
    keys = [str(key) for axis in along for key, value in data.coords.items() if value.dims == (axis,)]
    for name in [*keys, *names]:
        table.add_column(name.replace("_", " "), justify="right")
    stacked = shown.stack(row=along) if along else shown.expand_dims("row")
    for row in range(stacked.sizes["row"]):
        one = stacked.isel(row=row)
        table.add_row(*(_text(one[key].values[()]) for key in keys), *(_text(one[name].values[()]) for name in names))
    return [table]


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def transition(data: xr.Dataset) -> tuple[float, float, float] | None:
    """Coupling at which order sets in, and its 95 % interval; None where that is no question, or has no answer."""
    axes = [axis for axis in axes_of(data) if axis not in _REPEATS]
    if len(axes) != 1 or "order_parameter_mean" not in data or not {"strength", "coupling"} & {*axes[0].split("_")}:
        return None
    from oscillo.analysis import critical_coupling

    try:
        found = critical_coupling(data["order_parameter_mean"], axes[0])
    except ValueError:  # there is no transition among these values
        return None
    low, high = found["interval"].values.tolist()
    return float(found["critical_coupling"]), low, high


Onset = tuple[float, float, float]
"""Where order sets in, and the ends of its 95 % interval."""


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

    return {"sweep": partial(sweep_figure, data, name, main_results(data), axes_of(data), onset)}
