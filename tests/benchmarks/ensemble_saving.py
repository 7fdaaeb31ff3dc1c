"""How much cheaper an ensemble is as one batch than its members one by one: 1,000 trajectories of 100 oscillators."""

from __future__ import annotations

import json
import statistics
import time

import torch

import oscillo
from oscillo.network.oscillator_layer import OscillatorLayer

MEMBERS, OSCILLATORS, STEPS, ROUNDS = 1000, 100, 20, 7
ALONE = 20
"""Members that are run one by one; the time of all follows from theirs."""


@torch.no_grad()
def main() -> None:
    """Print the timings and, last, one JSON line."""
    layer_spec = {
        "manifold": {"kind": "circle"}, "oscillators": OSCILLATORS, "frequency": {"kind": "drawn", "seed": 1},
        "coupling": {"kind": "dense", "seed": 2}, "stimulus": {"kind": "none"}, "readout": {"kind": "state"},
        "integrator": {"kind": "rk4", "step_size": 0.01},
    }  # fmt: skip
    layer = oscillo.build({"sites": [], "layers": [layer_spec]}).requires_grad_(False).layers[0]
    assert isinstance(layer, OscillatorLayer)
    layer.compile(dynamic=False)
    start, x = torch.zeros((), dtype=torch.float64), torch.rand(MEMBERS, 1, OSCILLATORS) * 6 - 3

    def run(some: torch.Tensor) -> float:
        state = layer.initial_state(some)
        began = time.perf_counter()
        for _ in range(STEPS):
            state, _ = layer(state, None, start, layer.dt)
        return time.perf_counter() - began

    for some in (x, x[:1]):
        run(some), run(some)
    pairs = [(run(x), sum(run(x[k : k + 1]) for k in range(ALONE)) * MEMBERS / ALONE) for _ in range(ROUNDS)]
    together, alone = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{MEMBERS} members, {STEPS} steps of rk4: together {together:.4f} s, one by one {alone:.3f} s (from {ALONE})"
    )
    ratio = statistics.median(one / both for both, one in pairs)
    print(json.dumps({"name": "ensemble_saving", "value": round(ratio, 2), "unit": "x"}))


if __name__ == "__main__":
    main()
