"""The metrics of a run: one flat JSON object per line, readable while it grows."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from oscillo.recording.atomic import replace_text
from oscillo.recording.errors import MetricsError

Value = float | int | bool | str | None

Listener = Callable[[int, Mapping[str, Value]], None]
"""Called with the step and the values of a line that has been written."""


class MetricsLog:
    """Appends lines to `metrics.jsonl`.

    Every line has `step`, `wall_s` (seconds that the run has taken so far, all its parts together) and names
    such as `train/loss` or `hard/cell_accuracy`. A number that is not finite becomes null, since JSON has no
    word for it. A line that was torn when an earlier process died is removed.

    Args:
        path: of the file; made when it is not there.
        listeners: told of each line after it stands in the file.

    Raises:
        MetricsError: when the file cannot be read or written.
    """

    def __init__(self, path: Path | str, listeners: Iterable[Listener] = ()) -> None:
        self.path = Path(path)
        self._listeners = tuple(listeners)
        before = read_metrics(self.path) if self.path.exists() else []
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666)
            os.ftruncate(self._file, _whole(self.path))
        except OSError as error:
            raise MetricsError(f"{self.path} cannot be written: {error.strerror}") from error
        self._began = time.monotonic() - (float(before[-1]["wall_s"]) if before else 0.0)

    @property
    def wall_s(self) -> float:
        """Seconds that the run has taken so far."""
        return time.monotonic() - self._began

    def write(self, step: int, values: Mapping[str, Any]) -> dict[str, Value]:
        """Append one line and return what it holds.

        Args:
            step: optimiser steps done; 0 in a run without training.
            values: numbers, booleans, words or null by name; numpy scalars are taken as numbers.

        Raises:
            ValueError: for a value that is not flat, or a name that the line sets itself.
            MetricsError: when the disk refuses it; the lines before it are intact.
        """
        if taken := {"step", "wall_s"} & set(values):
            raise ValueError(f"{', '.join(sorted(taken))}: set by the log itself")
        plain = {name: _plain(name, value) for name, value in values.items()}
        line: dict[str, Value] = {"step": int(step), "wall_s": round(self.wall_s, 3), **plain}
        text = json.dumps(line, allow_nan=False).encode() + b"\n"
        size = os.lseek(self._file, 0, os.SEEK_END)
        try:
            if os.write(self._file, text) != len(text):
                raise OSError(0, "no space for the whole line")
        except OSError as error:
            os.ftruncate(self._file, size)
            raise MetricsError(f"{self.path} cannot be written: {error.strerror}") from error
        for listener in self._listeners:
            listener(int(step), plain)
        return line

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def truncate_after(path: Path | str, step: int) -> int:
    """Drop the lines of later steps, as if the run had stopped there, and count them.

    The file is replaced in one step. Not for a file that a `MetricsLog` has open.

    Raises:
        MetricsError: when the file cannot be read or written.
    """
    path = Path(path)
    lines = read_metrics(path)
    kept = [line for line in lines if line["step"] <= step]
    try:
        replace_text(path, "".join(json.dumps(line) + "\n" for line in kept))
    except OSError as error:
        raise MetricsError(f"{path} cannot be written: {error.strerror}") from error
    return len(lines) - len(kept)


def read_metrics(path: Path | str) -> list[dict[str, Any]]:
    """All whole lines of a metrics file; a last line that is still being written is left out.

    Raises:
        MetricsError: when the file cannot be read, or a line is not a JSON object with `step` and `wall_s`.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise MetricsError(f"{path} cannot be read: {error.strerror}") from error
    lines = []
    for number, raw in enumerate(text[: text.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            line = json.loads(raw)
        except ValueError:
            line = None
        if not isinstance(line, dict) or not {"step", "wall_s"} <= set(line):
            raise MetricsError(f"{path}, line {number}: not a JSON object with `step` and `wall_s`")
        lines.append(line)
    return lines


def latest_values(lines: Iterable[Mapping[str, Any]]) -> dict[str, Value]:
    """The last value of each metric that is not null, by name, in the order in which they first came."""
    found: dict[str, Value] = {}
    for line in lines:
        found |= {name: value for name, value in line.items() if value is not None and name not in ("step", "wall_s")}
    return found


def metrics_table(lines: list[dict[str, Any]]) -> xr.Dataset:
    """The lines as variables along `record`, with `step` and `wall_s` as coordinates.

    Numbers become float64 with NaN where a line has none: `table["train/loss"].dropna("record")` is a curve.
    Words have an empty one there.
    """
    names = dict.fromkeys(name for line in lines for name in line)
    names = [name for name in names if name not in ("step", "wall_s")]
    columns = {name: ("record", _column([line.get(name) for line in lines])) for name in names}
    steps = np.array([line["step"] for line in lines], dtype=np.int64)
    seconds = np.array([line["wall_s"] for line in lines], dtype=np.float64)
    return xr.Dataset(
        columns,
        coords={
            "step": ("record", steps, {"long_name": "optimiser steps", "units": "1"}),
            "wall_s": ("record", seconds, {"long_name": "time that the run has taken", "units": "s"}),
        },
    )


def _column(values: list[Value]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else str(value) for value in values])
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _plain(name: str, value: Any) -> Value:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    raise ValueError(f"{name}: a metric is a number, a boolean, a word or null, not {type(value).__name__}")


def _whole(path: Path) -> int:
    """Bytes up to the end of the last whole line."""
    return path.read_bytes().rfind(b"\n") + 1
