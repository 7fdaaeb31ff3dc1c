"""The plane: an oscillator is a complex number, with an amplitude of its own."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from oscillo.manifolds.base import Manifold, ManifoldSpec, ball
from oscillo.spec import register


@register
class PlaneSpec(ManifoldSpec):
    """Complex numbers, held as real and imaginary part; with a quartic potential Stuart-Landau oscillators."""

    kind: Literal["plane"] = "plane"

    @property
    def components(self) -> int:
        """Real and imaginary part."""
        return 2

    def build(self) -> Plane:
        """The plane's operations."""
        return Plane()


class Plane(Manifold):
    """The complex plane, flat and without end."""

    def spread(self, normals: Tensor) -> Tensor:
        """Uniform over the unit disc."""
        return ball(normals)
