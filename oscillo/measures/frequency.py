"""Mean frequencies and speeds."""

from __future__ import annotations

import torch
from torch import Tensor

from oscillo.measures.accumulator import Accumulator, Running, no_count
from oscillo.measures.phase import phase_difference


def mean_frequency(angles: tuple[Tensor, Tensor], windings: tuple[Tensor, Tensor], duration: Tensor | float) -> Tensor:
    """(theta_1 - theta_0 + 2 pi (w_1 - w_0)) / T, float64: the mean angular frequency in radians per time.

    Nothing is lost over long runs in float32, because whole turns are counted apart from the angle and subtracted as
    integers.

    Args:
        angles: wrapped angles theta_0 at the beginning and theta_1 at the end, in radians, of any shape.
        windings: the whole turns w_0 and w_1 beside them, of the same shape.
        duration: the time T in between.
    """
    turns = (windings[1].long() - windings[0].long()).double()
    return (angles[1].double() - angles[0].double() + 2 * torch.pi * turns) / duration


class MeanFrequency(Accumulator):
    """Mean angular frequency of planar vectors, from how far they turn between two updates.

    For states that keep no winding number. Right as long as no oscillator turns by pi or more from one update to the
    next; the vectors do not tell whether one has.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        """Time between two updates."""

    def start(self, z: Tensor) -> Running:
        """Nothing seen yet; of z only the shape counts."""
        turned = torch.zeros_like(z[..., 0, :], dtype=torch.float64)
        return {"count": no_count(z), "last": torch.zeros_like(z), "turned": turned}

    def update(self, state: Running, z: Tensor) -> Running:
        """Take in planar vectors [..., 2, oscillator]."""
        # Before the first update the last vector is zero, and the angle to a zero vector is zero.
        turned = state["turned"] + phase_difference(z, state["last"]).double()
        return {"count": state["count"] + 1, "last": z, "turned": turned}

    def result(self, state: Running) -> Running:
        """`frequency` in radians per time, float64 [..., oscillator]; NaN before the second update."""
        return {"frequency": state["turned"] / ((state["count"] - 1).clamp_min(0) * self.interval)}


def speed(rates: Tensor) -> Tensor:
    """|dx/dt| of each oscillator, [..., oscillator], from rates [..., component, oscillator]."""
    return torch.linalg.vector_norm(rates, dim=-2)


def mean_speed(rates: Tensor) -> Tensor:
    """|dx/dt| on average over oscillators, [...], from rates [..., component, oscillator]; 0 at a fixed point."""
    return speed(rates).mean(dim=-1)
