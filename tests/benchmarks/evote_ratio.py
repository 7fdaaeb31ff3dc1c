"""Energy voting of 16 initial states: many boards at once with early stop, against one at a time for all steps."""

from __future__ import annotations

import argparse
import json
import statistics

import torch
from _votes import STEPS, evaluated

from oscillo.training.hardware import choose_device

VOTES = 16
BATCH = {"cpu": 64, "cuda": 2048}
"""Trajectories that go through the network together, by device: a GPU is idle with few, the caches of a CPU hold no
more."""


def main() -> None:
    """Print the timings and, last, JSON lines."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--boards", type=int, default=1000, help="boards whose answers are compared")
    arguments.add_argument("--rounds", type=int, default=7)
    device = choose_device("auto")
    arguments.add_argument("--batch", type=int, default=BATCH.get(device.type, 64), help="trajectories together")
    given = arguments.parse_args()
    boards, few, many = given.boards, min(24, given.boards), min(max(128, given.batch // VOTES * 4), given.boards)
    asked = {"votes": VOTES, "by": "pseudo_energy_last"}
    alone = asked | {"batch_size": VOTES}
    together = asked | {"batch_size": given.batch, "early_stop": {"compare": 0}}
    for way, limit in ((alone, 1), (together, many)):
        evaluated(boards, limit, **way)  # compiles
    rates: dict[str, list[float]] = {"alone": [], "together": []}
    for number in range(given.rounds):
        # One board at a time: an evaluation whose batch is the initial states of one board.
        rates["alone"].append(few / evaluated(boards, few, **alone)[0])
        seconds, _, metrics = evaluated(boards, many, **together)
        rates["together"].append(many / seconds)
        print(f"round {number}: {rates['alone'][-1]:.2f} and {rates['together'][-1]:.2f} boards/s", flush=True)
    ratio = statistics.median(b / a for a, b in zip(rates["alone"], rates["together"], strict=True))
    _, whole, _ = evaluated(boards, boards, **asked, batch_size=given.batch)
    _, stopped, metrics = evaluated(boards, boards, **together)
    different = (whole["prediction"] != stopped["prediction"]).reshape(boards, -1).any(axis=1).mean()
    print(
        f"{VOTES} votes, {STEPS} steps, {device.type}, {torch.get_num_threads()} threads:"
        f" {statistics.median(rates['alone']):.2f} boards/s one at a time,"
        f" {statistics.median(rates['together']):.2f} together with early stop ({metrics['steps_taken']:.1f} steps);"
        f" of {boards} boards {whole['correct'].mean():.4f} solved by all steps, {stopped['correct'].mean():.4f} with"
        " early stop"
    )
    print(json.dumps({"name": "evote_ratio_different", "value": round(float(different), 5), "unit": "of answers"}))
    print(json.dumps({"name": "evote_ratio", "value": round(ratio, 3), "unit": "x boards/s"}))


if __name__ == "__main__":
    main()
