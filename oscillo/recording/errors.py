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


def refused(root: str, what: str, error: BaseException) -> StoreError:
    """The error to raise when something could not be written."""
    said = getattr(error, "strerror", None) or error or type(error).__name__
    return StoreError(
        f"{root}: {what} could not be written: {said}. "
        "What was committed before is intact; make room and resume the run."
    )


class ExportError(RecordingError):
    """A run cannot be written in another format, or not to where it was asked for."""


class PruningError(RecordingError):
    """What a run has recorded cannot be removed."""
