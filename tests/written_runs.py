"""Small runs on disk, written without simulating anything."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from oscillo.recording import MetricsLog, RunDirectory, TrajectoryStore, write_datasets
from oscillo.spec import to_yaml
from oscillo.spec.base import Spec

_NUMBERS = count()
"""Of the runs, so that their ids are in the order in which they were made."""

SAMPLES, TIMES, OSCILLATORS = 3, 5, 4


def written_run(
    root: Path, spec: Mapping[str, Any] | None = None, *, name: str = "ring", state: str = "done",
    groups: Mapping[str, xr.Dataset] | None = None, metrics: Mapping[str, Any] | None = None, **facts: Any,
) -> RunDirectory:  # fmt: skip
    """A run with these fields of its spec, groups and metrics."""

    class AnySpec(Spec, extra="allow"):
        pass

    text = to_yaml(AnySpec.model_validate({"version": 1, "name": name, **(spec or {})}))
    folder = root / name / f"20260101-000000-{next(_NUMBERS):06d}"
    folder.mkdir(parents=True)
    run = RunDirectory.create(
        root, name, spec_yaml=text, sources={}, provenance={"spec_sha256": "0", **facts}, folder=folder
    )
    if groups:
        with TrajectoryStore(run.data) as store:
            write_datasets(store, groups)
    with MetricsLog(run.metrics) as log:
        log.write(1, {"train/loss": 1.0, **(metrics or {})})
        log.write(2, {"train/loss": 0.5})
    (run.checkpoints / "step_2.pt").write_bytes(bytes(1000))
    run.set_state(state)  # pyright: ignore[reportArgumentType]
    return run


def simulated(
    times: int = TIMES, oscillators: int = OSCILLATORS, *, add: float = 0.0, step: float = 0.5
) -> dict[str, xr.Dataset]:
    """Groups as a simulation leaves them, each number another."""
    shape = (SAMPLES, times, oscillators)
    along = {
        "time": ("time", np.arange(times) * step, {"units": "1", "long_name": "time"}),
        "sample": ("sample", np.arange(SAMPLES)),
        "strength": ("sample", np.linspace(1.0, 2.0, SAMPLES)),
    }
    phase = (np.arange(np.prod(shape)).reshape(shape) / 100 + add).astype(np.float32)
    told = {"units": "rad", "long_name": "phase", "description": "angle in [-pi, pi]"}
    sample = {name: value for name, value in along.items() if name != "time"}
    return {
        "series": xr.Dataset({"order_parameter": (("sample", "time"), phase.mean(-1))}, along),
        "states": xr.Dataset({"phase": (("sample", "time", "oscillator"), phase, told)}, along),
        "summary": xr.Dataset(
            {
                "mean_frequency": (("sample", "oscillator"), phase[:, 0]),
                "locked": ("sample", np.array([True, False, True])),
                "what": ("sample", np.array(["fixed point", "", "période"], dtype=object)),
            },
            sample,
            {"complete": True, "of": "all"},
        ),
    }
