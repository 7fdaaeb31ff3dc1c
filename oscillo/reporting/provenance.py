"""Where a run comes from and how to have it again, as rows and commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from oscillo.recording import Run
from oscillo.training.progress import duration


@dataclass(frozen=True)
class Command:
    """Something to type, and what it does."""

    purpose: str
    text: str


def facts(run: Run) -> list[tuple[str, str]]:
    """What a page says below its heading: when, how long, where, which seed."""
    record = run.provenance
    found = [("started", moment(record.get("started"))), (_took_word(run), _took(run))]
    found.append(("device", _device(record)))
    found.append(("seed", str(record.get("seed", ""))))
    return [(name, text) for name, text in found if text]


def provenance_rows(run: Run) -> list[tuple[str, str]]:
    """All that `run.json` knows about where the numbers come from."""
    record = run.provenance
    torch, git = record.get("torch") or {}, record.get("git")
    commit = "not from a checkout"
    if git:
        commit = f"{git['commit']}" + (" with changes that are not committed" if git.get("dirty") else "")
    ended = moment(record.get("ended"))
    rows = [
        ("folder", str(run.path)),
        ("started", moment(record.get("started"))),
        ("ended", f"{ended}: {run.reason}" if ended and run.reason else ended),
        ("evaluates or asks about", str(record.get("parent") or "")),
        ("command", started_by(record.get("command", []))),
        ("seed", str(record.get("seed", ""))),
        ("device", _device(record)),
        ("threads", str(torch.get("threads", ""))),
        ("precision of products", str(torch.get("float32_matmul_precision", ""))),
        ("machine", str(record.get("platform", ""))),
        ("git commit", commit),
        ("Python", str(record.get("python", ""))),
        ("packages", ", ".join(f"{name} {version}" for name, version in (record.get("packages") or {}).items())),
        ("spec, SHA-256", str(record.get("spec_sha256", ""))),
    ]
    return [(name, text) for name, text in rows if text]


def commands(run: Run, *, trained: bool) -> list[Command]:
    """What to type to go on, to have the run again, and to look into it.

    Args:
        run: which one.
        trained: whether it has weights.
    """
    record, path = run.provenance, shlex.quote(str(run.path))
    found = [Command("go on with it", f"oscillo resume {path}")] if run.state in ("interrupted", "failed") else []
    if run.state == "running":
        found.append(Command("write this page again", f"oscillo report {path}"))
    git = record.get("git")
    if git and git.get("commit"):
        found.append(Command("the same code", f"git checkout {git['commit']}"))
    found.append(Command("the command that began it", started_by(record.get("command", []))))
    if not record.get("question") and not record.get("parent"):
        found.append(Command("the same from the spec that it keeps", f"oscillo run {path}/spec.yaml"))
    if trained and not record.get("question"):
        found.append(Command("evaluate its weights otherwise", f"oscillo evaluate {path} CHANGE ..."))
    found.append(Command("its data, in Python", f"import oscillo; run = oscillo.open_run({str(run.path)!r}); run.data"))
    return [command for command in found if command.text]


def started_by(command: Sequence[str]) -> str:
    """A command line as somebody would type it: without the path of the interpreter."""
    words = list(command)
    if len(words) > 1 and Path(words[1]).name == "oscillo":
        words = ["oscillo", *words[2:]]
    elif len(words) > 2 and words[1:3] == ["-m", "oscillo"]:
        words = ["oscillo", *words[3:]]
    elif words:
        words[0] = Path(words[0]).name
    return shlex.join(words)


def moment(text: str | None) -> str:
    """A time in UTC, to the second."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC" if text else ""


def _took_word(run: Run) -> str:
    return "running for" if run.state == "running" else "took"


def _took(run: Run) -> str:
    """Time from the start to the end, or to the last sign of life."""
    record = run.provenance
    if record.get("started") and record.get("ended"):
        span = datetime.fromisoformat(record["ended"]) - datetime.fromisoformat(record["started"])
        return duration(span.total_seconds())
    seconds = run.metrics["wall_s"].values
    return duration(float(seconds[-1])) if seconds.size else ""


def _device(record: Mapping[str, Any]) -> str:
    torch = record.get("torch") or {}
    name, device = torch.get("device_name", ""), torch.get("device", "")
    return f"{device} ({name})" if name else str(device)
