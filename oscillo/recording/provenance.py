"""Where a run comes from: what was installed, which code, which machine, which seed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "oscillo",
    "torch",
    "torchdiffeq",
    "numpy",
    "scipy",
    "networkx",
    "xarray",
    "zarr",
    "pydantic",
    "matplotlib",
)
"""Packages whose versions can change a result or the form of a record."""

_GIT_SECONDS = 5.0


def provenance(
    *,
    spec_yaml: str,
    spec_sha256: str,
    seed: int,
    device: str,
    plugins: Iterable[Path] = (),
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Collect the provenance of a run that is about to start.

    Args:
        spec_yaml: text of the resolved spec.
        spec_sha256: hash of what it declares, however it is written; the store and the weights have it as well.
        seed: of the run.
        device: as torch names it, such as `cpu` or `cuda:0`.
        plugins: local files that were imported; their content is hashed.
        command: how the run was started; the command line of this process by default.

    Returns:
        A mapping that JSON can hold. The name of the machine is left out.
    """
    return {
        "started": now(),
        "command": list(sys.orig_argv if command is None else command),
        "seed": seed,
        "spec_sha256": spec_sha256,
        "spec_text_sha256": text_hash(spec_yaml),
        "plugins": {str(path): sha256(path.read_bytes()).hexdigest() for path in plugins},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "torch": torch_build(device),
        "git": git_state(Path(__file__).parents[1]),
    }


def now() -> str:
    """The time in UTC, to the second, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def text_hash(text: str) -> str:
    """SHA-256 of a text in UTF-8: for `spec_text_sha256` that of the file spec.yaml."""
    return sha256(text.encode()).hexdigest()


def package_versions() -> dict[str, str]:
    """Versions of those of `PACKAGES` that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def torch_build(device: str) -> dict[str, Any]:
    """What torch was built for, the device's name and the number of threads."""
    import torch  # here, so that reading a run does not import it

    on_gpu = torch.device(device).type == "cuda"
    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "device": device,
        "device_name": torch.cuda.get_device_name(device) if on_gpu else _processor(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the checkout that this folder's code belongs to, and whether tracked files differ from it.

    Returns:
        `commit` and `dirty`, or None when the folder is no part of a checkout (an installed package), when git
        is not there, or when it takes longer than a run should wait for it.
    """
    try:
        # A package installed into somebody's own checkout is not tracked there: its commit would mislead.
        _git(folder, "ls-files", "--error-unmatch", "__init__.py")
        report = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no").splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    commit = next((line.split()[2] for line in report if line.startswith("# branch.oid")), None)
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in report)}


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=_GIT_SECONDS,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    ).stdout


def _processor() -> str:
    """Name of the processor, as the kernel gives it where it does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
