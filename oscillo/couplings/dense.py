"""Dense coupling: a weight for every pair of oscillators."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from oscillo.couplings.delays import DelaySpec, Past, Places
from oscillo.couplings.linear import LinearCoupling, LinearCouplingSpec
from oscillo.distributions import DistributionSpec
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
    delay: DelaySpec | None = Field(default=None, description="How long links take; left out, no time.")
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
        return self.delay.of(None if lengths is None else lengths.numpy())

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
            return self.distribution.random((n, n), seed)
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


class DenseCoupling(LinearCoupling):
    r"""y_i = K \sum_j W_ij M x_j.

    With `symmetric`, or a diagonal that stays empty, trained weights are used as (W + W^T) / 2 and without diagonal.
    """

    delays: Tensor

    def __init__(self, spec: DenseCouplingSpec, shape: StateShape, weights: Tensor) -> None:
        super().__init__(spec, shape)
        delays = spec.delays(shape.oscillators)
        self.register_buffer("delays", None if delays is None else torch.as_tensor(delays, dtype=torch.float64))
        self.compilable = delays is None  # where what was stands in memory is told by numbers
        self._places: Places = {}
        self.weights = nn.Parameter(weights, requires_grad=spec.learn)
        self.made_symmetric, self.empties = spec.learn and spec.symmetric, spec.learn and not spec.self_coupling
        free = (spec.learn and not spec.symmetric) or delays is not None
        self.declare_symmetry(
            weights=not free and torch.equal(weights, weights.T), opposite=not free and torch.equal(weights, -weights.T)
        )

    @property
    def delay_range(self) -> tuple[float, float] | None:
        """Shortest and longest delay of links whose weight is not zero."""
        if self.delays is None:
            return None
        there = self.delays.expand_as(self.weights)[self.weights != 0]
        return (float(there.min()), float(there.max())) if len(there) else None

    def delayed(self, neighbours: Tensor, stimulus: Tensor | None, past: Past) -> Tensor:
        """Field of each oscillator, from what the others were."""
        if self.delays.ndim == 0:
            return self._finish(self.gather(past.at(float(self.delays))), neighbours)
        weights, n = self.product_weights(), neighbours.shape[-1]
        sources = torch.arange(n, device=weights.device).expand(n, n).flatten()
        felt = past.along(sources, self.delays.flatten(), self._places).unflatten(-1, (n, n))
        return self._finish((felt * weights.unsqueeze(-3 if weights.ndim > 2 else 0)).sum(-1), neighbours)

    def product_weights(self) -> Tensor:
        """W as it acts, [oscillator, oscillator that is felt]."""
        weights = self.weights
        if self.made_symmetric:
            weights = (weights + weights.mT) / 2
        return weights - torch.diag_embed(weights.diagonal(dim1=-2, dim2=-1)) if self.empties else weights

    def gather(self, neighbours: Tensor) -> Tensor:
        """W x, [sample, component, oscillator]."""
        weights = self.product_weights()
        return F.linear(neighbours, weights) if weights.ndim == 2 else neighbours @ weights.mT

    def reach(self) -> Tensor:
        """Row sums of W."""
        return self.product_weights().sum(-1, keepdim=True).mT
