"""A run as tables of text."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import xarray as xr

from oscillo.recording.exporting import Export, Written, tables


def write_csv(export: Export, target: Path, written: Written) -> None:
    """Write a folder of tables in long form: a row for every combination of coordinates.

    Variables of a group with the same dimensions share a table: `series.csv`, or, where a group has several,
    `summary_sample.csv` and `summary_sample_oscillator.csv`. Units and meanings of the columns, and the run's spec, are
    in `attributes.json`.
    """
    target.mkdir()
    told: dict[str, object] = {"run": dict(export.attributes), "spec": export.spec}
    for path, dataset in export.groups.items():
        flat = path.replace("/", "_")
        parts = tables(dataset)
        for dims, names in parts.items():
            file = f"{flat}.csv" if len(parts) == 1 else f"{'_'.join([flat, *dims]) if dims else f'{flat}_single'}.csv"
            part = dataset[names]
            _table(part).to_csv(target / file, index=False)
            columns = {str(name): variable.attrs for name, variable in part.variables.items() if variable.attrs}
            told[file] = {"group": dataset.attrs, "columns": columns}
            written(part.nbytes)
    (target / "attributes.json").write_text(json.dumps(told, indent=1, default=str) + "\n", encoding="utf-8")


def _table(dataset: xr.Dataset) -> pd.DataFrame:
    """One row for each entry; a dimension without coordinates is counted from 0."""
    if not dataset.dims:
        return pd.DataFrame({str(name): [dataset[name].item()] for name in dataset.variables})
    return dataset.to_dataframe().reset_index()
