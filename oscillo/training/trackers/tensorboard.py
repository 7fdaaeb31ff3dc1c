"""TensorBoard: `tensorboard --logdir runs` shows the curves of all runs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from oscillo.recording.metrics import Value
from oscillo.spec import register
from oscillo.training.trackers.base import Tracker, TrackerSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = "tensorboard"
"""Of the event files, inside the run's."""


@register
class TensorBoardTrackerSpec(TrackerSpec):
    """Event files for TensorBoard, in the folder `tensorboard` of the run."""

    kind: Literal["tensorboard"] = "tensorboard"

    def problems(self) -> list[str]:
        """The package that it needs, where that is missing."""
        if find_spec("tensorboard") is None:
            return ["TensorBoard is not installed: pip install 'oscillo[tracking]', or leave this tracker out"]
        return []

    def build(self, folder: Path, first_step: int | None) -> TensorBoardTracker:
        """Event files in the run's folder."""
        return TensorBoardTracker(folder / FOLDER, first_step)


class TensorBoardTracker(Tracker):
    """Writes event files; each line of metrics is there when it was logged.

    Args:
        folder: of the event files.
        first_step: step from which on earlier event files count no more.
    """

    def __init__(self, folder: Path, first_step: int | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=first_step)

    def log_scalars(self, step: int, values: Mapping[str, Value]) -> None:
        """Numbers and truths become points of curves; words and null are left out."""
        for name, value in values.items():
            if isinstance(value, int | float):
                self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def log_figure(self, step: int, name: str, figure: Figure) -> None:
        """A picture under `figures/`."""
        self._writer.add_figure(f"figures/{name}", figure, step, close=False)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
