"""Checkpoints: everything a training needs to go on as if nothing had happened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


class CheckpointError(ValueError):
    """A checkpoint is missing or cannot be read or written."""


class Checkpoints:
    """The checkpoints of one run, `step_00001200.pt`, newest last; each is written whole or not at all."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self.keep = folder, keep

    def files(self) -> list[Path]:
        """All checkpoints, oldest first."""
        return sorted(self.folder.glob("step_*.pt"), key=lambda file: (len(file.name), file.name))

    def save(self, step: int, content: dict[str, Any]) -> Path:
        """Write a checkpoint and remove those beyond the ones kept.

        Raises:
            CheckpointError: when the disk refuses it; the earlier checkpoints stay.
        """
        target = self.folder / f"step_{step:08d}.pt"
        fresh = target.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(target)
        except (OSError, RuntimeError) as error:
            fresh.unlink(missing_ok=True)
            raise CheckpointError(f"{target} cannot be written: {_reason(error)}") from error
        for old in self.files()[: -self.keep]:
            old.unlink(missing_ok=True)
        return target

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The newest checkpoint, or None when there is none.

        Raises:
            CheckpointError: when it cannot be read.
        """
        files = self.files()
        if not files:
            return None
        try:
            return torch.load(files[-1], map_location=device, weights_only=True)
        except Exception as error:
            raise CheckpointError(
                f"{files[-1]} cannot be read: {error}; remove it to go on from the one before"
            ) from error


def _reason(error: BaseException) -> str:
    """What the system said; torch puts the state of its archive before it."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, OSError) and behind.strerror:
            return behind.strerror
        behind = behind.__context__
    return str(error)
