"""Training and evaluation of networks on tasks."""

from oscillo.training.checkpoints import CheckpointError, Checkpoints
from oscillo.training.ema import EMA
from oscillo.training.evaluation import evaluate
from oscillo.training.interrupt import Interrupted, Interruption
from oscillo.training.spec import EMASpec, OptimizerSpec, RecordingSpec, ScheduleSpec, TrainingSpec
from oscillo.training.task import Batch, Data, EvaluationSpec, ResultArray, Results, Task, TaskSpec, TensorData
from oscillo.training.trainer import Trainer, TrainingError, total_steps

__all__ = [
    "EMA", "Batch", "CheckpointError", "Checkpoints", "Data", "EMASpec", "EvaluationSpec", "Interrupted",
    "Interruption", "OptimizerSpec", "RecordingSpec", "ResultArray", "Results", "ScheduleSpec", "Task", "TaskSpec",
    "TensorData", "Trainer", "TrainingError", "TrainingSpec", "evaluate", "total_steps",
]  # fmt: skip
