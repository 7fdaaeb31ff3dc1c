"""The solution that all others are compared with, and how far it can be trusted itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from oscillo.integrators import Dopri5, Dopri5Spec, Integrator, RK4Spec
from oscillo.manifolds import Manifold
from oscillo.questions.comparison.settings import ATOL_SHARE, Setting

LOOSER = 10.0
"""The reference's own error is estimated by a second solution, whose tolerance is so many times larger."""

_SATURATED, _PAIRS = 0.1, 100_000
"""Errors are saturated above this share of the distance E of unrelated states, taken over so many pairs at most. Where
they are e = E s / (1 + s) with s = c h^p, their slope is p (1 - e / E): it has become a tenth less than the order."""

DELAYED_SHARE = 8
"""Where delays allow no solver that chooses its steps, the reference takes so many steps in the finest one."""


@dataclass(frozen=True)
class Reference:
    """How the reference is solved: to a tolerance, or with a step."""

    kind: str
    """The integrator."""
    rtol: float
    """Relative tolerance; not a number for a given step."""
    step_size: float
    """Step size; the time between two comparisons for a tolerance."""

    def build(self, *, looser: bool) -> Integrator:
        """The solver in float64; a looser one to be compared with."""
        if self.kind == "rk4":
            spec = RK4Spec(step_size=self.step_size * (2 if looser else 1))
            return Setting(spec, self.kind).build(torch.float64)
        rtol = self.rtol * (LOOSER if looser else 1)
        spec = Dopri5Spec(step_size=self.step_size, rtol=rtol, atol=rtol * ATOL_SHARE)
        integrator = Setting(spec, self.kind).build(torch.float64)
        assert isinstance(integrator, Dopri5)
        integrator.lands = True
        return integrator

    @property
    def label(self) -> str:
        """In words."""
        return f"{self.kind}, step {self.step_size:.3g}" if self.kind == "rk4" else f"{self.kind}, rtol {self.rtol:g}"

    @property
    def facts(self) -> dict[str, float]:
        """Its tolerance or its step size, by name."""
        return {"reference_step_size": self.step_size} if self.kind == "rk4" else {"reference_tolerance": self.rtol}


def saturated_error(manifold: Manifold, states: Tensor) -> float:
    """Error above which it depends on how far apart states can be, and no longer on the step size alone.

    Unrelated states are those of any two oscillators, samples and times of the reference, drawn in pairs; so the
    distance is that of this motion, also on a manifold without an end.

    Args:
        manifold: where they live.
        states: of the reference, [time, sample, *sites, component, oscillator].
    """
    points = states.movedim(-2, 0).flatten(1)
    order = torch.randperm(points.shape[1], generator=torch.Generator().manual_seed(0))[:_PAIRS].to(points.device)
    apart = manifold.distance(points[:, order], points[:, order.roll(1)])
    return _SATURATED * float(apart.square().mean().sqrt())
