"""A sweep: its points in as few runs as possible, made by one or several processes, and put together."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

import torch
import xarray as xr

from oscillo.preparation import require
from oscillo.questions.sweep.arguments import of_mapping, with_axes
from oscillo.questions.sweep.gathering import GROUP, Found, found_in, gathered
from oscillo.questions.sweep.results import figures, metrics, tables, transition
from oscillo.questions.sweep.units import Division, divided, division_text
from oscillo.questions.sweep.workers import LOCAL, Ended, Job, cluster, here, in_processes, on_cluster
from oscillo.recording import (
    MetricsLog,
    RecordingError,
    Run,
    RunDirectory,
    RunDirectoryError,
    TrajectoryStore,
    check_room,
    open_run,
    write_datasets,
)
from oscillo.recording.run_directory import POINTS
from oscillo.running import RunFailed, execute_work, new_directory, refusing
from oscillo.runspec import LoadedSpec, checked, read_source, read_spec
from oscillo.spec import locating_failures, to_yaml
from oscillo.training import Interrupted, Interruption
from oscillo.training.hardware import choose_device
from oscillo.training.progress import console, progress, report

_STOP = "stop"
"""File in the folder of the points that tells all workers to stop."""

_SECONDS_BETWEEN_LOOKS_AT_RESULTS, _LEAST_SHARE = 20.0, 10
"""What is there is put together again when so many seconds, and so many times its own duration, have gone by."""

_TRIED = 16
"""Runs up to which each is tried out before the first begins."""

_DIFFERENCES, _CHARACTERS = 4, 60
"""How many differences between specs are told, and of each value how much."""


def sweep(
    spec: str | os.PathLike[str] | Mapping[str, Any], axes: Mapping[str, Any] | None = None,
    overrides: Iterable[str] = (), *, how: Literal["grid", "zip", "random"] = "grid", points: int | None = None,
    workers: int | None = None, scheduler: str | None = None, runs: str | os.PathLike[str] = "runs",
    into: str | os.PathLike[str] | None = None,
) -> Run:  # fmt: skip
    """Run a spec for many values of its parameters, and put what comes out into one dataset.

    Points that can share a batch run as one; the others are runs of their own, in several processes.

    Args:
        spec: path of a YAML file, or the same as nested mappings.
        axes: values by their place in the spec, `{"network.layers.0.coupling.strength": np.linspace(0, 4, 41)}`, beside
            those of the spec's own `sweep`.
        overrides: changes such as `task.duration=50`.
        how: whether all values of the axes meet, go together, or are drawn from.
        points: how many are drawn.
        workers: processes; left out, one for every core of the CPU, and one on a GPU.
        scheduler: address of a Dask scheduler, or `local` for a Dask cluster on this machine.
        runs: folder of all runs; the sweep is `<runs>/<name>/<id>`.
        into: an earlier run of the same sweep, to go on with.

    Returns:
        The run; `run.data["sweep"]` has a dimension for everything that was swept over.

    Raises:
        SpecError: when the spec or a value is wrong.
        RunFailed: when no point could be computed, or nothing could begin.
        RunInterrupted: after Ctrl-C or SIGTERM, with the run's path; `resume` goes on.
        RunDirectoryError: when `into` is another sweep; the message names what differs.
    """
    document = with_axes(read_source(spec, overrides), of_mapping(axes or {}), how, points)
    return sweep_spec(checked(document), workers=workers, scheduler=scheduler, runs=Path(runs), into=into)


def sweep_spec(
    loaded: LoadedSpec, *, workers: int | None = None, scheduler: str | None = None, runs: Path = Path("runs"),
    into: str | os.PathLike[str] | None = None,
) -> Run:  # fmt: skip
    """The same for a spec that was read.

    Raises:
        SpecError, RunFailed, RunInterrupted, RunDirectoryError: as `sweep`.
    """
    if loaded.spec.sweep is None:
        words = "nothing is swept over: give values such as `network.layers.0.coupling.strength=0:4:41`"
        raise RunFailed(None, f"{words}, or a `sweep:` in the spec", exit_code=2)
    if into is not None:
        directory = RunDirectory.open(Path(into))
        _refuse_another(directory, loaded)
        return go_on(directory, workers=workers, scheduler=scheduler)
    with locating_failures(loaded.spec, loaded.document), refusing():
        division = divided(loaded)
        for unit in division.units[:: -(-len(division.units) // _TRIED)]:
            require(unit.spec)
        device = choose_device(loaded.spec.device)
        check_room(runs)
    with _working(scheduler, _processes(workers, division, device)) as make:
        directory = new_directory(loaded, device, runs, question={"kind": "sweep"})
        with directory.locked():
            return execute_work(directory, _work(directory, division, loaded, make))


def go_on(directory: RunDirectory, *, workers: int | None = None, scheduler: str | None = None) -> Run:
    """Go on with a sweep: points that failed are tried again, and what is missing is made.

    Raises:
        RunFailed, RunInterrupted: as `sweep`.
    """
    loaded = read_spec(directory.spec)
    with directory.locked(), refusing(directory.path):
        division = divided(loaded)
        processes = _processes(workers, division, choose_device(loaded.spec.device))
    with _working(scheduler, processes) as make, directory.locked():
        return execute_work(directory, _work(directory, division, loaded, make))


Make = Callable[[list[Job], Callable[[], None]], Iterator[Ended]]
"""Makes runs, and tells each that has ended."""


def _processes(workers: int | None, division: Division, device: torch.device) -> int:
    most = (os.cpu_count() or 1) if device.type == "cpu" else 1
    return max(1, min(workers or most, len(division.units)))


@contextmanager
def _working(scheduler: str | None, workers: int) -> Iterator[Make]:
    """Whoever makes the runs, as long as there are some to be made."""
    threads = max(1, (os.cpu_count() or 1) // workers) if scheduler in (None, LOCAL) else None

    def shared(jobs: list[Job]) -> list[Job]:
        """The jobs with as many threads as each of several processes may have."""
        return [job._replace(threads=threads) for job in jobs]

    if scheduler is not None:
        with ExitStack() as stack:
            with refusing():
                client = stack.enter_context(cluster(scheduler, workers))
            yield lambda jobs, check: on_cluster(shared(jobs), client, check)
    elif workers == 1:
        yield here
    else:
        yield lambda jobs, check: in_processes(shared(jobs), workers, check)


def _work(
    directory: RunDirectory, division: Division, loaded: LoadedSpec, make: Make
) -> Callable[[Interruption], None]:
    return lambda interruption: _Sweeping(directory, division, loaded, interruption).run(make)


class _Sweeping:
    """One pass through a sweep, from wherever it stands to its end."""

    def __init__(
        self, directory: RunDirectory, division: Division, loaded: LoadedSpec, interruption: Interruption
    ) -> None:
        self.directory, self.division, self.spec, self.interruption = directory, division, loaded.spec, interruption
        assert loaded.spec.sweep is not None
        self.sweep = loaded.spec.sweep
        self.folder = directory.path / POINTS
        self.found: dict[int, Found | str] = {}

    def run(self, make: Make) -> None:
        """Make all runs that are missing, put them together, and show what came out.

        Raises:
            ValueError: when every point failed.
        """
        units, points = self.division.units, self.sweep.size
        report(f"run {self.directory.path}")
        report(division_text(self.division))
        (self.folder / _STOP).unlink(missing_ok=True)
        jobs = self._jobs()
        with TrajectoryStore(self.directory.data, {"spec_sha256": self.directory.record()["spec_sha256"]}) as store:
            try:
                self._make(jobs, make, store)
            except BaseException:
                if self.found:  # what is there can be read before the sweep goes on
                    self._gather(store)
                raise
            data = self._gather(store)
        if all(isinstance(what, str) for what in self.found.values()):
            raise ValueError(f"every one of the {points:,} points failed; the first: {self.found[0]}")
        failed = sum(len(units[n].points) for n, what in self.found.items() if isinstance(what, str))
        if failed:
            first = next(what for what in self.found.values() if isinstance(what, str))
            report(
                f"{failed:,} of {points:,} points failed; `error` in the dataset says why, and resume tries again. "
                f"The first: {first}"
            )
        self._conclude(data)

    def _jobs(self) -> list[Job]:
        """The runs that are not done yet; what the others have found is read."""
        self.folder.mkdir(exist_ok=True)
        copies = [f"../spec.src/{Path(name).name}" for name in self.spec.plugins]
        jobs = []
        for number, unit in enumerate(self.division.units):
            folder = self.folder / f"{number:05d}"
            run = RunDirectory(folder)
            if run.record_file.is_file() and run.state == "done":
                self._take(Ended(number))
                continue
            if run.record_file.is_file() and run.state == "failed" and not any(run.checkpoints.glob("*")):
                shutil.rmtree(folder)  # nothing to go on from
            file = folder.with_suffix(".yaml")
            file.write_text(to_yaml(unit.spec.spec.model_copy(update={"plugins": copies})), encoding="utf-8")
            jobs.append(Job(number, folder, file, self.folder / _STOP))
        return jobs

    def _make(self, jobs: list[Job], make: Make, store: TrajectoryStore) -> None:
        """Have the runs made, and put what is there together now and then."""
        sizes = [len(unit.points) for unit in self.division.units]
        done, since, pause = sum(sizes[n] for n in self.found), time.monotonic(), _SECONDS_BETWEEN_LOOKS_AT_RESULTS
        if not jobs:
            return
        if len(jobs) == 1:  # shows by itself how far it is
            for ended in make(jobs, self._check):
                self._take(ended)
            return
        with progress("points", self.sweep.size, done) as show:
            show(done, {})
            for ended in make(jobs, self._check):
                self._take(ended)
                done += sizes[ended.number]
                show(done, {})
                began = time.monotonic()
                if began - since > pause:
                    self._gather(store)
                    since = time.monotonic()
                    pause = max(pause, _LEAST_SHARE * (since - began))

    def _check(self) -> None:
        """Stop here if asked, and tell the workers to do so."""
        try:
            self.interruption.check()
        except Interrupted:
            (self.folder / _STOP).touch()
            raise

    def _take(self, ended: Ended) -> None:
        """Read what a run has found."""
        if ended.failure:
            self.found[ended.number] = ended.failure
            return
        try:
            self.found[ended.number] = found_in(self.folder / f"{ended.number:05d}", learned=self.spec.task.learns)
        except RecordingError as error:
            self.found[ended.number] = str(error)

    def _gather(self, store: TrajectoryStore) -> xr.Dataset:
        """Put what is there together, and show it to readers."""
        data = gathered(self.sweep, self.division, self.found)
        write_datasets(store, {GROUP: data})
        return data

    def _conclude(self, data: xr.Dataset) -> None:
        from oscillo.plotting import save_figure

        onset = transition(data)
        self.directory.metrics.unlink(missing_ok=True)
        with MetricsLog(self.directory.metrics) as log:
            log.write(0, metrics(data, onset))
        for name, draw in figures(data, self.spec.name, onset).items():
            try:
                if (figure := draw()) is not None:
                    save_figure(figure, self.directory.figures / f"{name}.png")
            except Exception as error:
                report(f"the figure `{name}` could not be drawn: {type(error).__name__}: {error}")
        for table in tables(data):
            console().print(table)
        if onset is not None:
            value, low, high = onset
            report(f"order sets in at a coupling of {value:.4g} (95 %: {low:.4g} to {high:.4g})")


def finished(directory: RunDirectory) -> bool:
    """Whether there is nothing left to do for a sweep: it is done, and no point failed."""
    if directory.state != "done":
        return False
    data = open_run(directory.path).data
    return GROUP in data.children and bool(data[GROUP]["done"].all())


def _refuse_another(directory: RunDirectory, loaded: LoadedSpec) -> None:
    """Refuse to go on with the sweep of another spec.

    Raises:
        RunDirectoryError: with the fields that differ.
    """
    if directory.record().get("question", {}).get("kind") != "sweep":
        raise RunDirectoryError(f"{directory.path} is no sweep")
    before, now = (
        dict(_leaves(spec.model_dump(mode="json", exclude={"plugins"})))
        for spec in (read_spec(directory.spec).spec, loaded.spec)
    )
    differ = [key for key in dict.fromkeys([*before, *now]) if before.get(key, "") != now.get(key, "")]
    if differ:
        told = [f"{key} is {_told(before, key)} there and {_told(now, key)} here" for key in differ[:_DIFFERENCES]]
        if more := len(differ) - len(told):
            told.append(f"and {more} more, among them {', '.join(differ[_DIFFERENCES:][:_DIFFERENCES])}")
        raise RunDirectoryError(f"{directory.path} is the sweep of another spec: {'; '.join(told)}")


def _told(leaves: Mapping[str, Any], key: str) -> str:
    """What stands in a spec at some place; of long values the beginning."""
    return shorten(str(leaves[key]), _CHARACTERS, placeholder=" ...") if key in leaves else "absent"


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Everything inside nested mappings and lists, by its dotted place."""
    inside = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if inside is None or (isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)):
        yield place, value
        return
    for key, below in inside:
        yield from _leaves(below, f"{place}.{key}" if place else str(key))
