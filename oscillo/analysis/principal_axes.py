"""Principal components, fitted block by block: directions in which states differ most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

_NARROW = 2048
"""Features up to which their covariance is kept (32 MB); of more, only what directions have in common with states."""

_NOTHING = 1e-10
"""Share of the variance up to which a direction counts as constant."""


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Directions of largest variance of some vectors, and how to see other vectors along them.

    Their signs, which nothing fixes, are such that the largest weight is positive.

    Attributes:
        mean: of the vectors, [feature].
        axes: unit vectors, largest variance first, [principal, feature]; rows of zeros where the vectors vary in
            fewer directions than were asked for.
        explained: share of the variance along each axis, [principal].
    """

    mean: np.ndarray
    axes: np.ndarray
    explained: np.ndarray

    @classmethod
    def fit(cls, blocks: Iterable[np.ndarray], n: int = 3) -> PrincipalAxes:
        """Find the axes of all vectors together.

        With up to 2048 features the covariance is summed up in one pass, and the axes are exact. With more, Lanczos'
        method finds them to six digits in some twenty passes. Only one block is in memory at a time.

        Args:
            blocks: vectors, [observation, feature]; they are gone through more than once, so no generator.
            n: how many axes.

        Raises:
            ValueError: when there are no vectors, they differ in size, or a number is not finite.
        """
        mean, square = _moments(blocks)
        features = len(mean)
        if square.ndim == 2:
            total, (variances, directions) = np.trace(square), np.linalg.eigh(square)
        else:
            total, (variances, directions) = square.sum(), _leading(blocks, mean, n)
        variances, directions = variances[::-1].clip(min=0)[:n], directions[:, ::-1].T[:n]
        used = variances > _NOTHING * max(float(total), 1e-300)
        axes, explained = np.zeros((n, features)), np.zeros(n)
        found = directions[used]
        largest = np.abs(found).argmax(axis=1)
        axes[: len(found)] = found * np.sign(found[np.arange(len(found)), largest])[:, None]
        explained[: len(found)] = variances[used] / (float(total) or 1.0)
        return cls(mean, axes, explained)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Positions along the axes, [*observation, principal], of vectors [*observation, feature]."""
        return (np.asarray(vectors, dtype=np.float64) - self.mean) @ self.axes.T


def _moments(blocks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean, [feature], and covariance, [feature, feature]; of many features only the variances, [feature].

    Blocks are put together as in Chan, Golub & LeVeque (1983), Am. Stat. 37, 242, which keeps the digits that a sum
    of squares would lose.

    Raises:
        ValueError: when there are no vectors, they differ in size, or a number is not finite.
    """
    count, mean, square = 0, np.zeros(0), np.zeros(0)
    for block in blocks:
        block = np.asarray(block, dtype=np.float64)
        if block.ndim != 2 or not block.size or not np.isfinite(block).all():
            raise ValueError(
                f"principal components need finite vectors [observation, feature], and of {block.shape} "
                f"{int((~np.isfinite(block)).sum())} numbers are not; leave out what diverged, such as "
                "`.isel(sample=...)`"
            )
        if count and block.shape[1] != len(mean):
            raise ValueError(f"vectors of different sizes: {len(mean)} and {block.shape[1]}")
        if not count:
            features = block.shape[1]
            mean, square = np.zeros(features), np.zeros((features,) * (2 if features <= _NARROW else 1))
        shift = block.mean(axis=0) - mean
        centred = block - mean - shift
        weight = count * len(block) / (count + len(block))
        if square.ndim == 2:
            square += centred.T @ centred + weight * np.outer(shift, shift)
        else:
            square += np.einsum("of,of->f", centred, centred) + weight * shift**2
        count += len(block)
        mean += shift * len(block) / count
    if not count:
        raise ValueError("principal components need vectors, and there are none")
    return mean, square / count


def _leading(blocks: Iterable[np.ndarray], mean: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Largest eigenvalues of the covariance, rising, and their vectors, [feature, n], without the covariance."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    def times(direction: np.ndarray) -> np.ndarray:
        count, found = 0, np.zeros(len(mean))
        for block in blocks:
            centred = np.asarray(block, dtype=np.float64) - mean
            found += (centred @ direction.ravel()) @ centred
            count += len(block)
        return found / count

    operator = LinearOperator((len(mean),) * 2, matvec=times, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    start = np.random.default_rng(0).normal(size=len(mean))
    variances, directions = eigsh(operator, k=n, v0=start, tol=1e-6)  # pyright: ignore[reportArgumentType]
    rising = np.argsort(variances)
    return variances[rising], directions[:, rising]
