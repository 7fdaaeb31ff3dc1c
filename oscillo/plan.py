"""What a run will take: shapes, parameters, operations, memory and bytes, before anything runs."""

from __future__ import annotations

from oscillo.runspec import RunSpec


def recording_bytes(spec: RunSpec) -> int:
    """Bytes that the evaluations of a run will write into the store."""
    return 0
