"""A run's folder, and how the work in it begins and ends: done, failed, or stopped and to be resumed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from oscillo.recording import RecordingError, Run, RunDirectory, RunDirectoryError, open_run, provenance
from oscillo.recording.run_directory import State
from oscillo.runspec import LoadedSpec
from oscillo.spec import LocatedError, SpecError, spec_hash, to_yaml
from oscillo.training import Interrupted, Interruption


class RunFailed(RuntimeError):
    """A run could not begin, or ended before its end; then `run.json` has the reason, and what was committed is intact.

    Attributes:
        path: the run; None when it could not begin, and none was made.
        exit_code: 2 when nothing has run (unusable data, a damaged checkpoint), else 1.
    """

    def __init__(self, path: Path | None, reason: str, exit_code: int = 1) -> None:
        super().__init__(reason)
        self.path, self.exit_code = path, exit_code


class RunInterrupted(RuntimeError):
    """A run was stopped by the user or the system and can be resumed.

    Attributes:
        path: the run.
        exit_code: 128 plus the number of the signal.
    """

    def __init__(self, path: Path, cause: Interrupted) -> None:
        super().__init__(f"interrupted; to go on: oscillo resume {path}")
        self.path, self.exit_code = path, cause.exit_code


Work = Callable[[Interruption], None]
"""Does what is left of a run."""


def new_directory(
    loaded: LoadedSpec, device: torch.device, runs: Path, folder: Path | None = None, **facts: Any
) -> RunDirectory:
    """The folder of a new run; its spec names the copies of the plugins that it keeps.

    Args:
        loaded: the spec.
        device: that it runs on.
        runs: folder of all runs.
        folder: of this one, where it has a place of its own.
        facts: more to keep in `run.json`.
    """
    copies = [f"spec.src/{plugin.file.name}" for plugin in loaded.plugins]
    spec = loaded.spec.model_copy(update={"plugins": copies})
    text = to_yaml(spec)
    origin = provenance(
        spec_yaml=text, spec_sha256=spec_hash(spec), seed=spec.seed, device=str(device),
        plugins=[plugin.file for plugin in loaded.plugins],
    )  # fmt: skip
    return RunDirectory.create(
        runs, spec.name, spec_yaml=text, sources=loaded.sources, provenance={**origin, **facts}, folder=folder,
        store=spec.recording.store,
    )  # fmt: skip


@contextmanager
def refusing(path: Path | None = None) -> Iterator[None]:
    """Say what forbids a run to begin, or the one at `path` to go on; nothing was made or changed."""
    try:
        yield
    except (SpecError, LocatedError):
        raise  # says it with its place
    except (ValueError, OSError, torch.OutOfMemoryError) as error:
        what = "no run was made" if path is None else f"{path} cannot go on"
        raise RunFailed(path, f"{what}: {error}", exit_code=2) from error


def execute_work(directory: RunDirectory, work: Work, stop: Path | None = None) -> Run:
    """Execute a run that this process owns, and record how it ends.

    Args:
        directory: of the run.
        work: what is left to do.
        stop: file whose presence interrupts it, as Ctrl-C does.

    Raises:
        RunFailed, RunInterrupted: when it does not come to its end.
    """
    with Interruption(stop) as interruption:
        try:
            directory.set_state("running")
            work(interruption)
            directory.set_state("done")
        except (Interrupted, KeyboardInterrupt):
            cause = Interrupted(interruption.signal or signal.SIGINT)
            _record_end(directory, "interrupted", str(cause))
            raise RunInterrupted(directory.path, cause) from None
        except (ValueError, OSError, RecordingError, FloatingPointError, torch.OutOfMemoryError) as error:
            reason = str(error) or type(error).__name__
            _record_end(directory, "failed", reason)
            _leave_report(directory, stop)
            raise RunFailed(directory.path, reason) from error
        except BaseException as error:
            _record_end(directory, "failed", f"{type(error).__name__}: {error}")
            error.add_note(f"the run is\n{directory.path}")
            raise
        _leave_report(directory, stop)
    return open_run(directory.path)


def _record_end(directory: RunDirectory, state: State, reason: str) -> None:
    """Record how a run ended; what ended it (a full disk) may forbid even that, and is told in any case."""
    with suppress(RunDirectoryError):
        directory.set_state(state, reason)


def _leave_report(directory: RunDirectory, stop: Path | None) -> None:
    """Write the report of a run that stands alone."""
    if stop is None:
        from oscillo.reporting import leave_report

        leave_report(directory.path)
