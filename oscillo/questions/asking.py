"""How a question is answered: a run like any other, whose parts survive interruptions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from oscillo.evaluation import Parts
from oscillo.plotting import save_figure
from oscillo.questions.question import Part, Question, Study
from oscillo.questions.source import Source, read_source
from oscillo.recording import MetricsLog, Run, RunDirectory, TrajectoryStore, check_room, open_run, write_datasets
from oscillo.running import execute_work, new_directory, refusing
from oscillo.spec import SpecError, SpecProblem, locating_failures
from oscillo.training import Interruption
from oscillo.training.progress import console, progress, report

_PARTS = "answers"
"""Folder of the parts of an answer while others are not there yet."""

_TICKS = 100
"""What a part counts for in progress."""

_FAILURE = "failed"
"""Name under which a part that failed keeps the reason."""


def ask(
    question: Question, path: str | os.PathLike[str], changes: Iterable[str] = (), *,
    runs: str | os.PathLike[str] = "runs",
) -> Run:  # fmt: skip
    """Answer a question about the network of a spec or of a run.

    Args:
        question: which one.
        path: a spec, or the folder of a run.
        changes: changes to the spec, such as `network.layers.0.coupling.strength=2`.
        runs: folder of all runs; the answer is a run of its own, `<runs>/<name>/<id>`.

    Raises:
        SpecError: when the spec is wrong.
        RunDirectoryError: when a folder is not a run.
        RunFailed, RunInterrupted: as `oscillo.run`.
    """
    with refusing():
        source = read_source(path, changes)
    if source.spec.sweep is not None:
        words = "the question is about one network, and this spec declares a sweep; leave it out: `~sweep`"
        raise SpecError.at(source.loaded.document, [SpecProblem(("sweep",), words)])
    with locating_failures(source.spec, source.loaded.document), refusing():
        study = question.study(source)
        check_room(Path(runs))
        asked = {"kind": question.kind, **question.model_dump(mode="json")}
        directory = new_directory(source.loaded, study.device, Path(runs), question=asked, parent=source.parent)
    with directory.locked():
        return execute_work(directory, lambda interruption: _answer(directory, study, interruption))


def go_on(directory: RunDirectory, question: Question) -> Run:
    """Go on with a question whose answer was interrupted.

    Raises:
        RunFailed, RunInterrupted: as `oscillo.run`.
    """
    with directory.locked():
        with refusing(directory.path):
            source = read_source(directory.spec)
            if parent := directory.record().get("parent"):
                source = Source(source.loaded, read_source(parent).weights, parent)
            study = question.study(source)
        return execute_work(directory, lambda interruption: _answer(directory, study, interruption))


def _answer(directory: RunDirectory, study: Study, interruption: Interruption) -> None:
    """Answer what has no answer yet, and store, show and draw all of it."""
    report(f"run {directory.path}")
    parts = Parts(directory.path / _PARTS)
    answers: list[Part | str] = []
    with progress("answering", _TICKS * len(study.parts)) as show:
        for number, name in enumerate(study.parts):
            interruption.check()
            found = parts.load(number, 1, ())
            if found is None:
                found = _find(study, number, lambda share, n=number: show(int(_TICKS * (n + share)), {}), interruption)
                parts.save(number, {"index": np.zeros(1), **found})
            failure = str(found[_FAILURE]) if _FAILURE in found else None
            if failure:
                report(f"{name} failed: {failure}")
            answers.append(failure or {key: value for key, value in found.items() if key != "index"})
            study.take(number, answers[-1])
            show(_TICKS * (number + 1), {})
    data = study.datasets(answers)
    with TrajectoryStore(directory.data, {"spec_sha256": directory.record()["spec_sha256"]}) as store:
        write_datasets(store, data)
    parts.remove()
    conclude(directory, study, data)


def _find(study: Study, number: int, advance: Callable[[float], None], interruption: Interruption) -> Part:
    """One part of the answer, or why there is none."""
    try:
        with torch.no_grad():
            return study.answer(number, advance, interruption.check)
    except (ValueError, FloatingPointError, torch.OutOfMemoryError) as error:
        return {_FAILURE: np.array(str(error) or type(error).__name__)}


def conclude(directory: RunDirectory, study: Study, data: Mapping[str, xr.Dataset]) -> None:
    """Write the main numbers, draw the figures and show the tables of an answer."""
    directory.metrics.unlink(missing_ok=True)
    with MetricsLog(directory.metrics) as log:
        log.write(0, {name: value for name, value in study.metrics(data).items() if value == value})
    for name, draw in study.figures(data).items():
        try:
            if (figure := draw()) is not None:
                save_figure(figure, directory.figures / f"{name}.png")
        except Exception as error:
            report(f"the figure `{name}` could not be drawn: {type(error).__name__}: {error}")
    for table in study.tables(data):
        console().print(table)


def opened(directory: RunDirectory) -> Run:
    """The run of an answer that is there."""
    report(f"{directory.path} is done already: data.zarr and figures in it hold the answer")
    return open_run(directory.path)
