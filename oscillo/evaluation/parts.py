"""Finished samples on disk, so that an evaluation that was killed goes on where it stood."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from oscillo.recording import RecordingError


class Parts:
    """The parts of one evaluation that are done, each in a file of its own that is there whole or not at all.

    Args:
        folder: of this evaluation's parts; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def kept(self, samples: int, total: int) -> int:
        """How many of the first samples are done, in parts of so many each."""
        done = 0
        while done < total and self._path(done).is_file():
            done = min(total, done + samples)
        return done

    def load(self, first: int, samples: int, names: Collection[str]) -> dict[str, np.ndarray] | None:
        """The part that begins at a sample, with at least the arrays of those names; None when it is not done.

        Raises:
            RecordingError: when it cannot be read, or holds other samples or arrays, as of another version; removing
                the folder helps.
        """
        path = self._path(first)
        if not path.is_file():
            return None
        remedy = f"remove {self.folder} to evaluate its samples again"
        try:
            with np.load(path) as file:
                part = {name: file[name] for name in file.files}
        except (BadZipFile, ValueError, EOFError, zlib.error) as error:
            raise RecordingError(f"{path} cannot be read ({error}); {remedy}") from None
        if lacking := sorted({"index", *names} - set(part)):
            raise RecordingError(f"{path} lacks {', '.join(lacking)}; {remedy}")
        if (found := len(part["index"])) != samples:
            raise RecordingError(f"{path} holds {found} samples, and {samples} belong there; {remedy}")
        return part

    def save(self, first: int, part: Mapping[str, np.ndarray]) -> None:
        """Keep a part that is done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self._path(first).with_suffix(".new")
        with fresh.open("wb") as file:
            np.savez(file, **part)  # pyright: ignore[reportArgumentType]
        os.replace(fresh, self._path(first))

    def remove(self) -> None:
        """Forget all of them: the evaluation is in the store."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # parts of another evaluation are still in it
            self.folder.parent.rmdir()

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:09d}.npz"
