"""How displacements of a fixed point grow, other than those by common rotations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from oscillo.stability.equations import Equations, Guess
from oscillo.stability.jacobian import LARGEST_MATRIX, SMALL_MATRIX, arnoldi, operator_of, ordered
from oscillo.stability.motion import Of, space_of
from oscillo.stability.symmetry import Symmetry

_ZERO, _NOTHING = 1e-7, 1e-10
"""Share of the largest eigenvalue, or for steps distance from 1, by which rounding may make a zero differ from it; and
what is zero in any case, where all of them are."""


@dataclass(frozen=True)
class Transverse:
    """Eigenvalues at one state, and what they say."""

    eigenvalues: Tensor
    """Rates (flow) or multipliers (step), complex128, those that decide first."""
    unstable: int
    """How many grow."""
    neutral: int
    """How many neither grow nor shrink."""
    symmetric: int
    """Directions of rotations that were left out."""
    complete: bool
    """Whether all others are there."""


def transverse_eigenvalues(equations: Equations, symmetry: Symmetry, one: Guess, count: int | None) -> Transverse:
    r"""Eigenvalues of the Jacobian in the frame that turns along, on what is left of the tangent space by rotations.

    The Jacobian J maps the directions B x of common rotations to such directions, so in a basis that begins with them
    it is block-triangular, and the block of the others has the other eigenvalues: no zero has to be told from a small
    number.

    Args:
        equations: that the state solves.
        symmetry: rotations to leave out, also where the equations know none.
        one: a single state.
        count: how many; None for all.
    """
    orbit = symmetry.orbit(space_of(one.system))[0]
    along, strength, _ = torch.linalg.svd(orbit, full_matrices=False)
    along = along[:, strength > 1e-6 * orbit.shape[0] ** 0.5]
    d, turns = along.shape
    left = d - turns
    of = equations.of
    if count is None or d <= SMALL_MATRIX or count >= left - 1:
        values = _all(equations, one, along)
    else:
        values = _leading(equations, one, along, count)
    complete = len(values) == left
    values = ordered(values.cpu(), of)[: left if count is None else count]
    growth, zero = _growth(values, of)
    unstable, neutral = int((growth > zero).sum()), int((growth.abs() <= zero).sum())
    return Transverse(values, unstable, neutral, turns, complete and len(values) == left)


def _growth(values: Tensor, of: Of) -> tuple[Tensor, float]:
    if of == "step":
        return values.abs() - 1, _ZERO
    largest = float(values.abs().max()) if len(values) else 0.0
    return values.real, max(_ZERO * largest, _NOTHING)


def _all(equations: Equations, one: Guess, along: Tensor) -> Tensor:
    d, turns = along.shape
    if d > LARGEST_MATRIX:
        raise ValueError(f"all {d:,} eigenvalues are too many; ask for a few of them with `eigenvalues`")
    matrix = equations.jacobian(Guess(one.system, one.speeds))[0][:, :d]
    across = torch.linalg.qr(along, mode="complete").Q[:, turns:] if turns else torch.eye(d).to(along)
    values = torch.linalg.eigvals(across.mT @ matrix @ across)
    return values if equations.of == "flow" else 1 + values


def _leading(equations: Equations, one: Guess, along: Tensor, count: int) -> Tensor:
    d = len(along)
    steps = equations.of == "step"

    def pushed(u: Tensor) -> Tensor:
        rates = equations.pushed(one, torch.cat((u, u.new_zeros((1, one.speeds.shape[1]))), dim=1))
        return rates + u if steps else rates

    return arnoldi(operator_of(pushed, d, along), count, equations.of, along.cpu().numpy())
