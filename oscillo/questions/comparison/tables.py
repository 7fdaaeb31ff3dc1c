"""Tables that a comparison of integrators ends with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from rich.table import Table

_DASH = "-"


def comparison_tables(found: xr.Dataset) -> list[Table]:
    """Errors and costs of every setting of a simulation, and the orders that they tell.

    Args:
        found: the group `comparison`.
    """
    return [_errors(found), *([table] if (table := _orders(found)) is not None else []), *_failures(found)]


def _errors(found: xr.Dataset) -> Table:
    facts = found.attrs
    title = (
        f"{facts['network']}: errors up to t = {facts['horizon']:g} in {facts['precision']}; not resolved below "
        f"{facts['reference_error']:.1g}, the error of the reference ({facts['reference']}); saturated above "
        f"{facts['saturated_error']:.2g}"
    )
    columns = {
        "error": "error", "velocity_error": "velocity error", "energy_error": "energy error", "drift": "drift",
        "evaluations": "evaluations", "rejected": "rejected", "seconds": "seconds",
    }  # fmt: skip
    shown = {name: head for name, head in columns.items() if name in found and _worth(name, found[name].values)}
    table = Table("integrator", "step", "rtol", title=title, title_justify="left")
    for head in shown.values():
        table.add_column(head, justify="right")
    for i in found["setting"].values:
        row = found.isel(setting=int(i))
        cells = [_number(float(row[name]), "%.0f" if name in ("evaluations", "rejected") else "%.2e") for name in shown]
        if str(row["failure"].values):
            cells = ["failed", *[_DASH] * (len(shown) - 1)]
        elif float(row["error"]) < facts["reference_error"]:
            cells[0] = f"< {facts['reference_error']:.0e}"
        table.add_row(
            str(row["integrator"].values), *(_number(float(row[key]), "%.4g") for key in ("step_size", "rtol")), *cells
        )
    return table


def _worth(name: str, values: np.ndarray) -> bool:
    """Whether a column says something: drift only where states can leave their manifold."""
    return bool((np.nan_to_num(values) > 0).any()) or name in ("error", "evaluations", "seconds")


def _orders(found: xr.Dataset) -> Table | None:
    """Observed orders beside those of theory, of integrators with a step size."""
    table = Table("integrator", title="order of convergence", title_justify="left")
    table.add_column("observed", justify="right")
    table.add_column("in theory", justify="right")
    names = found["integrator"].values
    for name in dict.fromkeys(names.tolist()):
        one = found.isel(setting=int(np.flatnonzero(names == name)[0]))
        if np.isfinite(float(one["step_size"])):
            observed = _number(float(one["observed_order"]), "%.2f")
            table.add_row(name, "not settled" if observed == _DASH else observed, _number(float(one["order"]), "%.0f"))
    return table if table.row_count else None


def _failures(found: xr.Dataset) -> list[Table]:
    failed = [
        (str(label), str(why)) for label, why in zip(found["label"].values, found["failure"].values, strict=True) if why
    ]
    return [_texts("failed", failed)] if failed else []


def _texts(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table("setting", "why", title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    return table


def _number(value: float, form: str) -> str:
    return form % value if np.isfinite(value) else _DASH


def answers_tables(found: xr.Dataset) -> list[Table]:
    """Answers of a trained network by every setting, after as many evaluations as the evaluation takes, and the most.

    Args:
        found: the group `comparison`.
    """
    facts = found.attrs
    own, most = int(facts["trained_evaluations"]), int(found["budget"].values[-1])
    budgets = sorted({min(own, most), most})
    tables = [_after(found, budget) for budget in budgets]
    return [*tables, *_reference_flow(found), *_failures(found)]


def _after(found: xr.Dataset, budget: int) -> Table:
    """All settings after so many evaluations."""
    facts, heads = found.attrs, _heads(found)
    title = (
        f"{facts['network']}, {facts['evaluation']}: {facts['samples']} samples, a budget of {budget} evaluations each"
    )
    table = Table("integrator", "step", title=title, title_justify="left")
    for head in heads:
        table.add_column(head, justify="right")
    for i in found["setting"].values:
        row = found.isel(setting=int(i)).sel(budget=budget)
        share = float(row["step_size"]) / facts["trained_step_size"]
        step = f"{share:.3g} x trained" if np.isfinite(share) else f"rtol {float(row['rtol']):g}"
        name = str(row["integrator"].values)
        cells = [_number(float(row[key]), form) for key, form in heads.values()]
        table.add_row(name, "as trained" if int(i) == 0 else step, *cells)
    return table


def _heads(found: xr.Dataset) -> dict[str, tuple[str, str]]:
    """Columns for every budget: head, variable and format."""
    metrics = [str(name) for name in found.data_vars if str(name).startswith("metric_")][:2]
    columns = {
        "right": ("accuracy", "%.3f"), **{name.removeprefix("metric_"): (name, "%.4g") for name in metrics},
        "evaluations": ("evaluations", "%.0f"), "seconds": ("seconds", "%.2f"),
        "time": ("time", "%.3g"), "energy": ("energy", "%.4g"),
        "answers as evaluated": ("same_samples_trained", "%.3f"), "entries as flow": ("same_entries_flow", "%.3f"),
    }  # fmt: skip
    return {head: column for head, column in columns.items() if column[0] in found}


def _reference_flow(found: xr.Dataset) -> list[Table]:
    """What the flow itself answers along time, and whether that is resolved."""
    columns = {
        "right": ("reference_accuracy", "%.3f"), "energy": ("reference_energy", "%.4g"),
        "evaluations": ("reference_evaluations", "%.0f"), "entries resolved": ("reference_resolved", "%.3f"),
    }  # fmt: skip
    shown = {head: column for head, column in columns.items() if column[0] in found}
    if not shown:
        return []
    table = Table(title=f"the flow itself ({found.attrs['reference']})", title_justify="left")
    for head in ("time", *shown):
        table.add_column(head, justify="right")
    total = found.sizes["reference_time"]
    for k in sorted({round(place) for place in np.linspace(0, total - 1, min(total, 8))}):
        one = found.isel(reference_time=k)
        table.add_row(
            _number(float(one["reference_time"]), "%.3g"),
            *(_number(float(one[name]), form) for name, form in shown.values()),
        )
    return [table]
