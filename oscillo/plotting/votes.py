"""How selectors look in figures, and how results are named that have votes or an early stop."""

from __future__ import annotations

import xarray as xr

from oscillo.plotting.style import INK, SeriesStyle, series_style

SELECTORS = {
    "energy_last": ("least energy", series_style(0)),
    "energy_sum": ("least sum of energies", series_style(2)),
    "confidence": ("highest confidence", series_style(1)),
    "majority": ("majority", series_style(3)),
    "pseudo_energy_last": ("least pseudo-energy", series_style(4)),
    "pseudo_energy_sum": ("least sum of pseudo-energies", series_style(6)),
}
"""Name and look of every selector, the same in all figures."""

ORACLE = SeriesStyle(INK, "", (0, (4, 1.5)))
"""Look of the bound: any of the answers is right."""


def mean_steps(result: xr.Dataset) -> float:
    """Mean number of steps that trajectories take before an early stop; infinite where there is none."""
    return float(result["steps_taken"].mean()) if "steps_taken" in result else float("inf")


def stopping(result: xr.Dataset) -> str:
    """What is added to the name of a result with an early stop, such as `, early stop (16 steps on average)`."""
    if "steps_taken" not in result:
        return ""
    mean = f"{mean_steps(result):.1f}".removesuffix(".0")
    return f", early stop ({mean} steps taken on average)"


def up_to(result: xr.Dataset) -> str:
    """What stands before a number of steps: nothing, or `up to ` with an early stop."""
    return "up to " if "steps_taken" in result else ""


def voted(name: str, result: xr.Dataset) -> str:
    """Name of a result for what was chosen by votes, such as `id, 16 votes by highest confidence`.

    Args:
        name: of the evaluation; it stays what it is where each sample has one initial state.
        result: as recorded, with the attribute `by` where it is known whose answer counts.
    """
    if (members := result.sizes.get("member", 1)) == 1:
        return name
    by = result.attrs.get("by")
    return f"{name}, {members} votes" + (f" by {SELECTORS[by][0]}" if by in SELECTORS else "")


def first_member(name: str, result: xr.Dataset) -> str:
    """Name of a result for what is of the first member alone, such as `id, first of 16 initial states`.

    Args:
        name: of the evaluation; it stays what it is where each sample has one initial state.
        result: as recorded.
    """
    members = result.sizes.get("member", 1)
    return name if members == 1 else f"{name}, first of {members} initial states"
