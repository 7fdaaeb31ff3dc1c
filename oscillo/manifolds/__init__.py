"""Where one oscillator lives. One file per kind."""

from oscillo.manifolds.base import Manifold, ManifoldSpec
from oscillo.manifolds.circle import Circle, CircleSpec
from oscillo.manifolds.euclidean import Euclidean, EuclideanSpec
from oscillo.manifolds.plane import Plane, PlaneSpec
from oscillo.manifolds.sphere import Sphere, SphereSpec

__all__ = [
    "Circle", "CircleSpec", "Euclidean", "EuclideanSpec", "Manifold", "ManifoldSpec", "Plane", "PlaneSpec", "Sphere",
    "SphereSpec",
]  # fmt: skip
