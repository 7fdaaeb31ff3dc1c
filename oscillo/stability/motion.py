"""How a system moves, as a function of its state: the flow, or one step; and what has no such function."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from oscillo.integrators import Integrator
from oscillo.integrators.dopri5 import Dopri5
from oscillo.integrators.loop import Stepping, time_of
from oscillo.integrators.torchdiffeq import ADAPTIVE, Torchdiffeq
from oscillo.layout import State
from oscillo.stability.functions import FunctionFlow
from oscillo.stability.system import MOVING, System
from oscillo.stability.tangent import TangentSpace, manifold_of, oscillators_of

Of = Literal["flow", "step"]
"""Whether the right-hand side of the equation is meant, or the map from a state to the one a step later."""


@dataclass(frozen=True)
class Motion:
    """The flow's velocity at a state, or the state one step later."""

    system: System
    """Whose; where its samples stand does not matter."""
    of: Of

    def __call__(self, state: State) -> State:
        """`x`, and with inertia `v`: how fast they change (`flow`), or what they become (`step`)."""
        found = self._velocity(state) if self.of == "flow" else self.system.following(state)
        return {name: found[name].expand_as(state[name]) for name in MOVING if name in state}

    def _velocity(self, state: State) -> State:
        system = self.system
        t, layer = time_of(system.step, system.dt), system.layer
        if isinstance(layer, FunctionFlow):
            return {"x": layer.velocity(state["x"], system.stimulus, t)}
        oscillators = oscillators_of(layer)
        assert oscillators is not None
        return oscillators.evaluate(state, system.stimulus, t).rates


def space_of(system: System) -> TangentSpace:
    """Coordinates around the states of a system."""
    return TangentSpace(manifold_of(system.layer), system.state)


def in_double(system: System) -> System:
    """The same system in float64, its parameters included; a function that steps has to bear float64 itself."""
    layer = system.layer
    wide: Stepping = copy.deepcopy(layer).double() if isinstance(layer, nn.Module) else layer  # pyright: ignore[reportAssignmentType]
    stimulus = None if system.stimulus is None else system.stimulus.double()
    state = {name: value.double() if value.is_floating_point() else value for name, value in system.state.items()}
    return replace(system, layer=wide, state=state, dt=system.dt.double(), stimulus=stimulus)


def refuse_what_has_no(of: Of, system: System) -> None:
    """Refuse a system whose flow, or whose step, is no function of where it stands.

    Raises:
        ValueError: what is in the way, and what to take.
    """
    if of not in ("flow", "step"):
        raise ValueError(f"`of` is {of!r}; take 'flow' or 'step'")
    layer = system.layer
    if "history" in system.state:
        raise ValueError("with delays the motion depends on the past and not on the state alone; leave out `delay`")
    oscillators, integrator = oscillators_of(layer), getattr(layer, "integrator", None)
    if oscillators is None and (more := sorted(set(system.state) - set(MOVING))):
        raise ValueError(f"its state is more than `x`: it has `{more[0]}`, of which nothing is known here")
    if of == "step":
        if getattr(layer, "is_noisy", False):
            raise ValueError("with noise a step is not a function of the state; leave out `noise`")
        if isinstance(integrator, Dopri5) or (isinstance(integrator, Torchdiffeq) and integrator.method in ADAPTIVE):
            raise ValueError("this integrator chooses its own steps, which follow the flow; take of='flow'")
        if isinstance(integrator, Torchdiffeq) and integrator.adjoint:
            raise ValueError("the adjoint equation gives no derivatives of a step forward; leave out `adjoint`")
        return
    if isinstance(layer, FunctionFlow):
        return
    if oscillators is None or (isinstance(integrator, Integrator) and not integrator.flows):
        raise ValueError("what only steps, and follows no differential equation, has no flow; take of='step'")
    if not oscillators.frequency.tangent or not oscillators.projects:
        raise ValueError("its velocity points off the manifold, so only its steps lead anywhere; take of='step'")


def refuse_what_never_rests(system: System) -> None:
    """Refuse a system that has no fixed points, whatever its state.

    Raises:
        ValueError: for noise, delays, a stimulus that changes, no samples, or a state that is not finite.
    """
    if not system.samples:
        raise ValueError("there are no samples to start from; give some states, or draw them with `random_starts`")
    if "history" in system.state:
        raise ValueError("with delays a state is a whole past, and its rest is not looked for; leave out `delay`")
    if getattr(system.layer, "is_noisy", False):
        raise ValueError("noise never rests; leave out `noise` to look at what the equation does without")
    oscillators = oscillators_of(system.layer)
    if oscillators is not None and oscillators.drive is not None and not oscillators.drive.steady:
        raise ValueError("the stimulus changes with time, so nothing rests; take one of the kind `constant`, or `none`")
    if isinstance(system.layer, FunctionFlow) and _changes(system, system.layer):
        raise ValueError("the function changes with time, so nothing rests; take one of x alone")
    refuse_diverged(system.state)


def _changes(system: System, layer: FunctionFlow) -> bool:
    """Whether a function gives something else at other times."""
    x, now = system.state["x"], time_of(system.step, system.dt)
    first, *others = (layer.velocity(x, system.stimulus, now + later) for later in (0.0, 1.0, 2.7, 31.4))
    return any(not torch.equal(first, other) for other in others if first.isfinite().all())


def refuse_diverged(state: State) -> None:
    """Refuse states that are not finite.

    Raises:
        ValueError: with the number of the samples, and what to try.
    """
    gone = torch.zeros(len(state["x"]), dtype=torch.bool, device=state["x"].device)
    for name in MOVING:
        if name in state:
            gone |= ~state[name].isfinite().flatten(1).all(dim=1)
    if gone.any():
        first = int(gone.nonzero()[0, 0])
        raise ValueError(
            f"{int(gone.sum())} of {len(gone)} samples have diverged, the first of them number {first}; take shorter "
            "steps, or leave these samples out"
        )


def refuse_different(system: System) -> None:
    """Refuse samples that are not all of one and the same system.

    Raises:
        ValueError: when parameters or the stimulus differ.
    """
    layer, stimulus = system.layer, system.stimulus
    tensors: list[Tensor] = [] if stimulus is None else [stimulus]
    for part in layer.modules() if isinstance(layer, nn.Module) else ():
        tensors += [getattr(part, name) for name in getattr(part, "_stacked", ())]
    if any(not torch.equal(one, one[:1].expand_as(one)) for one in tensors):
        raise ValueError(
            "samples differ in their parameters or in what acts on them, so they have no fixed points in common; take "
            "one of them after the other, with `random_starts(system.at(torch.tensor([number])), count)`"
        )
