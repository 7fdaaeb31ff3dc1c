"""How much longer `oscillo --help` takes than importing the libraries it is made with."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 9


def seconds(command: list[str]) -> float:
    """Time that a process takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the timings and, last, one JSON line."""
    beside = Path(sys.executable).with_name("oscillo")
    oscillo = str(beside) if beside.exists() else shutil.which("oscillo")
    if oscillo is None:
        sys.exit("the command oscillo is not installed")
    libraries = [sys.executable, "-c", "import typer, pydantic"]
    # In turn, so that whatever else the machine does falls on both alike; the first of each only fills caches.
    pairs = [(seconds(libraries), seconds([oscillo, "--help"])) for _ in range(RUNS + 1)][1:]
    base, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(help_time / import_time for import_time, help_time in pairs)
    print(f"import typer, pydantic: {base:.3f} s; oscillo --help: {ours:.3f} s (medians of {RUNS} interleaved runs)")
    print(json.dumps({"name": "cli_help_ratio", "value": round(ratio, 3), "unit": "x"}))


if __name__ == "__main__":
    main()
