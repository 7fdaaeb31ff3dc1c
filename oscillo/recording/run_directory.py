"""The folder of one run: `runs/<name>/<id>/`."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from oscillo.recording.atomic import replace_text
from oscillo.recording.declarations import check_name
from oscillo.recording.errors import RunDirectoryError
from oscillo.recording.provenance import now

State = Literal["running", "done", "failed", "interrupted"]

POINTS = "points"
"""Folder of the runs that a sweep is made of, inside the sweep's own."""

_PROBE = 64 * 1024
_LOCK_TRIES, _LOCK_PAUSE = 10, 0.05


@dataclass(frozen=True)
class RunDirectory:
    """A run on disk.

        spec.yaml      the resolved spec             run.json      provenance, state, start, end, reason
        spec.src/      the files it came from        metrics.jsonl one line per logged step
        checkpoints/   what `resume` starts from     data.zarr     trajectories, energies, results
        figures/       pictures                      report.html   the report

    Attributes:
        path: of the folder.
    """

    path: Path

    @classmethod
    def create(
        cls,
        root: Path | str,
        name: str,
        *,
        spec_yaml: str,
        sources: Mapping[str, str],
        provenance: Mapping[str, Any],
        folder: Path | None = None,
        store: str | None = None,
    ) -> RunDirectory:
        """Make the folder of a new run, in state `running`.

        Args:
            root: folder of all runs, such as `runs`; made when it is not there.
            name: of the spec.
            spec_yaml: text of the resolved spec.
            sources: text of the files that it came from, plugins among them, by path.
            provenance: what `oscillo.recording.provenance.provenance` collects.
            folder: where to make it, and nothing may be there; left out, a fresh one below `root`.
            store: URL below which its trajectories go; left out, they are in the folder.

        Raises:
            RunDirectoryError: when the folder cannot be made or filled.
        """
        try:
            check_name(name, "run")
        except ValueError as error:
            raise RunDirectoryError(str(error)) from error
        check_room(root)
        try:
            run = cls(folder or _fresh_folder(Path(root) / name))
            for part in (run.checkpoints, run.figures, run.sources):
                part.mkdir(parents=True)
            run.spec.write_text(spec_yaml, encoding="utf-8")
            kept = {}
            for origin, text in sources.items():
                target = run.sources / _free_name(run.sources, Path(origin).name)
                target.write_text(text, encoding="utf-8")
                kept[f"{run.sources.name}/{target.name}"] = str(origin)
            elsewhere = {"store": f"{store.rstrip('/')}/{name}/{run.path.name}.zarr"} if store else {}
            run._write_record({"state": "running", "started": now(), **provenance, "sources": kept, **elsewhere})
        except OSError as error:
            raise RunDirectoryError(f"no run can be made in {root}: {error.strerror}") from error
        return run

    @classmethod
    def open(cls, path: Path | str) -> RunDirectory:
        """Take up an existing run.

        Raises:
            RunDirectoryError: when the path is not a run; the message names what is missing.
        """
        run = cls(Path(path))
        if run.path.is_file():
            raise RunDirectoryError(f"{path} is not a run but a file; if it is a spec: oscillo run {path}")
        if not run.path.is_dir():
            raise RunDirectoryError(f"{path} is not a run: there is no such folder")
        if missing := [file.name for file in (run.record_file, run.spec) if not file.is_file()]:
            inside = [found.path for found in find_runs(run.path) if found.path != run.path and not found.has_failed]
            hint = f"; did you mean {inside[-1]}?" if inside else ""
            raise RunDirectoryError(f"{path} is not a run: it has no {' and no '.join(missing)}{hint}")
        return run

    @property
    def spec(self) -> Path:
        """The resolved spec."""
        return self.path / "spec.yaml"

    @property
    def sources(self) -> Path:
        """Folder of the files that the spec came from."""
        return self.path / "spec.src"

    @property
    def record_file(self) -> Path:
        """Provenance and state."""
        return self.path / "run.json"

    @property
    def metrics(self) -> Path:
        """One JSON object per line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def data(self) -> Path | str:
        """The trajectory store: a folder, or the URL that `run.json` names."""
        return self.record().get("store", self.path / "data.zarr")

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return self.path / "figures"

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def record(self) -> dict[str, Any]:
        """What `run.json` says.

        Raises:
            RunDirectoryError: when it cannot be read.
        """
        try:
            record = json.loads(self.record_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"{self.record_file} cannot be read: {error}") from error
        if not isinstance(record, dict) or record.get("state") not in get_args(State):
            raise RunDirectoryError(f"{self.record_file} does not say which state the run is in")
        return record

    @property
    def state(self) -> State:
        """The state of the run; one that says `running` and has no process any more was interrupted."""
        state = self.record()["state"]
        return "interrupted" if state == "running" and not self.is_locked() else state

    @property
    def has_failed(self) -> bool:
        """Whether it failed, or is too damaged to say."""
        try:
            return self.state == "failed"
        except RunDirectoryError:
            return True

    def set_state(self, state: State, reason: str = "", **facts: Any) -> None:
        """Record a new state, with the time and the reason, in one step.

        Args:
            state: the new one. A run that goes on after an interruption keeps its first start.
            reason: why it ended, for people: `time limit`, `Ctrl-C`, the message of an error.
            facts: more to keep in `run.json`.

        Raises:
            RunDirectoryError: when it cannot be written.
        """
        self.note(**facts, state=state, ended=None if state == "running" else now(), reason=reason)

    def note(self, **facts: Any) -> None:
        """Add facts to `run.json` in one step; the state stays as it is.

        Raises:
            RunDirectoryError: when it cannot be written.
        """
        try:
            self._write_record({**self.record(), **facts})
        except OSError as error:
            raise RunDirectoryError(f"{self.record_file} cannot be written: {error.strerror}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Own the run: no other process can run, resume or evaluate it meanwhile.

        The lock ends with the process, however that ends.

        Raises:
            RunDirectoryError: when another process owns the run.
        """
        try:
            lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise RunDirectoryError(f"{self.path} cannot be written: {error.strerror}") from error
        try:
            if not _try_lock(lock):
                owner = os.pread(lock, 32, 0).decode() or "unknown"
                raise RunDirectoryError(f"{self.path} is in use by another process ({owner})")
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"process {os.getpid()}".encode(), 0)
            yield
        finally:
            os.close(lock)

    def is_locked(self) -> bool:
        """Whether a process owns the run now."""
        try:
            lock = os.open(self.path / ".lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(lock)
        return False

    def _write_record(self, record: Mapping[str, Any]) -> None:
        replace_text(self.record_file, json.dumps(record, indent=1) + "\n")


def find_runs(folder: Path | str) -> list[RunDirectory]:
    """All runs at or below a folder, whatever became of them, the latest last.

    What lies inside a run is its own: the runs that a sweep is made of are found from its folder `points` on.
    """
    found = []
    for here, folders, files in os.walk(folder):
        if "run.json" in files:
            found.append(RunDirectory(Path(here)))
            folders.clear()
    return sorted(found, key=lambda run: run.path.name)


def check_room(root: Path | str, bytes_expected: int = 0) -> None:
    """Make sure, before anything runs, that a run can be written below `root`.

    Raises:
        RunDirectoryError: when the folder cannot be made or written, or has less room than expected.
    """
    root = Path(root)
    probe = root / f".probe-{secrets.token_hex(4)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(bytes(_PROBE))
        finally:
            probe.unlink(missing_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise RunDirectoryError(
            f"{root} cannot be written: {error.strerror}. Choose another folder for the runs, or make room."
        ) from error
    if free < bytes_expected:
        raise RunDirectoryError(
            f"{root} has {free / 2**20:,.0f} MiB free, and the run will write about "
            f"{bytes_expected / 2**20:,.0f} MiB. Make room, or record fewer samples or steps."
        )


def _fresh_folder(parent: Path) -> Path:
    """A new folder named by the time and four random bytes, so that names sort by time and never meet."""
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = parent / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def _free_name(folder: Path, name: str) -> str:
    """The name, numbered when files of the same name come from several folders."""
    taken = {path.name for path in folder.iterdir()}
    number = 2
    candidate = name
    while candidate in taken:
        candidate, number = f"{number}-{name}", number + 1
    return candidate


def _try_lock(lock: int) -> bool:
    """Take the lock. It is tried for a moment: whoever asks if it is taken holds it for an instant."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_LOCK_PAUSE)
        else:
            return True
    return False
