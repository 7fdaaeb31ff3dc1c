"""Small disturbances of a system's states: which there are, and what a step makes of them.

They are numbers [sample, coordinate, disturbance] in the coordinates of `TangentSpace`, in which the length of a
disturbance is that of dx and the tangent part of dv together.
"""

from __future__ import annotations

import torch
from torch import Tensor

from oscillo.draws import normal
from oscillo.integrators.dopri5 import Dopri5
from oscillo.integrators.torchdiffeq import ADAPTIVE, Torchdiffeq
from oscillo.stability.motion import Motion, space_of
from oscillo.stability.system import MOVING, System, derivative
from oscillo.stability.tangent import TangentSpace, manifold_of, oscillators_of

_AT_ONCE = 2**21
"""Numbers in the states that are pushed together: some hundred megabytes with what lies between in a wide network."""

_PURPOSE = 1 << 30
"""What the draws of disturbances are for; no layer of a network has that number."""


def refuse_more_than_x_and_v(system: System) -> None:
    """Refuse systems whose next step depends on more than x and v.

    Raises:
        ValueError: when the equation is stochastic, the state remembers its past, or something that steps by itself has
            parts of its own in it.
    """
    if getattr(system.layer, "is_noisy", False):
        raise ValueError(
            "the equation is stochastic, and what becomes of disturbances along one path of the noise is another "
            "question; leave out `noise`"
        )
    if "history" in system.state:
        raise ValueError(
            "with delays it is the whole past that is disturbed, in more ways than can be counted; leave out `delay`"
        )
    others = sorted(set(system.state) - set(MOVING))
    if others and oscillators_of(system.layer) is None:
        raise ValueError(f"the state has a part `{others[0]}`, of which nothing is known here; make it a part of `x`")


def refuse_steps_without_derivative(system: System) -> None:
    """Refuse integrators whose steps do not depend on the state in one fixed way.

    Raises:
        ValueError: with what to do instead, when the integrator chooses its own steps or has derivatives backward only.
    """
    integrator = getattr(system.layer, "integrator", None)
    if isinstance(integrator, Dopri5) or (isinstance(integrator, Torchdiffeq) and integrator.method in ADAPTIVE):
        raise ValueError(
            "the integrator chooses its own steps, and their sizes depend on the state; take `integrator: {kind: rk4}`"
        )
    if isinstance(integrator, Torchdiffeq) and integrator.adjoint:
        raise ValueError("the adjoint equation gives derivatives backward only; leave out `adjoint`")


def random_frame(system: System, count: int, seed: int) -> Tensor:
    """Orthonormal disturbances that lead nowhere in particular.

    Args:
        system: where.
        count: how many, at most the degrees of freedom.
        seed: of the directions, whose coordinates are the same numbers for all samples.

    Returns:
        float64 [sample, coordinate, disturbance].
    """
    device, freedom = system.dt.device, space_of(system).dimension
    drawn = normal(seed, torch.arange(count, device=device), (freedom,), purpose=_PURPOSE).double()
    return torch.linalg.qr(drawn.mT)[0].expand(system.samples, freedom, count)


def pushed(system: System, after: System, frame: Tensor) -> Tensor:
    """What disturbances become in one step, float64 [sample, coordinate, disturbance] as they.

    Each takes the step with a copy of its sample. To take it once for all disturbances of a sample would save up to a
    half in networks with attention, nothing elsewhere, and not be possible with all couplings.

    Args:
        system: at the beginning of the step.
        after: the same at its end.
        frame: the disturbances.

    Raises:
        ValueError: when the step does not tell how it depends on the state.
    """
    samples, freedom, count = frame.shape
    owners = torch.arange(samples, device=frame.device).repeat_interleave(count)
    coordinates = frame.mT.reshape(samples * count, freedom).to(system.state["x"].dtype)
    found = []
    for rows in torch.arange(len(owners), device=owners.device).split(max(1, _AT_ONCE // freedom)):
        some = system.at(owners[rows])
        there = {name: after.state[name][owners[rows]] for name in MOVING if name in after.state}
        along = space_of(some).directions(coordinates[rows])
        _, rates = derivative(Motion(some, "step"), some.state, along)
        if lost := [name for name in along if name not in rates]:
            raise ValueError(
                f"the step does not tell how `{lost[0]}` depends on the state before: it has to be made of PyTorch's "
                "differentiable operations, without numpy, `detach` or `item`"
            )
        found.append(TangentSpace(manifold_of(system.layer), there).coordinates(rates))
    return torch.cat(found).double().unflatten(0, (samples, count)).mT
