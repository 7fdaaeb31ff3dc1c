"""How time passes. One file per kind, and the one loop."""

from oscillo.integrators.base import Integrator, IntegratorSpec
from oscillo.integrators.dopri5 import Dopri5, Dopri5Spec
from oscillo.integrators.euler_maruyama import EulerMaruyama, EulerMaruyamaSpec
from oscillo.integrators.geodesic_euler import GeodesicEuler, GeodesicEulerSpec
from oscillo.integrators.map import Map, MapSpec
from oscillo.integrators.projected_euler import ProjectedEuler, ProjectedEulerSpec
from oscillo.integrators.runge_kutta import Heun, HeunSpec, RK4Spec, RungeKutta
from oscillo.integrators.semi_implicit_euler import SemiImplicitEuler, SemiImplicitEulerSpec
from oscillo.integrators.torchdiffeq import Torchdiffeq, TorchdiffeqSpec

__all__ = [
    "Dopri5", "Dopri5Spec", "EulerMaruyama", "EulerMaruyamaSpec", "GeodesicEuler", "GeodesicEulerSpec", "Heun",
    "HeunSpec", "Integrator", "IntegratorSpec", "Map", "MapSpec", "ProjectedEuler", "ProjectedEulerSpec", "RK4Spec",
    "RungeKutta", "SemiImplicitEuler", "SemiImplicitEulerSpec", "Torchdiffeq", "TorchdiffeqSpec",
]  # fmt: skip
