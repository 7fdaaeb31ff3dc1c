"""A run on disk: its folder, its metrics, its trajectories, and how they are read again."""

from oscillo.recording.datasets import write_datasets
from oscillo.recording.declarations import DIMENSIONS, ArrayDeclaration, bytes_expected
from oscillo.recording.errors import MetricsError, RecordingError, RunDirectoryError, StoreError
from oscillo.recording.metrics import MetricsLog, latest_values, metrics_table, read_metrics, truncate_after
from oscillo.recording.open_run import open_run
from oscillo.recording.provenance import provenance, text_hash
from oscillo.recording.recorder import GroupDeclaration, Recorder
from oscillo.recording.region_writer import RegionWriter
from oscillo.recording.run import Run
from oscillo.recording.run_directory import RunDirectory, check_room, find_runs
from oscillo.recording.runs import Runs
from oscillo.recording.store import TrajectoryStore

__all__ = [
    "DIMENSIONS",
    "ArrayDeclaration",
    "GroupDeclaration",
    "MetricsError",
    "MetricsLog",
    "Recorder",
    "RecordingError",
    "RegionWriter",
    "Run",
    "RunDirectory",
    "RunDirectoryError",
    "Runs",
    "StoreError",
    "TrajectoryStore",
    "bytes_expected",
    "check_room",
    "find_runs",
    "latest_values",
    "metrics_table",
    "open_run",
    "provenance",
    "read_metrics",
    "text_hash",
    "truncate_after",
    "write_datasets",
]
