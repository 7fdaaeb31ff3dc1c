"""Peak memory of training at 512 channels, batch 100, 16 steps, with and without gradient checkpointing."""

from __future__ import annotations

import json
import subprocess
import sys

ONE = """
import resource, sys, torch
sys.path.insert(0, {folder!r})
from _step import sudoku_model
from oscillo.network import Unrolling
from oscillo.training.hardware import return_freed_memory
return_freed_memory()
model = sudoku_model(512)
model.network.compile_steps()
puzzles = torch.randint(0, 10, (100, 9, 9))
noise = torch.randn(100, 9, 9, 4, 128)
optimizer = torch.optim.Adam(model.parameters())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
loss = model(puzzles, noise=noise, unrolling=Unrolling(recompute_every={every})).square().mean()
loss.backward()
optimizer.step()
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(every: int) -> tuple[float, float]:
    """Resident MiB before the step, and at its peak."""
    code = ONE.format(folder=str(__file__).rpartition("/")[0], every=every)
    out = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return float(out[-2]) / 1024, float(out[-1]) / 1024


def main() -> None:
    base, plain = peak(0)
    _, kept = peak(1)
    print(f"process before training {base:.0f} MiB; peak {plain:.0f} MiB, with checkpointing {kept:.0f} MiB")
    print(json.dumps({"name": "training_memory_512", "value": round(plain), "unit": "MiB"}))
    print(json.dumps({"name": "training_memory_512_checkpointed", "value": round(kept), "unit": "MiB"}))
    print(json.dumps({"name": "training_memory_ratio", "value": round(kept / plain, 3), "unit": "of all kept"}))


if __name__ == "__main__":
    main()
