"""How the motion changes with the state: Jacobians, products with them, and their leading eigenvalues."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs
from torch import Tensor

from oscillo.stability.equations import AT_ONCE
from oscillo.stability.motion import Motion, Of, refuse_diverged, refuse_what_has_no, space_of
from oscillo.stability.system import System, derivative

LARGEST_MATRIX = 3000
"""Degrees of freedom of a sample up to which its Jacobian is written down: 72 MB of float64, and half a minute for its
eigenvalues."""

SMALL_MATRIX = 600
"""Degrees of freedom up to which all eigenvalues come as quickly as a few of them from products."""

_ROUNDS = 8
"""How often Arnoldi's method is repeated for eigenvalues that are there several times."""


def jacobian(system: System, *, of: Of = "flow") -> Tensor:
    """Jacobian of the flow or of one step at every sample, in orthonormal coordinates, [sample, d, d].

    Element [s, i, j] is the change of coordinate i of the velocity (`flow`, per unit of time), or of the state a step
    later (`step`), with coordinate j of the state. Coordinates are those of `TangentSpace`: angles on the circle,
    components in flat space, N - 1 numbers for a unit vector in R^N; those of v follow those of x. After a step the
    basis is the one at its beginning, carried along the geodesic.

    Args:
        system: samples of one layer.
        of: `flow` or `step`.

    Raises:
        ValueError: when there is no such function of the state (noise, delays, no flow), a sample is not finite, or d
            is above 3,000: then `linear_operator` and `leading_eigenvalues` do without the matrix.
    """
    refuse_what_has_no(of, system)
    refuse_diverged(system.state)
    d, x = space_of(system).dimension, system.state["x"]
    if d > LARGEST_MATRIX:
        raise ValueError(
            f"a sample has {d:,} degrees of freedom, and matrices go up to {LARGEST_MATRIX:,}; take "
            "`leading_eigenvalues`, or `linear_operator` for products with the matrix"
        )
    found = x.new_empty((system.samples * d, d))
    for pairs in torch.arange(len(found), device=x.device).split(max(1, AT_ONCE // max(1, x[0].numel()))):
        directions = torch.zeros((len(pairs), d), dtype=x.dtype, device=x.device)
        directions.scatter_(1, (pairs % d)[:, None], 1.0)
        found[pairs] = _pushed(system.at(pairs // d), of, directions)
    return found.reshape(system.samples, d, d).mT


def linear_operator(system: System, sample: int = 0, *, of: Of = "flow") -> LinearOperator:
    """The Jacobian of one sample as an operator of scipy, d x d, that only multiplies.

    Args:
        system: samples of one layer.
        sample: number of the one.
        of: `flow` or `step`.

    Raises:
        ValueError: as `jacobian`, but for any number of degrees of freedom.
    """
    refuse_what_has_no(of, system)
    x = system.state["x"]
    one = system.at(torch.tensor([sample], device=x.device))
    refuse_diverged(one.state)
    return operator_of(lambda u: _pushed(one, of, u), space_of(one).dimension, x)


def leading_eigenvalues(system: System, count: int = 6, *, of: Of = "flow") -> Tensor:
    """The eigenvalues that decide about stability, complex128 [sample, count], the leading one first.

    Those of largest real part (`flow`), or of largest modulus (`step`); by Arnoldi's method (ARPACK) where the matrix
    would be large.

    Args:
        system: samples of one layer.
        count: how many; at most d.
        of: `flow` or `step`.

    Raises:
        ValueError: as `jacobian`, or when Arnoldi's method does not converge.
    """
    d = space_of(system).dimension
    count = min(count, d)
    if d <= max(SMALL_MATRIX, 4 * count):
        found = torch.linalg.eigvals(jacobian(system, of=of).double())
        return torch.stack([ordered(one, of)[:count] for one in found.cpu()])
    operators = (linear_operator(system, sample, of=of) for sample in range(system.samples))
    return torch.stack([arnoldi(operator, count, of) for operator in operators])


def operator_of(product: Callable[[Tensor], Tensor], dimension: int, like: Tensor) -> LinearOperator:
    """An operator of scipy.

    Args:
        product: takes vectors [1, n] and gives others, in PyTorch.
        dimension: n.
        like: has the type and device that the product works with.
    """

    def multiplied(u: np.ndarray) -> np.ndarray:
        vector = torch.from_numpy(np.ascontiguousarray(u.reshape(1, -1))).to(like)
        return product(vector).reshape(-1).double().cpu().numpy()

    return LinearOperator((dimension, dimension), matvec=multiplied, dtype=np.float64)  # pyright: ignore[reportCallIssue]


def arnoldi(operator: LinearOperator, count: int, of: Of, besides: np.ndarray | None = None) -> Tensor:
    """Leading eigenvalues of an operator, complex128 [count], each as often as it is there.

    The method starts from one vector, and sees an eigenvalue that is there several times once. So it is repeated on
    what is left of the space by the directions that were found, until nothing better comes.

    Args:
        operator: of a dimension well above count.
        count: how many.
        of: which ones lead.
        besides: directions to leave out, which the operator maps into each other; orthonormal, [n, number].

    Raises:
        ValueError: when too few converge.
    """
    n = operator.shape[0]
    basis = np.zeros((n, 0)) if besides is None else besides
    source = np.random.default_rng(0)
    trial = source.standard_normal(n)
    # What was found gets an eigenvalue that is not among the leading ones.
    away = 0.0 if of == "step" else -10 * float(np.linalg.norm(operator @ trial) / np.linalg.norm(trial))
    known = torch.zeros(0, dtype=torch.complex128)
    for _ in range(_ROUNDS):
        left = LinearOperator((n, n), matvec=_without(operator, basis, away), dtype=np.float64)  # pyright: ignore[reportCallIssue]
        values, vectors = _some(left, count, of, source.standard_normal(n))
        values = _in_pairs(values)
        further = len(known) < count or _lead(values, of).max() > _lead(known, of)[count - 1] + 1e-9 * known.abs().max()
        known = ordered(torch.cat((known, values)), of)
        directions = np.concatenate((basis, np.real(vectors), np.imag(vectors)), axis=1)
        u, strength, _ = np.linalg.svd(directions, full_matrices=False)
        basis = u[:, strength > 1e-6 * strength[0]]
        if not further or basis.shape[1] > n - 2 * count - 2:
            break
    return known[:count]


def _in_pairs(values: Tensor) -> Tensor:
    """The same eigenvalues with those whose conjugates were cut off."""
    mates = values[values.imag != 0].conj().resolve_conj()
    if not len(mates):
        return values
    alone = (values[None] - mates[:, None]).abs().amin(dim=1) > 1e-7 * values.abs().max()
    return torch.cat((values, mates[alone]))


def _some(operator: LinearOperator, count: int, of: Of, start: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """Leading eigenvalues and their vectors, as ARPACK finds them."""
    width = min(operator.shape[0], max(40, 4 * count))
    which = "LR" if of == "flow" else "LM"
    try:
        found = eigs(operator, k=count, which=which, v0=start, ncv=width, maxiter=300, tol=1e-9)  # pyright: ignore[reportArgumentType]
        return torch.from_numpy(np.asarray(found[0], dtype=np.complex128)), np.asarray(found[1])
    except ArpackNoConvergence as error:
        raise ValueError(
            f"only {len(error.eigenvalues)} of {count} leading eigenvalues could be told apart; ask for another number "
            "of them, or take a smaller system"
        ) from error


def _without(operator: LinearOperator, basis: np.ndarray, away: float) -> Callable[[np.ndarray], np.ndarray]:
    """An operator on the complement of some directions, which it multiplies by a number instead."""

    def multiplied(u: np.ndarray) -> np.ndarray:
        part = basis.T @ u
        across = operator @ (u - basis @ part)
        return across + basis @ (away * part - basis.T @ across)

    return multiplied


def ordered(eigenvalues: Tensor, of: Of) -> Tensor:
    """Eigenvalues with the one that decides about stability first; complex128."""
    key = _lead(eigenvalues, of)
    if not len(key):
        return eigenvalues.to(torch.complex128)
    # The two of a pair differ by rounding, and the sign of the imaginary part shall decide.
    key = key + 1e-7 * key.abs().amax() * eigenvalues.imag.sign()
    return eigenvalues[key.argsort(descending=True)].to(torch.complex128)


def _lead(eigenvalues: Tensor, of: Of) -> Tensor:
    return (eigenvalues.real if of == "flow" else eigenvalues.abs()).double()


def _pushed(system: System, of: Of, directions: Tensor) -> Tensor:
    """J u for each sample and its u [sample, d]."""
    space = space_of(system)
    value, rates = derivative(Motion(system, of), system.state, space.directions(directions))
    return space.coordinates(rates) if of == "flow" else space.carried_back(value, rates)
