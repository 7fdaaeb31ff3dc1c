r"""The equation at the heart, and its energy.

    y             = coupling(embed(x), stimulus)              what an oscillator feels from the others
    f             = activation(y + stimulus) - grad potential(x)
    first order   dx/dt = frequency(x) + project(x, f)
    second order  mass Dv/dt = -damping v + frequency(x) + project(x, f),  dx/dt = v
    map           x' = activation(y + stimulus)

Kuramoto's model in vector form (Miyato et al. 2025, AKOrN, eq. 2): `embed` sends a state to the vector that others
see, `project` takes a vector to the tangent space of the manifold at x. D is the covariant derivative: on a sphere,
v stays tangent. Noise is the integrators' business: the state is disturbed by `diffusion` dW, tangent to the manifold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oscillo.couplings import Coupling, Past, SumCoupling
from oscillo.frequencies import Frequency
from oscillo.layout import State, StateShape, node_major
from oscillo.manifolds import Manifold
from oscillo.potentials import Potential
from oscillo.stacking import of_samples
from oscillo.stimuli import Drive


def _radial_tanh(f: Tensor) -> Tensor:
    """tanh|f| f / |f|: the activation that turns with the vector it acts on."""
    length = f.square().sum(dim=-2, keepdim=True).clamp_min(torch.finfo(f.dtype).tiny).sqrt()
    return torch.tanh(length) / length * f


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda f: f,
    "tanh": torch.tanh,
    "radial_tanh": _radial_tanh,
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "sin": torch.sin,
}
"""What may be done to the field that an oscillator feels before it acts; by components but for `radial_tanh`."""

_PAIRWISE = Coupling.energy, SumCoupling.energy
"""Energies that are sums over pairs, or of such."""


class Evaluation(NamedTuple):
    """The right-hand side at one state."""

    y: Tensor
    """What each oscillator feels from the states; broadcasts against [sample, *sites, component, oscillator]."""
    rates: State
    """Time derivatives of the parts of the state that move, by name: `x`, and with inertia `v`."""

    @property
    def velocity(self) -> Tensor:
        """dx/dt."""
        return self.rates["x"]


class Inertia(nn.Module):
    """Mass and damping of each oscillator, numbers or [oscillator]."""

    stackable = frozenset({"mass", "damping"})

    def __init__(self, mass: Tensor, damping: Tensor) -> None:
        super().__init__()
        self.mass, self.damping = nn.Parameter(mass, False), nn.Parameter(damping, False)


@dataclass(frozen=True)
class Extras:
    """What only some oscillators have."""

    activation: str = "identity"
    """Name in `ACTIVATIONS`."""
    potential: Potential | None = None
    """What holds the amplitude."""
    inertia: Inertia | None = None
    """Mass and damping of oscillators of second order."""
    velocity_coupling: Coupling | None = None
    """What an oscillator of second order feels from the others' velocities, besides."""
    drive: Drive | None = None
    """A stimulus that changes with time."""
    diffusion: Tensor | None = None
    """Strength of the noise, a number or [oscillator], in units of x per square root of time (of v with inertia)."""


def _past(state: State, t: Tensor | float) -> Past:
    """The past that a state remembers, as it is seen from a time within a step of the last knot.

    Raises:
        ValueError: when it is another time, or samples do not stand at the same one.
    """
    knots, dt = _common("knots", state["history.knots"]), _common("dt", state["history.dt"])
    past = Past(state["history"], state["history.rates"], int(knots), dt, _common("t", t))
    if not -_SLACK <= past.since <= 1 + _SLACK:
        raise ValueError(
            f"with delays time goes on from where it was: the past goes up to t = {dt * (knots - 1):g} in steps of "
            f"{dt:g}, and t is {past.t:g}"
        )
    return past


_SLACK = 0.01
"""Share of a step by which rounding may put a time beside its place."""


def _common(name: str, values: Tensor | float) -> float:
    """The number that is the same for all samples.

    Raises:
        ValueError: when it is not.
    """
    if not isinstance(values, Tensor):
        return values
    low, high = (float(end) for end in torch.aminmax(values.detach()))
    if low != high:
        raise ValueError(f"with delays all samples step together, and `{name}` is {low:g} for one and {high:g} for one")
    return low


class Oscillators(nn.Module):
    """A population of coupled oscillators: the right-hand side of their equation, and their energy.

    A state is a named tree: `x` [sample, *sites, component, oscillator]; with inertia the velocity `v` of the same
    shape; on the circle whole turns `winding`; with delays what was shown so far (`history`). The stimulus is a vector
    as others see them, [sample, *sites, component seen, oscillator], or None.
    """

    stackable = frozenset({"diffusion"})
    diffusion: Tensor | None

    def __init__(
        self, shape: StateShape, manifold: Manifold, frequency: Frequency, coupling: Coupling,
        extras: Extras = Extras(),
    ) -> None:  # fmt: skip
        super().__init__()
        self.shape, self.manifold = shape, manifold
        self.frequency, self.coupling = frequency, coupling
        self.activation = extras.activation
        self.potential, self.inertia, self.drive = extras.potential, extras.inertia, extras.drive
        self.velocity_coupling = extras.velocity_coupling
        self.register_buffer("diffusion", extras.diffusion)
        self.projects = True
        """Whether the force is projected to the tangent space; off only for the ablation that leaves it out."""

    def evaluate(self, state: State, stimulus: Tensor | None = None, t: Tensor | float = 0.0) -> Evaluation:
        """Right-hand side at a state.

        Args:
            state: on the manifold.
            stimulus: what comes from outside.
            t: time, for parts that depend on it; a scalar or [sample, 1, ...].
        """
        x = state["x"]
        seen = self.manifold.embed(x)
        y, f = self._force(state, seen, stimulus, t)
        force = self.manifold.project(seen, f) if self.projects else f
        own = self.frequency(x, self.manifold.turn)
        if own is not None:
            force = own + force
        if self.drive is not None and self.drive.acts_on == "velocity":
            force = force + self.drive(t).to(force.dtype)
        if self.inertia is None:
            return Evaluation(y, {"x": force})
        v = state["v"]
        acceleration = (force - self.inertia.damping * v) / self.inertia.mass
        bend = self.manifold.bend(x, v)
        return Evaluation(y, {"x": v, "v": acceleration if bend is None else acceleration + bend})

    def _force(self, state: State, seen: Tensor, stimulus: Tensor | None, t: Tensor | float) -> tuple[Tensor, Tensor]:
        """The coupling's y, which the energy is made of, and f."""
        past = "history" in state
        y = self.coupling.delayed(seen, stimulus, _past(state, t)) if past else self.coupling(seen, stimulus)
        felt = y
        if self.velocity_coupling is not None:
            felt = y + self.velocity_coupling(state["v"], stimulus)
        f = self._pushed(felt, stimulus, t)
        return y, f if self.potential is None else f - self.potential.gradient(seen)

    def _pushed(self, y: Tensor, stimulus: Tensor | None, t: Tensor | float) -> Tensor:
        """activation(y + stimulus)."""
        f = y if stimulus is None else y + stimulus
        if self.drive is not None and self.drive.acts_on == "field":
            f = f + self.drive(t).to(f.dtype)
        return ACTIVATIONS[self.activation](f)

    def image(self, state: State, stimulus: Tensor | None = None, t: Tensor | float = 0.0) -> State:
        """The next state of the map x' = activation(y + stimulus), settled."""
        x = state["x"]
        after = self._pushed(self.coupling(self.manifold.embed(x), stimulus), stimulus, t)
        return self.settled(state | {"x": after.expand_as(x)})

    def velocity(self, state: State, stimulus: Tensor | None = None, t: Tensor | float = 0.0) -> Tensor:
        """dx/dt at a state."""
        return self.evaluate(state, stimulus, t).velocity

    def arranged(self, state: State) -> State:
        """The state in the memory layout that the coupling is fastest with; axes stay as they are."""
        if not self.coupling.node_major:
            return state
        return {name: node_major(value) if value.ndim == 3 else value for name, value in state.items()}

    @staticmethod
    def moved(state: State, rates: State, dt: Tensor | float) -> State:
        """The state a straight step further, not settled."""
        return state | {name: state[name] + dt * rate for name, rate in rates.items()}

    def carried(self, state: State, rates: State, dt: Tensor | float) -> State:
        """The state an Euler step further, not settled: x straight on, v carried along its way and pushed.

        On a sphere a velocity that went straight on, too, would grow at every step, in the end without bound.
        """
        after = self.moved(state, rates, dt)
        if "v" in state:
            x, manifold = state["x"], self.manifold
            after["v"] = manifold.carry(x, state["v"], dt) + dt * manifold.transport(x, rates["v"])
        return after

    def settled(self, state: State) -> State:
        """The state back on the manifold: x retracted, its whole turns counted, v tangent."""
        x, manifold = state["x"], self.manifold
        after: State = {}
        if "winding" in state:
            after["x"], turns = manifold.unwound(x)
            after["winding"] = state["winding"] + turns.to(state["winding"].dtype)
        else:
            after["x"] = manifold.retract(x)
        if "v" in state:
            after["v"] = manifold.transport(after["x"], state["v"])
        return state | after

    def disturbed(self, state: State, increments: Tensor, *, of: State | None = None) -> State:
        """The state moved by diffusion dW, not settled; with inertia the noise is a force on the velocity.

        Args:
            state: to be moved.
            increments: dW, normal numbers times sqrt(dt), with the components of x.
            of: the state whose tangent space dW is taken to; the same by default.
        """
        assert self.diffusion is not None
        at = state if of is None else of
        push = self.manifold.transport(at["x"], self.diffusion * increments)
        if self.inertia is None:
            return state | {"x": state["x"] + push}
        return state | {"v": state["v"] + push / self.inertia.mass}

    def with_history(self, state: State, dt: float) -> State:
        """The state with room for what delayed couplings need of the past, in which all stood still.

        Args:
            state: at time 0.
            dt: time between the states that will be remembered.

        Raises:
            ValueError: when a delay is shorter than that.
        """
        delays = self.coupling.delay_range
        if delays is None:
            return state
        shortest, longest = delays
        if shortest < dt * (1 - 1e-9):
            raise ValueError(f"the shortest delay is {shortest:g}, less than a step of {dt:g}; take shorter steps")
        slots = ceil(longest / dt - 1e-9) + 2
        seen = self.manifold.embed(state["x"])
        history = seen.unsqueeze(1).repeat(1, slots, *(1,) * (seen.ndim - 1))
        each = torch.zeros(len(seen), dtype=torch.float64, device=seen.device)
        past = {"history": history, "history.rates": torch.zeros_like(history)}
        return state | past | {"history.knots": each.long(), "history.dt": each + dt}

    def remembered(self, state: State, start: Evaluation, dt: Tensor | float, *, spent: bool) -> State:
        """The state with itself laid down in its history, at the beginning of a step.

        Args:
            state: what is remembered.
            start: the right-hand side there.
            dt: size of the step.
            spent: whether nobody needs the state any more, and its history may be written to.

        Raises:
            ValueError: when the step is of another size than those that are remembered.
        """
        if "history" not in state:
            return state
        step, kept = _common("dt", dt), float(state["history.dt"][0])
        if abs(step - kept) > 1e-6 * kept:
            raise ValueError(f"with delays all steps are of one size: the past lies in steps of {kept:g}, not {step:g}")
        seen = self.manifold.embed(state["x"])
        knots, slots = state["history.knots"], state["history"].shape[1]
        slot = knots[:1] % slots
        fresh = {"history": seen, "history.rates": self.manifold.push(seen, start.velocity.expand_as(state["x"]))}
        put = {}
        for name, value in fresh.items():
            past = state[name]
            put[name] = (past.index_copy_ if spent else past.index_copy)(1, slot, value.unsqueeze(1))
        return state | put | {"history.knots": knots + 1}

    def energy(self, state: State, stimulus: Tensor | None, y: Tensor) -> Tensor:
        r"""E(x) = coupling.energy(x) - \sum <stimulus, x> + \sum V(x) (+ 1/2 mass |v|^2), [sample].

        The coupling's is -1/2 \sum <x, J x> - \sum <b, x> for y = J x + b; it may have another one of its own. A sum
        over all sites, components and oscillators. It never rises when y is minus the gradient of the coupling's
        energy (`Coupling.symmetric`), the frequencies vanish, and the steps are small. What changes with time (`drive`)
        is no part of it.
        """
        seen = self.manifold.embed(state["x"])
        energy = self.coupling.energy(seen, y)
        if stimulus is not None:
            energy = energy - (seen * stimulus).flatten(1).sum(1)
        if self.potential is not None:
            energy = energy + self.potential(seen).flatten(1).sum(1)
        if self.inertia is not None:
            energy = energy + (self.inertia.mass / 2 * state["v"].square()).flatten(1).sum(1)
        return energy

    def energy_of_each(self, state: State, stimulus: Tensor | None, y: Tensor) -> Tensor:
        r"""Each oscillator's share of `energy`, [sample, *sites, oscillator]; they add up to it.

        What belongs to a pair is shared half and half: E_i = -1/2 <x_i, (J x)_i> - <stimulus_i + b_i, x_i> + V(x_i)
        (+ 1/2 mass |v_i|^2).

        Only where `shares_energy`.
        """
        seen, b = self.manifold.embed(state["x"]), self.coupling.constant()
        shares = -0.5 * seen * (y if b is None else y + b)
        if stimulus is not None:
            shares = shares - seen * stimulus
        energy = shares.sum(-2)
        if self.potential is not None:
            energy = energy + self.potential(seen).squeeze(-2)
        if self.inertia is not None:
            energy = energy + (self.inertia.mass / 2 * state["v"].square()).sum(-2)
        return energy

    def pseudo_energy(self, state: State, stimulus: Tensor | None, y: Tensor) -> Tensor:
        r"""-\sum <x, y + stimulus>, [sample]: what AKOrN's released code calls the energy of the state x.

        It lacks the half in front of the coupling, so it is no potential of the flow. The released code reports it
        one step late, with a zero in front; see `oscillo.network.reference_energies`.
        """
        field = y if stimulus is None else y + stimulus
        return -(self.manifold.embed(state["x"]) * field).flatten(1).sum(1)

    def rows(self, samples: Tensor) -> Oscillators:
        """The oscillators of some samples of a batch, where parameters differ from sample to sample; else they all."""
        return of_samples(self, samples)

    @property
    def shares_energy(self) -> bool:
        """Whether the energy is a sum over oscillators: where no coupling has another than that of pairs."""
        parts = (part for part in self.coupling.modules() if isinstance(part, Coupling))
        return all(type(part).energy in _PAIRWISE for part in parts)

    @property
    def has_energy(self) -> bool:
        """Whether the energy is sure to fall along the flow."""
        plain = self.activation == "identity" and self.velocity_coupling is None and self.drive is None
        falls = self.coupling.symmetric and self.frequency.vanishes and self.projects
        return plain and falls and self.diffusion is None
