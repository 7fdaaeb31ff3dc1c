"""All trackers of a run as one, without those that have failed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from oscillo.recording.metrics import Value
from oscillo.training.trackers.base import Tracker, TrackerSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Tracking(Tracker):
    """Tells every tracker what it is told. One that fails is named in a warning and told nothing more.

    A context manager: leaving it closes the trackers.

    Args:
        specs: the declared trackers.
        folder: of the run.
        first_step: as for `TrackerSpec.build`.
    """

    def __init__(self, specs: Iterable[TrackerSpec], folder: Path, first_step: int | None = None) -> None:
        self._trackers: dict[str, Tracker] = {}
        for number, spec in enumerate(specs):
            name = f"{getattr(spec, 'kind', '')} (`tracking.{number}`)"
            self._attempt(name, lambda spec=spec, name=name: self._begin(name, spec.build(folder, first_step)))

    def log_scalars(self, step: int, values: Mapping[str, Value]) -> None:
        """Tell all of a line of metrics: a listener of `MetricsLog`."""
        self._tell(lambda tracker: tracker.log_scalars(step, values))

    def log_figure(self, step: int, name: str, figure: Figure) -> None:
        """Tell all of a figure."""
        self._tell(lambda tracker: tracker.log_figure(step, name, figure))

    def close(self) -> None:
        """Close all."""
        self._tell(lambda tracker: tracker.close())
        self._trackers.clear()

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _begin(self, name: str, tracker: Tracker) -> None:
        self._trackers[name] = tracker

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            self._attempt(name, lambda tracker=tracker: what(tracker))

    def _attempt(self, name: str, what: Callable[[], None]) -> None:
        """Do something with a tracker that the run must not depend on."""
        try:
            what()
        except Exception as error:
            self._trackers.pop(name, None)
            told = " ".join(str(error).split()) or type(error).__name__
            warnings.warn(f"the tracker {name} failed and is left out from here on: {told}", stacklevel=1)
