"""Where metrics and figures of a run are shown besides its files, which stay the truth. One file per kind."""

from oscillo.training.trackers.base import Tracker, TrackerSpec
from oscillo.training.trackers.tensorboard import TensorBoardTracker, TensorBoardTrackerSpec
from oscillo.training.trackers.tracking import Tracking

__all__ = ["TensorBoardTracker", "TensorBoardTrackerSpec", "Tracker", "TrackerSpec", "Tracking"]
