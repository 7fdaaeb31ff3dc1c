"""Questions about a network: which integrator, how it depends on parameters, whether it is stable."""

from oscillo.questions.asking import ask
from oscillo.questions.question import Question, Study
from oscillo.questions.source import Source, read_source

__all__ = ["Question", "Source", "Study", "ask", "read_source"]
