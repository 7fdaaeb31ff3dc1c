"""The table a run ends with."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from oscillo.training.progress import console


def show_results(results: Mapping[str, Mapping[str, float]]) -> None:
    """Print the main metrics of all evaluations, one row each."""
    if not results:
        return
    names = list(dict.fromkeys(name for found in results.values() for name in found if "/" not in name))
    table = Table(title="results", title_justify="left")
    table.add_column("evaluation")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for evaluation, found in results.items():
        table.add_row(evaluation, *(_number(found.get(name)) for name in names))
    console().print(table)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.4f}"
