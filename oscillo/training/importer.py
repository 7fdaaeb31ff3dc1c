"""Importers: weights that another program has trained, for `oscillo import`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from oscillo.spec import ComponentSpec


class ImporterSpec(ComponentSpec):
    """A kind of file that weights can be taken from.

    A task registers one for each program whose checkpoints fit its model. `oscillo import KIND CHECKPOINT --out FILE`
    runs it; its fields can be set behind, as in `steps=32`.
    """

    role: ClassVar[str] = "importer"

    def convert(self, source: Path, out: Path) -> list[str]:
        """Write the weights as safetensors.

        Args:
            source: the file to read.
            out: the file to write, whole or not at all.

        Returns:
            Lines that say what was found.

        Raises:
            ValueError, OSError: when there is no such file, or it is of another kind; the message names it.
        """
        raise NotImplementedError
