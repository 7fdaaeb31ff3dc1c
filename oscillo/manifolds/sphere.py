"""The unit sphere: an oscillator is a unit vector in R^N, as in AKOrN."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from oscillo.manifolds.base import Manifold, ManifoldSpec
from oscillo.spec import register


@register
class SphereSpec(ManifoldSpec):
    """Unit vectors in R^N (the vector Kuramoto model; N = 2 is the circle)."""

    kind: Literal["sphere"] = "sphere"
    dimension: int = Field(default=4, ge=2, le=4096, description="N, the components of one oscillator's unit vector.")

    @property
    def components(self) -> int:
        """N."""
        return self.dimension

    @property
    def bounded(self) -> bool:
        """All points are unit vectors."""
        return True

    def build(self) -> Sphere:
        """The sphere's operations."""
        return Sphere()


class Sphere(Manifold):
    """The unit sphere S^(N-1) in R^N, its tangent spaces and geodesics."""

    smallest_norm = 1e-12
    """Vectors shorter than this are divided by it, so that a zero vector stays finite."""

    def project(self, seen: Tensor, f: Tensor) -> Tensor:
        """f - <f, x> x, for |x| = 1."""
        return f - (f * seen).sum(dim=-2, keepdim=True) * seen

    def bend(self, x: Tensor, v: Tensor) -> Tensor:
        """-|v|^2 x: a particle that nothing pushes runs along a great circle."""
        return -v.square().sum(dim=-2, keepdim=True) * x

    def transport(self, x: Tensor, v: Tensor) -> Tensor:
        """The part of v that is tangent at x."""
        return self.project(x, v)

    def retract(self, x: Tensor) -> Tensor:
        """x / |x|."""
        square = x.square().sum(dim=-2, keepdim=True)
        return x * square.clamp_min(self.smallest_norm**2).rsqrt()

    def exponential(self, x: Tensor, v: Tensor) -> Tensor:
        """cos|v| x + sin|v| v / |v|, for v tangent at x."""
        square = v.square().sum(dim=-2, keepdim=True)
        length = square.clamp_min(torch.finfo(v.dtype).tiny).sqrt()
        return torch.cos(length) * x + torch.sinc(length / torch.pi) * v

    def carry(self, x: Tensor, v: Tensor, dt: Tensor | float) -> Tensor:
        """cos(dt |v|) v - |v| sin(dt |v|) x, for v tangent at x: of the same length, and tangent where it arrives."""
        square = v.square().sum(dim=-2, keepdim=True)
        angle = dt * square.clamp_min(torch.finfo(v.dtype).tiny).sqrt()
        return torch.cos(angle) * v - dt * square * torch.sinc(angle / torch.pi) * x

    def distance(self, x: Tensor, other: Tensor) -> Tensor:
        """Angle between two unit vectors; by half angles, which stay exact where the arc cosine does not."""
        apart, together = (torch.linalg.vector_norm(u, dim=-2, keepdim=True) for u in (x - other, x + other))
        return 2 * torch.atan2(apart, together)

    def spread(self, normals: Tensor) -> Tensor:
        """Normalised Gaussian vectors are uniform on the sphere."""
        return self.retract(normals)

    def drift(self, x: Tensor) -> Tensor:
        """| |x| - 1 |."""
        return (torch.linalg.vector_norm(x, dim=-2, keepdim=True) - 1).abs()
