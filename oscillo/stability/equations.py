"""What a fixed point solves, up to a common rotation, in tangent coordinates; and how that changes with the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from oscillo.layout import State
from oscillo.manifolds.sphere import Sphere
from oscillo.stability.motion import Motion, Of, space_of
from oscillo.stability.symmetry import Symmetry
from oscillo.stability.system import System, derivative
from oscillo.stability.tangent import TangentSpace

AT_ONCE = 2**21
"""Numbers in the states that are looked at together: some hundred megabytes with what lies between."""


@dataclass(frozen=True)
class Guess:
    """States that may be fixed, and the speeds with which they may turn as a whole."""

    system: System
    speeds: Tensor
    """Of each generator of the symmetry: per unit of time for a flow, per step for steps; [sample, generator]."""

    def at(self, rows: Tensor) -> Guess:
        """Some of the samples."""
        return Guess(self.system.at(rows), self.speeds[rows])

    def moved(self, step: Tensor) -> Guess:
        """The guess changed by a step [sample, d + generators] in tangent coordinates and speeds."""
        space = space_of(self.system)
        d = space.dimension
        return Guess(replace(self.system, state=space.moved(step[:, :d])), self.speeds + step[:, d:])

    def put(self, rows: Tensor, other: Guess) -> Guess:
        """The guess with other states and speeds for some of the samples."""
        kept = {name: value.clone() for name, value in self.system.state.items()}
        for name, value in other.system.state.items():
            kept[name][rows] = value
        speeds = self.speeds.clone()
        speeds[rows] = other.speeds
        return Guess(replace(self.system, state=kept), speeds)


@dataclass(frozen=True)
class Equations:
    """F(x) - A x = 0 for a flow F, exp(-A) step(x) - x = 0 for steps; A is a combination of the symmetry's generators.

    The states that solve them are at rest where A = 0, and else turn as a whole: relative equilibria (Golubitsky and
    Stewart 2002, The Symmetry Perspective, chapter 1). On spheres the residual of a step is
    the chord to where the step leads, stretched so that it grows without bound towards the opposite point.
    """

    of: Of
    symmetry: Symmetry

    def residual(self, guess: Guess) -> Tensor:
        """What is left of the motion, in tangent coordinates, [sample, d]."""
        with torch.no_grad():
            value = self._gap(guess.system)(guess.system.state | {"speeds": guess.speeds})
        space = space_of(guess.system)
        return space.coordinates(self._stretched(space, value, value))

    def pushed(self, guess: Guess, directions: Tensor) -> Tensor:
        """How the residual changes with each guess, [sample, d].

        Args:
            guess: where.
            directions: a change of each sample's guess, [sample, d + generators].
        """
        system, space = guess.system, space_of(guess.system)
        d = space.dimension
        moves = space.directions(directions[:, :d])
        if guess.speeds.shape[1]:
            moves["speeds"] = directions[:, d:]
        value, rates = derivative(self._gap(system), system.state | {"speeds": guess.speeds}, moves)
        return space.coordinates(self._stretched(space, value, rates))

    def jacobian(self, guess: Guess) -> Tensor:
        """How the residual changes with coordinates and speeds, [sample, d, d + generators]."""
        x = guess.system.state["x"]
        samples, d = len(x), space_of(guess.system).dimension
        unknowns = d + guess.speeds.shape[1]
        found = x.new_empty((samples * unknowns, d))
        each = max(1, AT_ONCE // max(1, x[0].numel()))
        for pairs in torch.arange(samples * unknowns, device=x.device).split(each):
            directions = torch.zeros((len(pairs), unknowns), dtype=x.dtype, device=x.device)
            directions.scatter_(1, (pairs % unknowns)[:, None], 1.0)
            found[pairs] = self.pushed(guess.at(pairs // unknowns), directions)
        return found.reshape(samples, unknowns, d).mT

    def first_speeds(self, system: System) -> Guess:
        """States with the speeds that fit their motion best."""
        x = system.state["x"]
        still = Guess(system, x.new_zeros((len(x), self.symmetry.dimension)))
        if not self.symmetry.dimension:
            return still
        orbit = self.symmetry.orbit(space_of(system))
        fit = torch.linalg.pinv(orbit, rtol=1e-6) @ self.residual(still).unsqueeze(-1)
        return Guess(system, fit.squeeze(-1))

    def _gap(self, system: System) -> Callable[[State], State]:
        """What is left of the motion, as a function of the state and the speeds."""
        motion, symmetry = Motion(system, self.of), self.symmetry

        def gap(state: State) -> State:
            speeds, plain = state["speeds"], {name: value for name, value in state.items() if name != "speeds"}
            value = motion(plain)
            if self.of == "flow":
                turning = symmetry.velocity(plain, speeds) if symmetry.dimension else {}
                return {name: rate - turning[name] if name in turning else rate for name, rate in value.items()}
            if symmetry.dimension:
                value = symmetry.turned(value, -speeds)
            left = {name: after - plain[name] for name, after in value.items()}
            return left | {"x": symmetry.manifold.retract(left["x"])} if symmetry.manifold.winds else left

        return gap

    def _stretched(self, space: TangentSpace, gap: State, vectors: State) -> State:
        """Vectors of a step's residual on a sphere, by 2 / (1 + <x, y>); y = x + gap is where the step leads."""
        if self.of == "flow" or not isinstance(space.manifold, Sphere) or "x" not in vectors:
            return vectors
        nearness = 2 + (space.state["x"] * gap["x"]).sum(dim=-2, keepdim=True)
        return vectors | {"x": vectors["x"] * 2 / nearness.clamp_min(1e-3)}
