"""Evaluation of trained networks: steps, votes over initial states, early stop, and what is kept of all this."""

from oscillo.evaluation.parts import Parts
from oscillo.evaluation.procedure import block_samples, evaluate, metric_names
from oscillo.evaluation.recording import EvaluationRecording
from oscillo.evaluation.schedule import answer_steps

__all__ = [
    "EvaluationRecording",
    "Parts",
    "answer_steps",
    "block_samples",
    "evaluate",
    "metric_names",
]
