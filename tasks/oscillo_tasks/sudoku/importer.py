"""`oscillo import sudoku-akorn`: checkpoints of AKOrN's released Sudoku training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from oscillo.spec import register
from oscillo.training.importer import ImporterSpec


@register
class AKOrNImporterSpec(ImporterSpec):
    """Checkpoint of the Sudoku training released with AKOrN (Miyato et al. 2025); averaged weights are preferred."""

    kind: Literal["sudoku-akorn"] = "sudoku-akorn"
    steps: int = Field(default=16, ge=1, description="Steps of every layer, which a checkpoint does not hold.")

    def convert(self, source: Path, out: Path) -> list[str]:
        """Write the weights for a `SudokuModel`; see `import_checkpoint`."""
        from oscillo_tasks.sudoku.reference_checkpoint import import_checkpoint

        found = import_checkpoint(source, out, steps=self.steps)
        layers = len(found.network.layers)
        return [
            f"{found.parameters:,} parameters of {source} ({found.source}): "
            f"{layers} layer{'s' if layers > 1 else ''}, {found.digits} digits"
        ]
