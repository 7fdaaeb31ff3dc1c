"""Where a network runs: device, precision, and whether its steps can be compiled."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sysconfig
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Literal

import torch

_M_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 8 * 2**20

Precision = Literal["float32", "float64", "tf32", "bfloat16"]


def check_device_name(name: str) -> None:
    """Refuse what can be no device on any machine; whether it is to be had here, `choose_device` finds out.

    Raises:
        ValueError: with the names there are.
    """
    metal = ["mps"] if torch.backends.mps.is_built() else []
    if name not in ("auto", "cpu", *metal) and not re.fullmatch(r"cuda(:\d+)?", name):
        raise ValueError(f"there is no device {name!r}; take {', '.join(['auto', 'cpu', *metal, 'cuda'])} or cuda:0")


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one.

    Raises:
        ValueError: when there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} is not to be had here ({reason}); take `auto` or `cpu`") from error
    return device


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on a device; on the CPU what the system says is available."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    described = Path("/proc/meminfo")
    for line in described.read_text().splitlines() if described.exists() else []:
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def missing_for_compiling() -> str | None:
    """What this machine lacks for compiling a step, or None when it lacks nothing."""
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++", "c++")), None)
    if compiler is None or shutil.which(compiler.split()[0]) is None:
        return "no C++ compiler is installed (Debian: apt-get install g++)"
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "the Python headers are not installed (Debian: apt-get install python3-dev)"
    return None


def return_freed_memory() -> None:
    """Have the C library give large freed blocks back to the system at once, where it is glibc.

    glibc otherwise learns to keep freed blocks of up to 32 MiB, and scatters small ones among them: the peak of a
    training that computes its steps again (`recompute_every`) was more than twice what it needs. Blocks below the
    threshold, and with them the speed of small networks, are not touched.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def precision_context(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Context in which the network runs with that precision.

    `tf32` lets float32 matrix products use the matrix units of a GPU; `bfloat16` is torch's autocast. The weights
    stay in float32.
    """
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()
