"""Mean and variance over time."""

from __future__ import annotations

import torch
from torch import Tensor

from oscillo.measures.accumulator import Accumulator, Running, no_count


class Moments(Accumulator):
    """Running mean and variance of any number, such as the order parameter (Welford 1962, Technometrics 4, 419).

    The standard deviation over time of the order parameter is known as metastability (Deco et al. 2017, Sci. Rep. 7,
    3095).
    """

    def start(self, z: Tensor) -> Running:
        """Nothing seen yet of numbers of any shape."""
        zero = torch.zeros_like(z, dtype=torch.float64)
        return {"count": no_count(z), "mean": zero, "squares": zero}

    def update(self, state: Running, z: Tensor) -> Running:
        """Take in numbers [...]."""
        count = state["count"] + 1
        before = z - state["mean"]
        mean = state["mean"] + before / count
        return {"count": count, "mean": mean, "squares": state["squares"] + before * (z - mean)}

    def result(self, state: Running) -> Running:
        """`mean`, `variance` (divided by count - 1) and its root `deviation`, float64 [...]; NaN where undefined."""
        count = state["count"]
        mean = torch.where(count > 0, state["mean"], torch.nan)
        variance = state["squares"] / (count - 1).clamp_min(0)
        return {"mean": mean, "variance": variance, "deviation": variance.sqrt()}
