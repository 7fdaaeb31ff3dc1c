"""Who computes the runs of a sweep: this process, others on this machine, or those of a Dask cluster."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, redirect_stdout
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, NamedTuple

import torch

from oscillo.experiment import run_in
from oscillo.running import RunFailed, RunInterrupted
from oscillo.spec import SpecError
from oscillo.training import Interrupted
from oscillo.training.progress import report

LOCAL = "local"
"""The scheduler of a cluster on this machine that is made for the sweep."""

_PAUSE = 0.2
"""Seconds between looks whether to stop."""

_ALONE = Lock()
"""Runs of one process go one after the other: torch's generator and the standard output are there once."""

_TRIES = 3
"""How often a run is begun whose worker dies."""

_PATIENCE = 10
"""Seconds to wait for a scheduler, and for the last words of workers."""


class Job(NamedTuple):
    """One run to be made."""

    number: int
    folder: Path
    """Of the run."""
    spec: Path
    """File of its spec."""
    stop: Path
    """File whose presence says that the sweep has been stopped."""
    threads: int | None = None
    """Threads to compute with; None leaves them as they are."""


class Ended(NamedTuple):
    """How a run has ended."""

    number: int
    failure: str = ""
    """Why it failed; empty when it did not."""


def do(job: Job) -> Ended | None:
    """Make a run, or go on with it; None when it was interrupted.

    What it would show goes into a file beside its spec.
    """
    if job.stop.exists():
        return None
    if job.threads:
        torch.set_num_threads(job.threads)
    with _ALONE, job.spec.with_suffix(".log").open("a", encoding="utf-8") as log, redirect_stdout(log):
        return make(job)


def make(job: Job) -> Ended | None:
    """Make a run, or go on with it, and show what it shows; None when it was interrupted."""
    try:
        run_in(job.folder, job.spec, job.stop)
    except RunInterrupted:
        return None
    except (RunFailed, SpecError, OSError, ValueError) as error:
        return Ended(job.number, " ".join(str(error).split()) or type(error).__name__)
    return Ended(job.number)


def here(jobs: Sequence[Job], check: Callable[[], None]) -> Iterator[Ended]:
    """Make runs in this process, one after the other; a single one shows how far it is.

    Raises:
        Interrupted: when one was interrupted.
    """
    for job in jobs:
        check()
        ended = do(job) if len(jobs) > 1 else make(job)
        if ended is None:
            raise Interrupted(signal.SIGINT)
        yield ended


def in_processes(jobs: Sequence[Job], workers: int, check: Callable[[], None]) -> Iterator[Ended]:
    """Make runs in processes of this machine; a run whose process dies is begun again where it stood.

    Raises:
        RunFailed: when processes die before they have begun anything.
    """
    waiting, tried = {job.number: job for job in jobs}, dict.fromkeys((job.number for job in jobs), 0)
    rounds = 0
    while waiting:
        rounds += 1
        with _pool(min(workers, len(waiting))) as pool:
            with _interruptions_kept():
                futures = {pool.submit(do, job): job for job in waiting.values()}
            for future, job in _finished(futures, check):
                try:
                    ended = future.result()
                except BrokenProcessPool:
                    # Which of the runs broke it is not told; those that have not begun do not count it.
                    tried[job.number] += job.folder.exists()
                    died = f"its process died {_TRIES} times"
                    ended = Ended(job.number, died) if tried[job.number] >= _TRIES else None
                if ended is not None:
                    rounds = 0
                    del waiting[ended.number]
                    yield ended
        check()
        if rounds >= _TRIES and not any(tried.values()):
            raise RunFailed(None, "the processes of the sweep die before they begin a run; `--workers 1` does without")


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # They import everything anew, which takes seconds in which nothing else would be said.
    report(f"starting {workers} process{'es' if workers > 1 else ''}")
    with _main_left_alone():
        pool = ProcessPoolExecutor(workers, get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _main_left_alone() -> Iterator[None]:
    """Start processes that do not import the script again that this one runs: it would sweep in every one of them."""
    main = sys.modules["__main__"]
    hidden = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    vars(main).update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        vars(main).update(hidden)


@contextmanager
def _interruptions_kept() -> Iterator[None]:
    """Start processes that leave Ctrl-C, which a terminal sends to all of them, to the one that the user looks at.

    They inherit that it is blocked, from their first moment on. Here it is only put off.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # else it starts with the first process, and lets the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _finished(
    futures: Mapping[Future[Ended | None], Job], check: Callable[[], None]
) -> Iterator[tuple[Future[Ended | None], Job]]:
    """Futures as they come to their end."""
    left = set(futures)
    while left:
        done, left = wait(left, timeout=_PAUSE, return_when=FIRST_COMPLETED)
        for future in done:
            yield future, futures[future]
        check()


@contextmanager
def cluster(scheduler: str, workers: int) -> Iterator[Any]:
    """A client of a Dask scheduler.

    Args:
        scheduler: address such as `tcp://10.0.0.1:8786`, or `local` for a cluster on this machine.
        workers: of a local one.

    Raises:
        ValueError: when Dask is not installed, or there is no scheduler; it says what to do.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        remedy = "pip install 'oscillo[scale]', or leave the scheduler out: several processes need none"
        raise ValueError(f"a scheduler takes Dask, which is not installed: {remedy}") from None
    if scheduler == LOCAL:
        report("starting a Dask cluster on this machine")
        with _main_left_alone(), ExitStack() as stack:
            with _interruptions_kept():  # also by its threads, which start workers anew
                local = LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, memory_limit=0, silence_logs=50,
                    dashboard_address=None,  # pyright: ignore[reportArgumentType]
                    local_directory=stack.enter_context(TemporaryDirectory()),
                )  # fmt: skip
            yield stack.enter_context(Client(stack.enter_context(local)))
        return
    try:
        client = Client(scheduler, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        words = f"there is no scheduler at {scheduler!r}: {str(error).splitlines()[0]}"
        remedy = "`dask scheduler` starts one and says its address, such as `tcp://10.0.0.1:8786`"
        raise ValueError(f"{words}; {remedy}, and `{LOCAL}` is a cluster on this machine") from None
    with client:
        if not client.scheduler_info()["workers"]:
            report(f"waiting for workers, of which the scheduler has none yet: `dask worker {scheduler}` starts one")
        yield client


def on_cluster(jobs: Sequence[Job], client: Any, check: Callable[[], None]) -> Iterator[Ended]:
    """Make runs on a Dask cluster, whose workers see the same folders; a run whose worker dies goes on elsewhere."""
    numbers = {}
    for job in jobs:
        numbers[client.submit(do, job, key=f"{job.folder.parents[1].name}-{job.number}", pure=False)] = job.number
    left = set(numbers)
    try:
        yield from _arriving(left, numbers, check)
    except BaseException:
        client.cancel([one for one in left if not one.done()])
        raise


def _arriving(left: set[Any], numbers: Mapping[Any, int], check: Callable[[], None]) -> Iterator[Ended]:
    """Futures of a cluster as they come to their end."""
    while left:
        for future in [one for one in left if one.done()]:
            left.discard(future)
            error = future.exception()
            ended = future.result() if error is None else Ended(numbers[future], f"{type(error).__name__}: {error}")
            if ended is not None:
                yield ended
        check()
        time.sleep(_PAUSE)
