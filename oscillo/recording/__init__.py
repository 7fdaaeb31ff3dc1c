"""A run on disk: its folder, its metrics, its trajectories, and how they are read again."""

from oscillo.recording.datasets import write_datasets
from oscillo.recording.declarations import DIMENSIONS, ArrayDeclaration, bytes_expected
from oscillo.recording.errors import MetricsError, RecordingError, RunDirectoryError, StoreError
from oscillo.recording.metrics import MetricsLog, metrics_table, read_metrics, truncate_after
from oscillo.recording.open_run import Run, open_run
from oscillo.recording.provenance import provenance, text_hash
from oscillo.recording.recorder import GroupDeclaration, Recorder
from oscillo.recording.run_directory import RunDirectory, check_room, find_runs
from oscillo.recording.store import TrajectoryStore

__all__ = [
    "DIMENSIONS",
    "ArrayDeclaration",
    "GroupDeclaration",
    "MetricsError",
    "MetricsLog",
    "Recorder",
    "RecordingError",
    "Run",
    "RunDirectory",
    "RunDirectoryError",
    "StoreError",
    "TrajectoryStore",
    "bytes_expected",
    "check_room",
    "find_runs",
    "metrics_table",
    "open_run",
    "provenance",
    "read_metrics",
    "text_hash",
    "truncate_after",
    "write_datasets",
]
