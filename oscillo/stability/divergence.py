"""How fast volumes of states grow: the sum of all Lyapunov exponents, found without following disturbances."""

from __future__ import annotations

import torch
from torch import Tensor

from oscillo.stability.disturbances import refuse_more_than_x_and_v
from oscillo.stability.functions import FunctionFlow
from oscillo.stability.jacobian import jacobian
from oscillo.stability.system import System
from oscillo.stability.tangent import oscillators_of


def mean_divergence(system: System, *, steps: int, transient: int = 0) -> Tensor:
    """The average over time of the divergence of a flow, that is of the trace of its Jacobian on the manifold.

    It is the sum of all Lyapunov exponents (Liouville's formula; Oseledets 1968), here of the equation itself and not
    of the integrator's steps: what is between the two is what the steps are wrong by. For what has no velocity on the
    manifold (maps, blocks, and layers whose steps alone keep the state there) it is the average of log |det D| of the
    steps, per unit of time. The trace is exact, and a step takes as many derivatives as there are degrees of freedom.

    Args:
        system: where the samples stand.
        steps: over which it is averaged, by the trapezoidal rule.
        transient: steps before, for the states alone.

    Returns:
        float64 [sample], per unit of time; -inf for a map that forgets something at once.

    Raises:
        ValueError: when the equation is stochastic or has delays, a state diverges, there are more than 3,000 degrees
            of freedom, or `steps` or `transient` is out of range.
    """
    if steps < 1 or transient < 0:
        raise ValueError(f"steps are at least 1 and transient steps at least 0, not {steps} and {transient}")
    refuse_more_than_x_and_v(system)
    flows = _flows(system)
    system = system.after(transient)
    total = torch.zeros(system.samples, dtype=torch.float64, device=system.dt.device)
    for k in range(steps + 1 if flows else steps):
        if k:
            system = system.after(1)
        total += (0.5 if k in (0, steps) else 1.0) * _trace(system) if flows else _log_volume(system)
    return total / steps if flows else total / (steps * system.dt.detach().double())


def _flows(system: System) -> bool:
    """Whether there is a velocity, and it keeps states on the manifold."""
    layer, oscillators = system.layer, oscillators_of(system.layer)
    if oscillators is None:
        return isinstance(layer, FunctionFlow)
    flows = bool(getattr(getattr(layer, "integrator", None), "flows", False))
    return flows and oscillators.projects and oscillators.frequency.tangent


def _trace(system: System) -> Tensor:
    """Divergence of the velocity, float64 [sample]."""
    return jacobian(system, of="flow").diagonal(dim1=1, dim2=2).double().sum(1)


def _log_volume(system: System) -> Tensor:
    """Logarithm of the factor by which a step makes volumes grow, float64 [sample]."""
    return torch.linalg.slogdet(jacobian(system, of="step").double())[1]
