"""`make bench`: run all benchmarks, or those named, each in a process of its own; JSON lines come last."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(names: list[str]) -> int:
    folder = Path(__file__).parent
    known = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    if unknown := [name for name in names if name not in known]:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    lines: list[str] = []
    failed: list[str] = []
    for name in names or known:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, folder / f"{name}.py"], stdout=subprocess.PIPE, text=True)
        printed = done.stdout.splitlines()
        results = [line for line in printed if line.startswith('{"name"')]
        print("\n".join(line for line in printed if line not in results), flush=True)
        lines += results
        if done.returncode or not results:
            failed.append(name)
    print("\n".join(lines))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
