"""What a tracker is: something that is told of metrics and figures, and that a run does not depend on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from oscillo.recording.metrics import Value
from oscillo.spec import ComponentSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Tracker(ABC):
    """Shows what a run writes. It may raise what it likes: the run goes on without it."""

    @abstractmethod
    def log_scalars(self, step: int, values: Mapping[str, Value]) -> None:
        """Take a line of metrics.

        Args:
            step: optimiser steps done.
            values: by name, such as `train/loss`; what is not a number may be left out.
        """

    @abstractmethod
    def log_figure(self, step: int, name: str, figure: Figure) -> None:
        """Take a figure, which is as it was afterwards.

        Args:
            step: optimiser steps done.
            name: of the file that it stands in, without its end.
            figure: the figure.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish; nothing comes any more."""


class TrackerSpec(ComponentSpec):
    """Where metrics and figures of a run are shown besides its own files."""

    role: ClassVar[str] = "tracker"

    def problems(self) -> list[str]:
        """Why it cannot be used here, such as a package that is missing."""
        return []

    def build(self, folder: Path, first_step: int | None) -> Tracker:
        """The tracker of a run.

        Args:
            folder: of the run.
            first_step: when a run goes on, the first optimiser step whose lines come again: what was logged from there
                on counts no more. None where nothing comes twice.
        """
        raise NotImplementedError
