"""Where one oscillator lives. One file per kind."""

from oscillo.manifolds.base import Manifold, ManifoldSpec
from oscillo.manifolds.sphere import Sphere, SphereSpec

__all__ = ["Manifold", "ManifoldSpec", "Sphere", "SphereSpec"]
