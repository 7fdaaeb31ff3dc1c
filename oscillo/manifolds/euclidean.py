"""Euclidean space: an oscillator is a displacement in R^k."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from oscillo.manifolds.base import Manifold, ManifoldSpec, ball
from oscillo.spec import register


@register
class EuclideanSpec(ManifoldSpec):
    """Displacements in R^k; with inertia and a harmonic potential the oscillators of coRNN, HORN and GraphCON."""

    kind: Literal["euclidean"] = "euclidean"
    dimension: int = Field(default=1, ge=1, le=4096, description="k, the components of one oscillator's displacement.")

    @property
    def components(self) -> int:
        """k."""
        return self.dimension

    def build(self) -> Euclidean:
        """The operations of flat space."""
        return Euclidean()


class Euclidean(Manifold):
    """R^k, flat and without end."""

    def spread(self, normals: Tensor) -> Tensor:
        """Uniform over the unit ball; for k = 1 over [-1, 1]."""
        return ball(normals)
