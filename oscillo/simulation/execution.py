"""What a run of a simulation does, from wherever it stands to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from rich.table import Table
from torch import Tensor

from oscillo.recording import MetricsLog, RunDirectory, TrajectoryStore, open_run
from oscillo.runspec import LoadedSpec, RunSpec
from oscillo.simulation.plan import design_of
from oscillo.simulation.recording import member_columns
from oscillo.simulation.simulation import Simulation
from oscillo.simulation.task import SimulationTaskSpec
from oscillo.spec import SpecError, SpecProblem
from oscillo.stacking import NotStackable
from oscillo.training import Checkpoints
from oscillo.training.hardware import choose_device, missing_for_compiling, return_freed_memory
from oscillo.training.progress import console, progress, report
from oscillo.training.trackers import Tracking

_MOST_ROWS = 24
"""Members up to which the table at the end has a row for each."""

_WORTH_COMPILING = 1.5e9
"""Numbers times evaluations from which steps are compiled. Compiling takes 2 to 5 s on two idle cores, and saves some 3
nanoseconds for each (measured)."""


def prepare(loaded: LoadedSpec) -> Simulation:
    """The simulation that a spec declares, on its device.

    Raises:
        SpecError: when its members cannot run as one batch.
        ValueError: when a file or a former run cannot be used.
    """
    spec = loaded.spec
    return_freed_memory()
    if spec.threads:
        torch.set_num_threads(spec.threads)
    try:
        simulation = Simulation(design_of(spec), choose_device(spec.device))
    except NotStackable as error:
        problem = SpecProblem(("task", "ensemble"), f"its members cannot run as one batch: {error}")
        raise SpecError.at(loaded.document, [problem]) from error
    if spec.compile == "on" and not simulation.layer.compilable:
        words = "this integrator or coupling is not made of operations that compile; leave `compile` out"
        raise SpecError.at(loaded.document, [SpecProblem(("compile",), words)])
    _compile(simulation, spec)
    return simulation


def _compile(simulation: Simulation, spec: RunSpec) -> None:
    """Have steps compiled where the spec insists, or where that is sure to be made up for."""
    worth = spec.compile == "on" or (spec.compile == "auto" and simulation.work > _WORTH_COMPILING)
    if not worth or not simulation.layer.compilable:
        return
    if lacking := missing_for_compiling():
        report(f"steps run uncompiled, which is slower: {lacking}")
        return
    simulation.compile()
    report("steps are compiled when first taken (some seconds, up to a minute)")


def execute(
    directory: RunDirectory, spec: RunSpec, simulation: Simulation, check: Callable[[], None], spec_sha256: str,
    *, alone: bool = True,
) -> None:  # fmt: skip
    """Run the simulation to its end; one that stands alone shows its results and draws its figures."""
    task = spec.task
    assert isinstance(task, SimulationTaskSpec)
    report(f"run {directory.path}")
    checkpoints, steps = Checkpoints(directory.checkpoints, 2), simulation.course.steps
    with TrajectoryStore(directory.data, {"spec_sha256": spec_sha256}, fsync=spec.recording.fsync) as store:
        done = max((int(file.stem.removeprefix("step_")) for file in checkpoints.files()), default=0)
        if done:
            report(f"going on after {done} of {steps} steps")
        with progress("simulating", steps, done) as show:
            summary = simulation.run(store, checkpoints, check=check, show=show)
        if store.slow_disk:
            report(store.slow_disk)
    with Tracking(spec.tracking, directory.path) as tracking:
        _log(directory, steps, simulation, summary, tracking)
        if alone:
            _show(simulation, summary)
            _draw(directory, task, steps, tracking)


def _log(
    directory: RunDirectory, steps: int, simulation: Simulation, summary: Mapping[str, Tensor], tracking: Tracking
) -> None:
    """The means over members as metrics, for listings."""
    numbers = {name: float(value.double().nanmean()) for name, value in _told(simulation, summary).items()}
    if lost := int(summary["diverged_at"].isfinite().sum()):
        numbers["diverged"] = lost
    directory.metrics.unlink(missing_ok=True)
    with MetricsLog(directory.metrics, [tracking.log_scalars]) as log:
        log.write(steps, {name: value for name, value in numbers.items() if value == value})


def _told(simulation: Simulation, summary: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One number for each member: means and spreads of series, and what the integrator did."""
    names = [f"{name}_{what}" for name in simulation.observed.moments for what in ("mean", "std")]
    single = [name for name, value in summary.items() if value.ndim == 1 and name not in names]
    kept = [name for name in single if name not in ("diverged_at", "diverged_oscillator")]
    return {name: summary[name].cpu() for name in [*names, *kept]}


def _draw(directory: RunDirectory, task: SimulationTaskSpec, steps: int, tracking: Tracking) -> None:
    """Draw what can be drawn; what cannot is told, and the simulation is done all the same."""
    from oscillo.plotting import save_figure

    for name, draw in task.figures(open_run(directory.path)).items():
        try:
            if (figure := draw()) is not None:
                tracking.log_figure(steps, name, figure)
                save_figure(figure, directory.figures / f"{name}.png")
        except Exception as error:
            report(f"the figure `{name}` could not be drawn: {type(error).__name__}: {error}")


def _show(simulation: Simulation, summary: Mapping[str, Tensor]) -> None:
    told = _told(simulation, summary)
    columns = member_columns(simulation.members, simulation.recording.names)
    samples = len(simulation.members)
    single = samples == 1
    varying = {} if single else {name: values for name, values in columns.items() if len(set(values.tolist())) > 1}
    names = [name for name, value in told.items() if name in ("steps", "evaluations") or bool((value != 0).any())]
    title = "results" if samples <= _MOST_ROWS else f"results, mean over {samples} members"
    table = Table(title=title, title_justify="left")
    rows = range(samples) if samples <= _MOST_ROWS else ()
    for name in [*(varying if rows else ()), *names]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        numbers = [float(values[row]) for values in (*varying.values(), *(told[name] for name in names))]
        table.add_row(*(f"{number:.4g}" for number in numbers))
    if not rows:
        table.add_row(*(f"{float(told[name].double().nanmean()):.4g}" for name in names))
    console().print(table)
    lost = summary["diverged_at"].isfinite().nonzero().flatten().tolist()
    if lost:
        first = min(lost, key=lambda sample: float(summary["diverged_at"][sample]))
        t, oscillator = float(summary["diverged_at"][first]), int(summary["diverged_oscillator"][first])
        report(
            f"{len(lost)} of {samples} trajectories diverged, the first, sample {first}, before t = {t:g} at "
            f"oscillator {oscillator}; `diverged_at` in the summary has the times"
        )
