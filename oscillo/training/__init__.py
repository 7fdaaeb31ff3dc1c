"""Training of networks on tasks."""

from oscillo.training.checkpoints import CheckpointError, Checkpoints
from oscillo.training.ema import EMA
from oscillo.training.evaluation_spec import EarlyStopSpec, EvaluationSpec
from oscillo.training.interrupt import Interrupted, Interruption
from oscillo.training.spec import EMASpec, OptimizerSpec, ScheduleSpec, TrainingSpec
from oscillo.training.task import Batch, Data, ResultArray, Results, Task, TaskSpec, TensorData
from oscillo.training.trainer import Trainer, TrainingError, total_steps

__all__ = [
    "EMA", "Batch", "CheckpointError", "Checkpoints", "Data", "EMASpec", "EarlyStopSpec", "EvaluationSpec",
    "Interrupted", "Interruption", "OptimizerSpec", "ResultArray", "Results", "ScheduleSpec", "Task",
    "TaskSpec", "TensorData", "Trainer", "TrainingError", "TrainingSpec", "total_steps",
]  # fmt: skip
