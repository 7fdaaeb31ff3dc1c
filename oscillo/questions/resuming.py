"""Going on with whatever was interrupted: a run, a sweep, or the answer to a question."""

from __future__ import annotations

import os
from pathlib import Path

from oscillo.experiment import resume as resume_run
from oscillo.questions import asking
from oscillo.questions.comparison import Compare
from oscillo.questions.question import Question
from oscillo.questions.stability import BasinsQuestion, FixedPointsQuestion, LyapunovQuestion
from oscillo.questions.sweep import running as sweeping
from oscillo.recording import Run, RunDirectory
from oscillo.training.progress import report

QUESTIONS: dict[str, type[Question]] = {
    question.kind: question for question in (Compare, LyapunovQuestion, FixedPointsQuestion, BasinsQuestion)
}
"""Questions by the kind that stands in `run.json`."""


def resume(path: str | os.PathLike[str]) -> Run:
    """Go on with a run, a sweep or the answer to a question, as if it had not been interrupted.

    Raises:
        SpecError: when its spec asks for files or a device that are not here any more; the run stays as it was.
        RunDirectoryError: when the path is not a run, or another process has it.
        RunFailed, RunInterrupted: as `oscillo.run`.
    """
    directory = RunDirectory.open(Path(path))
    asked = dict(directory.record().get("question") or {})
    kind = asked.pop("kind", None)
    if kind is None:
        return resume_run(directory.path)
    if kind == "sweep" and not sweeping.finished(directory):
        return sweeping.go_on(directory)
    if directory.state == "done":
        report(f"{directory.path} is done already: data.zarr and figures in it hold its results")
        return asking.open_run(directory.path)
    return asking.go_on(directory, QUESTIONS[kind].model_validate(asked))
