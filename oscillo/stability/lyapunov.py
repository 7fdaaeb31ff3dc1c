"""Lyapunov exponents: how fast neighbouring trajectories part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from oscillo.stability.disturbances import (
    pushed,
    random_frame,
    refuse_more_than_x_and_v,
    refuse_steps_without_derivative,
)
from oscillo.stability.motion import space_of
from oscillo.stability.spectrum import LyapunovSpectrum
from oscillo.stability.system import MOVING, System

_MOST_STEPS = 16
"""Steps between two orthonormalisations at most, where nothing else is asked for: beyond, there is nothing to save."""


def lyapunov_exponents(
    system: System, count: int, *, steps: int, transient: int = 0, every: int = _MOST_STEPS, blocks: int = 100,
    seed: int = 0, show: Callable[[int], None] = lambda steps: None,
) -> LyapunovSpectrum:  # fmt: skip
    r"""The largest Lyapunov exponents of each sample, \lim 1/T log |D x(T) u| for disturbances u.

    The states take their steps, and beside them disturbances are pushed by the derivative of each step and made
    orthonormal again from time to time; what that takes off their lengths adds up to the exponents (Shimada and
    Nagashima 1979; Benettin, Galgani, Giorgilli and Strelcyn 1980). The exponents are those of the steps: for a flow
    they are as close to those of the equation as the integrator is, and Euler's in long steps is not close.

    Args:
        system: where the samples stand. Steps for the states alone, to reach the attractor, are `system.after(...)`.
        count: exponents of each sample; all of them are as many as the degrees of freedom.
        steps: that are counted.
        transient: steps before, which turn the disturbances to where they belong and are not counted.
        every: steps between two orthonormalisations, at most; there are fewer where disturbances grow or shrink so
            much, or so differently, that the precision of the state would suffer.
        blocks: parts of the counted time in which growth is kept, to see how it converges and varies.
        seed: of the disturbances, which are the same for all samples. They take memory for samples x count x degrees of
            freedom numbers of 8 bytes, a few times over.
        show: told after each block how many of the counted steps are done; may raise to stop.

    Returns:
        Exponents per unit of time, that is per step and divided by the step size, also for a map.

    Raises:
        ValueError: when the equation is stochastic or has delays, the integrator chooses its own steps, the system has
            fewer degrees of freedom than exponents are asked for, or it diverges; or a number is out of range.
    """
    _refuse_numbers_below(1, count=count, steps=steps, every=every, blocks=blocks)
    _refuse_numbers_below(0, transient=transient)
    freedom = exponents_of(system, count)
    frame = _Frame(system, random_frame(system, count, seed), every)
    if transient:
        frame.advance(transient)
    ends = torch.arange(blocks + 1, dtype=torch.int64).mul(steps).div(blocks, rounding_mode="floor").unique()
    grown = []
    for begun, end in pairwise(ends.tolist()):
        grown.append(frame.advance(end - begun))
        show(end)
    growth = torch.stack(grown, dim=1)
    times = ends[1:].to(growth.device) * system.dt.detach().double()
    return LyapunovSpectrum.sorted(growth, times, freedom)


def exponents_of(system: System, count: int) -> int:
    """How many exponents a sample has in all, where so many can be found.

    Raises:
        ValueError: as `lyapunov_exponents`.
    """
    refuse_more_than_x_and_v(system)
    refuse_steps_without_derivative(system)
    freedom = space_of(system).dimension
    if count > freedom:
        raise ValueError(f"a sample has {freedom} degrees of freedom and as many exponents, and {count} are asked for")
    return freedom


def _refuse_numbers_below(least: int, **numbers: int) -> None:
    """Refuse numbers that are too small, by name.

    Raises:
        ValueError: naming the first of them.
    """
    for name, number in numbers.items():
        if number < least:
            raise ValueError(f"{name} is {number}, and {least} is the least")


@dataclass
class _Frame:
    """Orthonormal disturbances that go along with their samples."""

    system: System
    """Where the samples stand."""
    vectors: Tensor
    """float64 [sample, coordinate, disturbance]."""
    every: int
    """Steps between two orthonormalisations, at most."""
    pace: int = 1
    """Steps until the next one, as far as is known."""

    def advance(self, steps: int) -> Tensor:
        """Take some steps, and tell the logarithms of the growth of the disturbances, float64 [sample, disturbance]."""
        total = torch.zeros_like(self.vectors[:, 0])
        limit = -0.5 * torch.log(torch.tensor(torch.finfo(self.system.state["x"].dtype).eps)).item()
        while steps:
            taken = min(self.pace, steps)
            system, moved = self._moved(taken)
            frame, strain, growth = _orthonormal(moved)
            if not strain <= limit and taken > 1:
                self.pace = max(1, taken // 2)
                continue
            _refuse_diverged(system, moved)
            self.system, self.vectors = system, frame
            total, steps = total + growth, steps - taken
            # Half of the limit is aimed at, because growth is not the same at all times.
            self.pace = max(1, min(self.every, 2 * taken, int(taken * limit / (2 * strain + 1e-9))))
        return total

    def _moved(self, steps: int) -> tuple[System, Tensor]:
        system, moved = self.system, self.vectors
        for _ in range(steps):
            after = system.after(1)
            system, moved = after, pushed(system, after, moved)
        return system, moved


def _orthonormal(moved: Tensor) -> tuple[Tensor, float, Tensor]:
    """An orthonormal frame of the same directions, how strained they were, and the logarithms of their growth.

    The strain is that of the worst sample: how far apart on a logarithmic scale the largest growth, the smallest one
    and none at all are. Its exponential is about the factor by which rounding errors grow when they are set right.
    """
    if not torch.isfinite(moved).all():
        return moved, torch.inf, moved[:, 0]
    frame, triangle = torch.linalg.qr(moved)
    growth = triangle.diagonal(dim1=-2, dim2=-1).abs().log()
    strain = growth.amax(1).clamp_min(0) - growth.amin(1).clamp_max(0)
    return frame, float(strain.max()), growth


def _refuse_diverged(system: System, moved: Tensor) -> None:
    """Refuse a state that is not finite any more, or whose disturbances are not.

    Raises:
        ValueError: naming sample and step.
    """
    parts = [system.state[name].flatten(1) for name in MOVING if name in system.state]
    finite = torch.isfinite(torch.cat(parts, dim=1)).all(1)
    where, what = finite, "the state"
    if bool(finite.all()):
        where, what = torch.isfinite(moved).flatten(1).all(1), "the derivative of a step"
    if not bool(where.all()):
        sample = int((~where).nonzero()[0])
        raise ValueError(
            f"{what} of sample {sample} is not finite at step {system.step}: take shorter steps, `precision: float64`, "
            "or leave that sample out"
        )
