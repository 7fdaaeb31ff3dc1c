"""A finished run as one small file: what fixtures of old formats are made of.

python run_archive.py RUN FILE.zip     packs the numbers of a run, without machine, weights and figures
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

KEPT = ("run.json", "spec.yaml", "metrics.jsonl")


def pack(run: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(run.rglob("*")):
            name = path.relative_to(run).as_posix()
            if path.is_file() and (name.startswith("data.zarr/") or name in KEPT):
                text = without_machine(path.read_bytes()) if name == "run.json" else path.read_bytes()
                packed.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)


def without_machine(text: bytes) -> bytes:
    record = json.loads(text)
    record |= {"command": ["oscillo", "run"], "sources": {}, "platform": "Linux"}
    return json.dumps(record, indent=1).encode()


def unpack(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder


if __name__ == "__main__":
    pack(*map(Path, sys.argv[1:]))
