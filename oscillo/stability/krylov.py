"""Fixed points of systems too large for a matrix: Newton's method with steps from products J u alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from oscillo.stability.equations import Equations, Guess
from oscillo.stability.motion import space_of
from oscillo.stability.newton import Found, shortened

_PRODUCTS = 120
"""Products with the Jacobian for one step at the most."""

_HALVINGS = 8
"""How often a step that does not lead down is cut in half."""


def solved_without_matrices(equations: Equations, guess: Guess, *, iterations: int, tolerance: float) -> Found:
    r"""Newton's method with steps by GMRES, all samples beside each other (Knoll and Keyes 2004, J. Comput. Phys. 193).

    With a symmetry the step has no part along the rotations, which makes as many equations as unknowns.

    Args:
        equations: to be solved.
        guess: where to start; nearness counts, since a step that leads nowhere lower ends the search of its sample.
        iterations: steps to take at the most.
        tolerance: largest coordinate of the residual at which a sample is done with.
    """
    r = equations.residual(guess)
    active = r.isfinite().all(dim=1)
    for _ in range(iterations):
        rows = (active & (r.abs().amax(dim=1) > tolerance)).nonzero()[:, 0]
        if not len(rows):
            break
        here, left = guess.at(rows), r[rows]
        step = shortened(_step(equations, here, left), here)
        moved = torch.zeros(len(rows), dtype=torch.bool, device=r.device)
        for halving in range(_HALVINGS):
            trying = (~moved).nonzero()[:, 0]
            if not len(trying):
                break
            tried = here.at(trying).moved(step[trying] * 0.5**halving)
            after = equations.residual(tried)
            good = after.norm(dim=1).nan_to_num(torch.inf) < (1 - 1e-4 * 0.5**halving) * left[trying].norm(dim=1)
            chosen = rows[trying[good]]
            guess, r[chosen] = guess.put(chosen, tried.at(good.nonzero()[:, 0])), after[good]
            moved[trying[good]] = True
        active[rows[~moved]] = False
    return Found(guess, r.abs().amax(dim=1).nan_to_num(torch.inf))


def _step(equations: Equations, guess: Guess, r: Tensor) -> Tensor:
    space = space_of(guess.system)
    d, orbit = space.dimension, equations.symmetry.orbit(space)
    orbit = orbit[:, :, : guess.speeds.shape[1]]

    def product(u: Tensor) -> Tensor:
        change = equations.pushed(guess, u)
        if not guess.speeds.shape[1]:
            return change
        along = (orbit.mT @ u[:, :d].unsqueeze(-1)).squeeze(-1)
        return torch.cat((change, along), dim=1)

    wanted = torch.cat((-r, torch.zeros_like(guess.speeds)), dim=1)
    # The nearer the solution, the better a step has to be for the residual to fall faster and faster.
    share = float(r.norm(dim=1).amax().clamp(1e-4, 1e-2))
    return gmres(product, wanted, share=share, most=min(_PRODUCTS, wanted.shape[1]))


def gmres(product: Callable[[Tensor], Tensor], wanted: Tensor, *, share: float, most: int) -> Tensor:
    """Solve J u = wanted for every sample by the method of Saad and Schultz (1986), without restarts.

    Args:
        product: J u for vectors [sample, n].
        wanted: [sample, n].
        share: of the length of `wanted` that may be left.
        most: products to make at the most.

    Returns:
        The u [sample, n] that leaves least, within what so many products reach.
    """
    samples, n = wanted.shape
    length = wanted.norm(dim=1)
    tiny = torch.finfo(wanted.dtype).tiny
    basis = wanted.new_zeros((samples, most + 1, n))
    basis[:, 0] = wanted / length.clamp_min(tiny)[:, None]
    table = wanted.new_zeros((samples, most + 1, most))
    y = wanted.new_zeros((samples, 0))
    for k in range(most):
        u = product(basis[:, k])
        before = u.norm(dim=1)
        for _ in range(2):  # the second time takes off what rounding left
            part = torch.einsum("skn,sn->sk", basis[:, : k + 1], u)
            u = u - torch.einsum("skn,sk->sn", basis[:, : k + 1], part)
            table[:, : k + 1, k] += part
        rest = u.norm(dim=1)
        fresh = rest > 1e-12 * before
        table[:, k + 1, k] = torch.where(fresh, rest, 0.0)
        basis[:, k + 1] = torch.where(fresh[:, None], u / rest.clamp_min(tiny)[:, None], 0.0)
        if k % 8 == 7 or k + 1 == most or not fresh.any():
            y, left = _best(table[:, : k + 2, : k + 1], length)
            if (left <= share * length).all() or not fresh.any():
                break
    return torch.einsum("skn,sk->sn", basis[:, : y.shape[1]], y)


def _best(table: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients of the basis that leave least, and how much that is."""
    target = torch.zeros_like(table[:, :, :1])
    target[:, 0, 0] = length
    y = torch.linalg.pinv(table, rtol=1e-12) @ target
    return y.squeeze(-1), (target - table @ y).flatten(1).norm(dim=1)
