"""What can go wrong with a run on disk, in words for the person who started it."""

from __future__ import annotations


class RecordingError(RuntimeError):
    """Base of the errors about runs on disk; the message says what to do."""


class RunDirectoryError(RecordingError):
    """A run directory cannot be made, is not a run, or belongs to another process."""


class MetricsError(RecordingError):
    """A metrics file cannot be read or written."""


class StoreError(RecordingError):
    """The trajectory store cannot be read or written; what was committed before is intact."""
