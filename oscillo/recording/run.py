"""What one run has left."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr
from ruamel.yaml import YAML

from oscillo.recording.errors import StoreError
from oscillo.recording.metrics import Value, latest_values, metrics_table, read_metrics
from oscillo.recording.run_data import open_data
from oscillo.recording.run_directory import RunDirectory, State
from oscillo.recording.store_files import DOCUMENT, files_at


class Run:
    """What a run has left so far.

    Everything is read when it is first asked for and then kept; open the run again to see what came since.

    Attributes:
        directory: paths of the run's files.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    @property
    def path(self) -> Path:
        """Folder of the run."""
        return self.directory.path

    @cached_property
    def spec_text(self) -> str:
        """The resolved spec, as YAML."""
        return self.directory.spec.read_text(encoding="utf-8")

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """The resolved spec, as plain mappings and lists."""
        return YAML(typ="safe", pure=True).load(self.spec_text)

    @cached_property
    def state(self) -> State:
        """`running`, `done`, `failed` or `interrupted` (also after it was killed)."""
        return self.directory.state

    @property
    def reason(self) -> str:
        """Why the run ended before its end, such as the message of an error; empty when it did not."""
        return self.provenance.get("reason", "")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Versions, machine, command, seed, start, end and why it ended: what `run.json` says."""
        return self.directory.record()

    @cached_property
    def metrics(self) -> xr.Dataset:
        """All metrics along `record`, with `step` and `wall_s` as coordinates; empty before the first line.

        Raises:
            MetricsError: when the file is damaged.
        """
        return metrics_table(self._lines)

    @property
    def latest_metrics(self) -> dict[str, Value]:
        """The latest value of each metric.

        Raises:
            MetricsError: when the file is damaged.
        """
        return latest_values(self._lines)

    @cached_property
    def _lines(self) -> list[dict[str, Any]]:
        path = self.directory.metrics
        return read_metrics(path) if path.exists() else []

    @cached_property
    def data(self) -> xr.DataTree:
        """Trajectories, summaries and results as of the last commit; numbers are read when they are used.

        Empty before the first commit. An evaluation that was recorded again has its plain name. Where dask is
        installed, arrays of more than 256 MiB are dask arrays: what is computed from them is computed in parts, at
        `compute()`.

        Raises:
            StoreError: when this version of oscillo cannot read the store's format, or the store lies elsewhere and is
                not there any more.
        """
        place = self.directory.data
        if isinstance(place, str) and self.state == "done" and files_at(place).get(DOCUMENT) is None:
            raise StoreError(f"there is no store at {place}: it was removed, or lay in the memory of its process")
        return open_data(place)

    def __repr__(self) -> str:
        record = self.provenance
        removed = record.get("pruned", {}).get("removed", [])
        gone = dict.fromkeys(path.rpartition("/")[0] or path for path in removed)
        latest = self.latest_metrics
        lines = [
            f"<Run {self.path.parent.name}/{self.path.name}: {self.state}>",
            *([f"  reason   {self.reason}"] if self.reason else []),
            f"  path     {self.path}",
            f"  started  {record['started']}" + (f", ended {record['ended']}" if record.get("ended") else ""),
            *([f"  pruned   {', '.join(gone)}"] if gone else []),
            f"  metrics  {len(self._lines)} records",
        ]
        lines += [f"    {name!s:<28} {told(latest.get(str(name)))}" for name in self.metrics.data_vars]
        lines += ["  data"]
        for leaf in self.data.leaves:
            for name, values in leaf.data_vars.items():
                sizes = ", ".join(f"{dim} {length}" for dim, length in values.sizes.items())
                lines.append(f"    {leaf.path.lstrip('/')}/{name} ({sizes})")
        return "\n".join(lines)


def told(value: Any) -> str:
    """A value of a metric or of a spec in few digits."""
    if value is None:
        return "null"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
