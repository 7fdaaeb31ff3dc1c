"""Time of a training step and of inference of the Sudoku network against the machine's own matrix products."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from oscillo_tasks.sudoku.model import SudokuModel

from oscillo.network import NetworkSpec

STEPS, SITES, PRODUCT = 16, 81, 1024


def sudoku_model(channels: int) -> SudokuModel:
    """The published network: dimension 4, 16 steps, 8 heads, geometric transform attention."""
    layer = {
        "manifold": {"kind": "sphere", "dimension": 4},
        "channels": channels,
        "frequency": {"kind": "shared", "init": 0.5, "learn": True},
        "coupling": {"kind": "attention", "heads": 8, "position": "gta"},
        "integrator": {"kind": "projected_euler", "steps": STEPS, "learn_step_size": True},
    }
    torch.manual_seed(0)
    return SudokuModel(NetworkSpec.model_validate({"sites": [9, 9], "layers": [layer]}).build((9, 9)), 9)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(name: str, channels: int, batch: int, rounds: int) -> None:
    model = sudoku_model(channels)
    model.network.compile_steps()
    shape = model.network.shapes[0]
    features = torch.randn(batch, *shape.sites, shape.channels, requires_grad=True)
    initial = torch.randn(batch, *shape.sites, shape.components, shape.oscillators, requires_grad=True)
    a, b = torch.randn(PRODUCT, PRODUCT), torch.randn(PRODUCT, PRODUCT)

    def train() -> None:
        model.zero_grad()
        model.network(features, initial).features.square().mean().backward()

    def infer() -> None:
        with torch.no_grad():
            model.network(features, initial)

    def product() -> None:
        for _ in range(4):
            a @ b

    first_train, first_infer = timed(train), timed(infer)
    for work in (train, infer, product):
        work()
    times = {"train": [], "infer": [], "product": []}
    for _ in range(rounds):
        for key, work in (("product", product), ("train", train), ("infer", infer)):
            times[key].append(timed(work))
    medians = {key: statistics.median(values) for key, values in times.items()}
    rate = 4 * 2 * PRODUCT**3 / medians["product"]
    flops = 8 * channels**2 * SITES * STEPS * batch
    train_ratio, infer_ratio = 3 * flops / medians["train"] / rate, flops / medians["infer"] / rate
    print(
        f"{channels} channels, batch {batch}, {torch.get_num_threads()} threads: training {medians['train']:.3f} s,"
        f" inference {medians['infer']:.3f} s, product rate {rate / 1e9:.0f} GFLOP/s;"
        f" first training step {first_train:.1f} s and first inference {first_infer:.1f} s (with compilation)"
    )
    print(json.dumps({"name": f"{name}_inference", "value": round(infer_ratio, 4), "unit": "of product rate"}))
    print(json.dumps({"name": f"{name}_compile", "value": round(first_train, 1), "unit": "s"}))
    print(json.dumps({"name": name, "value": round(train_ratio, 4), "unit": "of product rate"}))


def main(name: str, channels: int, batch: int) -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=9)
    measure(name, channels, batch, arguments.parse_args().rounds)
