"""What an answer costs in floating-point operations, counted on one made-up sample."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from oscillo.draws import Draws
from oscillo.network import Network, Way
from oscillo.training.task import Task


class Operations(NamedTuple):
    """Floating-point operations for one sample; a multiplication and an addition are two."""

    step: int
    """One step of the layer whose steps are counted."""
    outside: int
    """What comes once, before the steps: encoder and the layers before."""
    answer: int
    """Reading an answer out: readout, the layers behind, head. Early stop does it at every look."""

    def trajectory(self, steps: float, looks: float = 0) -> float:
        """A trajectory of so many steps, with an answer at its end and at so many looks before."""
        return self.outside + steps * self.step + (1 + looks) * self.answer

    def attributes(self) -> dict[str, int]:
        """The numbers as they are noted beside results: of a step, of what comes once, and of a look."""
        return {
            "flops_per_step": self.step, "flops_outside": self.outside + self.answer, "flops_per_look": self.answer,
        }  # fmt: skip


def operations(task: Task, model: nn.Module, steps: int | None = None) -> Operations:
    """Operations of a step, and of what goes around the steps.

    Args:
        task: makes up the sample.
        model: uncompiled, on the CPU.
        steps: of an evaluation; the layers before the one whose steps are counted may take as many.
    """
    network: Network = model.network  # pyright: ignore[reportAssignmentType]
    batch = task.example(1)
    way = Way(network.steps_of(steps), Draws(0, batch["index"]))
    layer = network.layers[network.iterated]
    # The fused attention of a CPU is not counted; the plain one is made of products that are.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as before:
            features, initial = task.inputs(model, batch, way.draws)  # pyright: ignore[reportArgumentType]
            start = network.begin(features, initial, way)
        with FlopCounterMode(display=False) as once:
            state, _ = layer(start.state, start.stimulus, 0 * layer.dt, layer.dt)
        with FlopCounterMode(display=False) as behind:
            task.outputs(model, network.finish(state, way))
    return Operations(once.get_total_flops(), before.get_total_flops(), behind.get_total_flops())
