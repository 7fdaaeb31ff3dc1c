"""How time passes. One file per kind, and the one loop."""

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.integrators.geodesic_euler import GeodesicEuler, GeodesicEulerSpec
from oscillo.integrators.projected_euler import ProjectedEuler, ProjectedEulerSpec
from oscillo.integrators.torchdiffeq import Dopri5Spec, RK4Spec, Torchdiffeq

__all__ = [
    "Dopri5Spec", "GeodesicEuler", "GeodesicEulerSpec", "Integrator", "IntegratorSpec", "ProjectedEuler",
    "ProjectedEulerSpec", "RK4Spec", "Torchdiffeq",
]  # fmt: skip
