"""Dense coupling: a weight for every pair of oscillators."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from oscillo.couplings.delays import DelaySpec
from oscillo.couplings.linear import LinearCouplingSpec, LinkCoupling
from oscillo.distributions import WEIGHTS, DistributionSpec
from oscillo.layout import StateShape
from oscillo.spec import Component, register
from oscillo.values import read_array


@register
class DenseCouplingSpec(LinearCouplingSpec):
    """A weight for every pair of oscillators of a layer without sites; one matrix product."""

    kind: Literal["dense"] = "dense"
    weights: str | None = Field(
        default=None,
        description="File of the matrix W, as `weights.npy` or `network.npz:weights`; what i feels from j stands in "
        "row i, column j. In place of `distribution`.",
    )
    distribution: Component[DistributionSpec] | None = Field(
        default=None,
        description="Of random weights, which are drawn one by one; left out, uniform within 1 / sqrt(n), as layers "
        "that learn begin.",
    )
    seed: int | None = Field(
        default=None, ge=0, description="Of random weights; left out, they follow the seed of the run."
    )
    symmetric: bool = Field(
        default=False, description="Whether W is made symmetric, (W + W^T) / 2, so that there is an energy."
    )
    self_coupling: bool = Field(
        default=True, description="Whether an oscillator feels itself; `false` empties the diagonal."
    )
    normalization: Literal["none", "size", "strength"] = Field(
        default="none",
        description="`size` divides all weights by n; `strength` divides what an oscillator feels by the sum of the "
        "absolute weights that reach it.",
    )
    delay: DelaySpec | None = Field(
        default=None, description="How long links take: `{time: 0.2}`, or `{speed: 8.0}`; left out, no time."
    )
    lengths: str | None = Field(
        default=None, description="File of the lengths of the links, a matrix as `weights`, for `delay: {speed: ...}`."
    )
    learn: bool = Field(default=False, description="Whether the weights are trained.")

    @model_validator(mode="after")
    def _one_source(self) -> DenseCouplingSpec:
        if self.weights is not None and (self.distribution is not None or self.seed is not None):
            raise ValueError("weights come from a file or are drawn: give `weights`, or `distribution` and `seed`")
        if self.learn and self.normalization == "strength":
            raise ValueError("trained weights are not normalised by strength: take `normalization: none` or `size`")
        if self.symmetric and self.normalization == "strength":
            raise ValueError(
                "strengths differ, and dividing by them makes W asymmetric: leave out `symmetric`, or take "
                "`normalization: size`"
            )
        if self.lengths is not None and (self.delay is None or self.delay.speed is None):
            raise ValueError(
                "`lengths` say how long a signal takes with `delay: {speed: ...}`; give it, or leave them out"
            )
        return self

    def problems(self, shape: StateShape) -> list[str]:
        """No sites, and a square matrix of finite numbers."""
        if shape.sites:
            return [f"a dense coupling joins oscillators without sites, and the sites are {list(shape.sites)}"]
        found = super().problems(shape)
        try:
            _read_matrix(self.weights, shape.oscillators)
            self.delays(shape.oscillators)
        except (ValueError, OSError) as error:
            found.append(str(error))
        return found

    def delays(self, oscillators: int) -> np.ndarray | float | None:
        """Delay of every link, [oscillator, oscillator that is felt] or one number; None for no delays.

        Raises:
            ValueError: when lengths are missing, or negative.
        """
        if self.delay is None:
            return None
        lengths = _read_matrix(self.lengths, oscillators)
        if lengths is not None and bool((lengths < 0).any()):
            raise ValueError(f"{self.lengths} has a negative length")
        return self.delay.of(None if lengths is None else lengths.numpy(), "and `lengths` is left out: name their file")

    def build(self, shape: StateShape) -> DenseCoupling:
        """The product with the matrix."""
        n = shape.oscillators
        weights = _read_matrix(self.weights, n)
        if weights is None:
            weights = self._drawn(n)
        if self.symmetric:
            weights = (weights + weights.T) / 2
        if not self.self_coupling:
            weights = weights - torch.diag(weights.diagonal())
        if self.normalization == "size":
            weights = weights / n
        if self.normalization == "strength":
            reach = weights.abs().sum(1, keepdim=True)
            weights = weights / torch.where(reach > 0, reach, 1.0)
        return DenseCoupling(self, shape, weights.to(torch.get_default_dtype()))

    def _drawn(self, n: int) -> Tensor:
        seed = int(torch.randint(2**62, ())) if self.seed is None else self.seed
        if self.distribution is not None:
            return self.distribution.random((n, n), seed, purpose=WEIGHTS)
        generator = torch.Generator().manual_seed(seed)
        return (2 * torch.rand(n, n, generator=generator, dtype=torch.float64) - 1) / n**0.5


def _read_matrix(source: str | None, oscillators: int) -> Tensor | None:
    """The matrix in a file, float64; None where there is no file.

    Raises:
        ValueError: when it is not there, not square, of another size, not of real numbers, or not finite.
    """
    if source is None:
        return None
    matrix = read_array(source)
    if matrix.shape != (oscillators, oscillators):
        raise ValueError(f"{source} is {list(matrix.shape)}, and {oscillators} oscillators take a square of that")
    if matrix.dtype.kind not in "biuf":
        raise ValueError(f"{source} holds {matrix.dtype}, and numbers are wanted")
    if not np.isfinite(matrix).all():
        i, j = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"{source}: the number [{i}, {j}] is not finite")
    return torch.from_numpy(np.array(matrix, dtype=np.float64))


class DenseCoupling(LinkCoupling):
    r"""y_i = K \sum_j W_ij M x_j.

    With `symmetric`, or a diagonal that stays empty, trained weights are used as (W + W^T) / 2 and without diagonal.
    """

    def __init__(self, spec: DenseCouplingSpec, shape: StateShape, weights: Tensor) -> None:
        super().__init__(spec, shape, weights, spec.delays(shape.oscillators), learn=spec.learn)
        self.made_symmetric, self.empties = spec.learn and spec.symmetric, spec.learn and not spec.self_coupling

    @property
    def sources(self) -> Tensor:
        """Oscillator that each link feels, [oscillator that is felt]."""
        return torch.arange(self.weights.shape[-1], device=self.weights.device)

    def mirrored(self, sign: int) -> bool:
        """Whether W is the same both ways, and is kept so where it is trained; not where links take time."""
        fixed = (self.made_symmetric or not self.learns) and self.delays is None
        weights = self.product_weights()
        return fixed and torch.equal(weights, sign * weights.mT)

    def carrying(self) -> Tensor:
        """Which links carry something, or will once they are trained; not those of a diagonal that stays empty."""
        return self._formed(super().carrying().to(self.weights.dtype)) != 0

    def product_weights(self) -> Tensor:
        """W as it acts, [oscillator, oscillator that is felt]."""
        return self._formed(self.weights)

    def _formed(self, weights: Tensor) -> Tensor:
        """Trained weights in the form that they are kept in."""
        if self.made_symmetric:
            weights = (weights + weights.mT) / 2
        return weights - torch.diag_embed(weights.diagonal(dim1=-2, dim2=-1)) if self.empties else weights

    def gather(self, neighbours: Tensor) -> Tensor:
        """W x, [sample, component, oscillator]."""
        weights = self.product_weights()
        return F.linear(neighbours, weights) if weights.ndim == 2 else neighbours @ weights.mT

    def collect(self, carried: Tensor) -> Tensor:
        """W x where links bring x, [sample, component, oscillator]."""
        return (carried * self.product_weights().unsqueeze(-3)).sum(-1)

    def reach(self) -> Tensor:
        """Row sums of W."""
        return self.product_weights().sum(-1, keepdim=True).mT
