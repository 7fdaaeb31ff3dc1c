"""Fixed points and relative equilibria: where a network rests, or only turns as a whole, and whether it stays there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from oscillo.layout import State
from oscillo.network.layer import Layer
from oscillo.quantities import listing, number_text
from oscillo.stability.equations import Equations, Guess
from oscillo.stability.grouping import groups_of
from oscillo.stability.jacobian import LARGEST_MATRIX
from oscillo.stability.krylov import solved_without_matrices
from oscillo.stability.motion import (
    Motion,
    Of,
    in_double,
    refuse_different,
    refuse_diverged,
    refuse_what_has_no,
    refuse_what_never_rests,
    space_of,
)
from oscillo.stability.newton import Found, solved
from oscillo.stability.symmetry import Symmetry, frequencies_of, symmetry_of
from oscillo.stability.system import MOVING, System
from oscillo.stability.transverse import Transverse, transverse_eigenvalues

Method = Literal["auto", "dense", "krylov"]

_DENSE = 400
"""Degrees of freedom up to which `auto` writes Jacobians down: beyond, products alone are quicker."""


@dataclass(frozen=True, repr=False)
class FixedPoint:
    """A state that stays, or that only turns as a whole."""

    state: State
    """`x`, and with inertia `v`, of one sample, float64 [1, *sites, component, oscillator]."""
    generator: Tensor
    """The rotation it makes, an antisymmetric matrix [component, component] of what others see, per unit of time."""
    residual: float
    """Largest coordinate of what is left of the motion: per unit of time for a flow, per step for steps."""
    eigenvalues: Tensor
    """Of the Jacobian in the frame that turns along, without the directions of common rotations, complex128; those that
    decide come first. For steps they are multipliers."""
    unstable: int
    """Directions that grow, among the eigenvalues that are known: where these are not all, there may be more."""
    neutral: int
    """Directions that neither grow nor shrink and are no rotations: it is one of a family, or at a bifurcation."""
    symmetric: int
    """Directions of common rotations, left out of the eigenvalues."""
    complete: bool
    """Whether all eigenvalues are known, or only the leading ones."""
    starts: Tensor
    """Numbers of the starts that led here, int64."""

    @property
    def frequency(self) -> float:
        """How fast it turns, in radians per unit of time.

        Of planar vectors positive is counter-clockwise; in more dimensions it is the fastest plane's, without a sign.
        """
        found = frequencies_of(self.generator)
        return float(found[0]) if len(found) else 0.0

    @property
    def stable(self) -> bool:
        """Whether every small displacement shrinks, but for common rotations."""
        return not self.unstable and not self.neutral

    def __repr__(self) -> str:
        what = "stable" if self.stable else f"unstable: directions that grow {self.unstable}, neutral {self.neutral}"
        leading = f"leading eigenvalue {complex(self.eigenvalues[0]):.4g}" if len(self.eigenvalues) else "no eigenvalue"
        return f"FixedPoint({what}; frequency {number_text(self.frequency)}, {leading}, starts {len(self.starts)})"


@dataclass(frozen=True, repr=False)
class FixedPoints:
    """What was found from all starts."""

    points: tuple[FixedPoint, ...]
    """Stable ones first, and among them those that more starts led to."""
    system: System
    """The system in float64 with the points as its samples, in this order."""
    symmetry: Symmetry
    """Common rotations that leave the motion as it is."""
    of: Of
    """Whether points are fixed under the flow or under a step."""
    lost: Tensor
    """Numbers of the starts that led nowhere, int64."""

    @property
    def stable(self) -> tuple[FixedPoint, ...]:
        """The stable ones."""
        return tuple(point for point in self.points if point.stable)

    def __repr__(self) -> str:
        told = f"{len(self.points)} of the {self.of}, {len(self.stable)} of them stable"
        return listing(f"FixedPoints({told}; {len(self.lost)} starts led nowhere)", self.points)


@torch.no_grad()
def fixed_points(
    system: System, *, of: Of = "flow", relative: bool = True, lead_in: int = 0, lead_in_dt: float | None = None,
    tolerance: float = 1e-9, same: float = 1e-4, iterations: int | None = None, method: Method = "auto",
    eigenvalues: int | None = None,
) -> FixedPoints:  # fmt: skip
    r"""All fixed points that Newton's method finds from the samples of a system, each once, with their stability.

    F(x) = A x is solved for the state x and, where common rotations commute with the motion, for the antisymmetric
    matrix A; whether they do is tried. States that differ by such a rotation count once. All is done in float64.

    Args:
        system: its samples are the starts; `random_starts` draws them. All are of one and the same network.
        of: `flow`, equilibria of the differential equation with the eigenvalues of its Jacobian; or `step`, fixed
            points of the integrator's step, or of a map, with multipliers. With long steps their stability differs.
        relative: whether states count that turn as a whole; otherwise only those at rest.
        lead_in: steps to take before; what attracts is then found from far away, and what repels is not.
        lead_in_dt: size of these steps; the system's own when left out. Where long steps flicker, shorter ones rest.
        tolerance: largest residual of what counts as fixed, per unit of time or per step.
        same: distance of an oscillator, up to a common rotation, within which two states are one.
        iterations: of Newton's method, at the most; 200 with `dense` and 30 with `krylov` when left out.
        method: `dense` writes Jacobians down, with damped steps of least length; `krylov` only multiplies with them,
            and wants to begin near by, so give it a `lead_in`; `auto` is `dense` up to 400 degrees of freedom.
        eigenvalues: how many leading ones; all with `dense` and 6 with `krylov` when left out.

    Raises:
        ValueError: for noise, delays, a stimulus that changes with time; when there are no samples, they diverge or are
            of different networks; when there is no such motion; when no eigenvalues are wanted, or `dense` is asked
            for above 3,000 degrees of freedom.
    """
    if eigenvalues is not None and eigenvalues < 1:
        raise ValueError(f"{eigenvalues} eigenvalues say nothing about stability; take one or more, or leave it out")
    refuse_what_never_rests(system)
    refuse_what_has_no(of, system)
    refuse_different(system)
    dense = _is_dense(method, space_of(system).dimension)
    system = in_double(_led_in(system, lead_in, lead_in_dt))
    refuse_diverged(system.state)
    symmetry = symmetry_of(system, of)
    equations = Equations(of, symmetry if relative else symmetry.without)
    guess = equations.first_speeds(system)
    if dense:
        found = solved(equations, guess, iterations=200 if iterations is None else iterations)
    else:
        most = 30 if iterations is None else iterations
        found = solved_without_matrices(equations, guess, iterations=most, tolerance=tolerance / 10)
    return _gathered(equations, symmetry, found, (tolerance, same), eigenvalues if eigenvalues or dense else 6)


def _is_dense(method: Method, d: int) -> bool:
    """Whether Jacobians are written down.

    Raises:
        ValueError: when they are to be, and are too large.
    """
    if method not in get_args(Method):
        raise ValueError(f"`method` is {method!r}; take one of {', '.join(get_args(Method))}")
    if method == "dense" and d > LARGEST_MATRIX:
        raise ValueError(
            f"a sample has {d:,} degrees of freedom, and matrices go up to {LARGEST_MATRIX:,}; take method='krylov'"
        )
    return method == "dense" or (method == "auto" and d <= _DENSE)


def _led_in(system: System, steps: int, dt: float | None) -> System:
    """The system that many steps later, with nothing remembered of the way."""
    if not steps:
        return system
    pace = system.dt if dt is None else torch.full_like(system.dt, dt)
    return _begun(replace(replace(system, dt=pace).after(steps), dt=system.dt))


def _gathered(
    equations: Equations, symmetry: Symmetry, found: Found, limits: tuple[float, float], eigenvalues: int | None
) -> FixedPoints:
    """Every point once."""
    tolerance, same = limits
    led = (found.residual <= tolerance).nonzero()[:, 0]
    ends = found.guess.at(led)
    group = groups_of(symmetry, ends.system.state, same)
    points, rows = [], []
    for number in range(int(group.max()) + 1 if len(group) else 0):
        members = (group == number).nonzero()[:, 0]
        best = members[found.residual[led[members]].argmin()].reshape(1)
        one = _settled(equations, ends.at(best))
        around = transverse_eigenvalues(equations, symmetry, one, eigenvalues)
        points.append(_point(equations, one, around, float(found.residual[led[best]]), led[members].cpu()))
        rows.append(int(best))
    order = sorted(range(len(points)), key=lambda i: (not points[i].stable, points[i].unstable, -len(points[i].starts)))
    chosen = ends.system.at(torch.tensor([rows[i] for i in order], dtype=torch.int64, device=led.device))
    lost = (found.residual > tolerance).nonzero()[:, 0].cpu()
    return FixedPoints(tuple(points[i] for i in order), _begun(chosen), symmetry, equations.of, lost)


def _point(equations: Equations, one: Guess, around: Transverse, residual: float, starts: Tensor) -> FixedPoint:
    speeds = one.speeds if equations.of == "flow" else one.speeds / one.system.dt
    if equations.symmetry.dimension:
        generator = equations.symmetry.generator(speeds)[0]
    else:
        n = equations.symmetry.generators.shape[-1]
        generator = one.speeds.new_zeros((n, n))
    state = {name: one.system.state[name] for name in MOVING if name in one.system.state}
    return FixedPoint(
        state, generator, residual, around.eigenvalues, around.unstable, around.neutral, around.symmetric,
        around.complete, starts,
    )  # fmt: skip


def _settled(equations: Equations, one: Guess) -> Guess:
    """The same with the least speeds: whole turns, and turns about the state itself, are not seen."""
    if not equations.symmetry.dimension:
        return one
    if equations.of == "flow":
        return equations.first_speeds(one.system)
    after = Motion(one.system, "step")(one.system.state)
    least = replace(one, speeds=equations.symmetry.angles(one.system.state, after))
    fits = equations.residual(least).abs().max() <= 10 * equations.residual(one).abs().max() + 1e-12
    return least if fits else one


def _begun(system: System) -> System:
    """The system with nothing remembered of the way to where it stands."""
    layer = system.layer
    if not isinstance(layer, Layer):
        return system
    return replace(system, state=layer.initial_state(system.state["x"], system.state.get("v")))
