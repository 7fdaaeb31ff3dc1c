"""The report of a run: one page with its numbers, curves, oscillators, figures, spec and provenance."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oscillo.recording import Run, RunDirectory, open_run
from oscillo.training.progress import report as tell

if TYPE_CHECKING:
    from oscillo.runspec import RunSpec
    from oscillo.training.references import Reference

_TEMPLATES = Path(__file__).with_name("templates")


def leave_report(path: str | os.PathLike[str]) -> None:
    """Write the report of a run that ends; what stands against it is told in one line, and the run is none the worse.

    Args:
        path: folder of the run.
    """
    try:
        write_report(path)
    except Exception as error:
        tell(f"the report could not be written: {type(error).__name__}: {error}")


def write_report(path: str | os.PathLike[str], out: Path | None = None) -> Path:
    """Write the report of a run, whatever state that is in, as one file that needs nothing else.

    Args:
        path: folder of the run.
        out: file to write; left out, `report.html` in the folder.

    Returns:
        The file.

    Raises:
        RunDirectoryError: when the path is not a run.
        StoreError, MetricsError: when its data or metrics are damaged.
        OSError: when the file cannot be written.
    """
    from oscillo.plotting.pages import page_templates, write_page

    run = open_run(Path(path))
    target = out or RunDirectory(Path(path)).report
    return write_page(target, page_templates(_TEMPLATES), "report.html", contents(run))


def contents(run: Run) -> dict[str, Any]:
    """Everything that the page of a run shows."""
    from oscillo.plotting.player import player_data
    from oscillo.plotting.scenes import recorded_scenes
    from oscillo.reporting.asked import settings
    from oscillo.reporting.curves import energy_charts, is_main, learned_charts, series_charts, training_charts
    from oscillo.reporting.declared import declared
    from oscillo.reporting.described import described
    from oscillo.reporting.numbers import main_numbers
    from oscillo.reporting.pictures import pictures
    from oscillo.reporting.provenance import commands, facts, provenance_rows

    question = run.provenance.get("question")
    spec, problem = _declaration(run)
    references, unknown = _references(run, spec)
    curves = [*training_charts(run), *series_charts(run)]
    other = [] if not run.spec.get("training") else [chart for chart in curves if not is_main(chart)]
    scenes = [] if question else sorted(recorded_scenes(run.data), key=lambda scene: _place(run, scene.name))
    trained = (run.path / "weights.safetensors").is_file()
    return {
        "run": run,
        "title": f"{run.path.resolve().parent.name} {run.path.resolve().name}",
        "name": str(run.spec.get("name", run.path.resolve().parent.name)),
        "id": run.path.resolve().name,
        "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "sentence": described(run.spec, question),
        "asked": settings(question) if question else None,
        "facts": facts(run),
        "numbers": main_numbers(run, references),
        "player": player_data(scenes) if scenes else None,
        "curves": [chart for chart in curves if chart not in other],
        "other_curves": other,
        "energies": [*sorted(energy_charts(run), key=lambda chart: _place(run, chart.of)), *learned_charts(run)],
        "pictures": pictures(run),
        "declared": declared(run, spec),
        "provenance": provenance_rows(run),
        "commands": commands(run, trained=trained),
        "notes": [note for note in (problem, unknown) if note],
    }


def _place(run: Run, evaluation: str) -> int:
    """Place of an evaluation in the spec; the store knows them by the alphabet."""
    task = run.spec.get("task") or {}
    names = [each.get("name") for each in task.get("evaluations") or () if isinstance(each, Mapping)]
    return names.index(evaluation) if evaluation in names else len(names)


def _declaration(run: Run) -> tuple[RunSpec | None, str]:
    """The spec as a declaration, or why there is none: its task or a plugin may not be installed here."""
    from oscillo.runspec import RunSpec
    from oscillo.spec import SpecError, load_plugins, read_document, validate

    try:
        document = read_document(run.directory.spec)
        load_plugins(document)
        return validate(RunSpec, document), ""  # files that it names may be elsewhere by now
    except SpecError as error:
        return (
            None,
            f"The spec cannot be read by this version of oscillo, so defaults are not marked: {error.problems[0]}",
        )


def _references(run: Run, spec: RunSpec | None) -> tuple[Sequence[Reference], str]:
    """What the task knows to compare the run with."""
    if spec is None:
        return [], ""
    try:
        return spec.task.references(run), ""
    except Exception as error:  # a task's own code
        return [], f"What the results are compared with is missing: {type(error).__name__}: {error}"
