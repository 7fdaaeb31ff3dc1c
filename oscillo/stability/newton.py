"""Fixed points of many samples at once: damped Newton steps of least length."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from oscillo.stability.equations import AT_ONCE, Equations, Guess
from oscillo.stability.motion import space_of

_LEAST, _MOST = 1e-13, 1e8
"""Limits of the damping. The least one keeps the square of a singular Jacobian solvable: directions that lead from one
solution to the next, as rotations do, are then simply not taken."""

_REACH = 1.0
"""How far a step moves any coordinate at the most, in radians or in units of the state's size where that is larger."""


@dataclass(frozen=True)
class Found:
    """What the solver made of every start."""

    guess: Guess
    """Where it ended."""
    residual: Tensor
    """Largest coordinate of what is left of the motion there, [sample]."""


def solved(equations: Equations, guess: Guess, *, iterations: int) -> Found:
    r"""Levenberg and Marquardt's method on all samples, each with a damping of its own.

    A step is -(J^T J + m I)^{-1} J^T r; m falls while the residual falls, so that the last steps are Newton's of least
    length, and converge quadratically also where solutions are not isolated (Yamashita and Fukushima 2001).

    Args:
        equations: to be solved.
        guess: where to start.
        iterations: steps to take at the most.
    """
    samples, d = len(guess.speeds), space_of(guess.system).dimension
    unknowns = d + guess.speeds.shape[1]
    residual = guess.speeds.new_empty(samples)
    for rows in torch.arange(samples, device=residual.device).split(max(1, AT_ONCE // (unknowns * d))):
        part, left = _solved(equations, guess.at(rows), iterations)
        guess, residual[rows] = guess.put(rows, part), left
    return Found(guess, residual)


def _solved(equations: Equations, guess: Guess, iterations: int) -> tuple[Guess, Tensor]:
    r = equations.residual(guess)
    size = r.norm(dim=1)
    damping, refused = torch.full_like(size, 1e-2), torch.zeros_like(size)
    active = size.isfinite()
    resolution = torch.finfo(r.dtype).eps
    for _ in range(iterations):
        rows = active.nonzero()[:, 0]
        if not len(rows):
            break
        here = guess.at(rows)
        jacobian = equations.jacobian(here)
        strength = jacobian.square().sum(dim=(1, 2))
        step = _step(jacobian, r[rows], damping[rows] * strength / jacobian.shape[1], here)
        tried = here.moved(step)
        after = equations.residual(tried)
        length = after.norm(dim=1).nan_to_num(torch.inf, torch.inf)
        good = length < size[rows]
        guess = guess.put(rows[good], tried.at(good.nonzero()[:, 0]))
        r[rows[good]], size[rows[good]] = after[good], length[good]
        damping[rows] = (damping[rows] * torch.where(good, 0.1, 10.0)).clamp_min(_LEAST)
        refused[rows] = torch.where(good, 0.0, refused[rows] + 1)
        # Rounding makes about this much of nothing; below it there is no better solution to be had.
        floor = 4 * resolution * (1 + strength.sqrt())
        done = (size[rows] <= floor) | (damping[rows] > _MOST) | (refused[rows] > 4) & (size[rows] <= 1e4 * floor)
        active[rows[done]] = False
    return guess, r.abs().amax(dim=1).nan_to_num(torch.inf)


def _step(jacobian: Tensor, r: Tensor, damping: Tensor, guess: Guess) -> Tensor:
    square = jacobian.mT @ jacobian
    square.diagonal(dim1=1, dim2=2).add_((damping + torch.finfo(r.dtype).tiny)[:, None])
    step, _ = torch.linalg.solve_ex(square, -(jacobian.mT @ r.unsqueeze(-1)))
    step = step.squeeze(-1).nan_to_num(0.0, 0.0, 0.0)
    return shortened(step, guess)


def shortened(step: Tensor, guess: Guess) -> Tensor:
    """A step [sample, d + generators] within reach."""
    x = guess.system.state["x"]
    size = torch.ones_like(step[:, 0])
    if not space_of(guess.system).manifold.winds:
        size = x.flatten(1).abs().amax(dim=1).clamp_min(1.0)
    d = step.shape[1] - guess.speeds.shape[1]
    longest = step[:, :d].abs().amax(dim=1)
    return step * (_REACH * size / longest.clamp_min(torch.finfo(step.dtype).tiny)).clamp_max(1.0)[:, None]
