"""Common rotations that leave the motion as it is: which there are, and states compared up to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from oscillo.layout import State
from oscillo.manifolds import Manifold
from oscillo.stability.alignment import best_rotation
from oscillo.stability.motion import Motion, Of
from oscillo.stability.system import MOVING, System, derivative
from oscillo.stability.tangent import TangentSpace, manifold_of, oscillators_of

MOST_COMPONENTS = 32
"""Components of an oscillator up to which rotations are looked for; there are 496 of them to try."""

_PROBES = 3
"""Random states at which a rotation is tried: one that leaves the motion alone at all of them does so everywhere."""

_FITTING = 12
"""Iterations of a fit that converges quadratically where there is one."""

_SAME = {torch.float64: 1e-8, torch.float32: 1e-4}
"""Share of what was compared by which rounding may make it differ."""


@dataclass(frozen=True)
class Symmetry:
    """A group of common rotations R = exp(A): on the circle a shift of all phases, else R x for every oscillator.

    With inertia velocities turn as well (on the circle they stay).
    """

    manifold: Manifold
    """Where one oscillator lives."""
    generators: Tensor
    """Antisymmetric matrices that make up A, of what others see, [generator, component, component]; orthogonal."""

    @property
    def dimension(self) -> int:
        """How many independent rotations there are, g; 0 for none."""
        return len(self.generators)

    @property
    def widened(self) -> Symmetry:
        """All rotations, where there are some: what differs up to these differs up to the fewer ones."""
        return Symmetry(self.manifold, _all_generators(self.generators.shape[-1], self.generators))

    @property
    def is_full(self) -> bool:
        """Whether they are all rotations there are."""
        n = self.generators.shape[-1]
        return self.dimension == n * (n - 1) // 2

    @property
    def without(self) -> Symmetry:
        """No rotations."""
        return replace(self, generators=self.generators[:0])

    def generator(self, speeds: Tensor) -> Tensor:
        """A, [sample, component, component].

        Args:
            speeds: of each generator, [sample, generator].
        """
        return torch.einsum("sg,gij->sij", speeds, self.generators.to(speeds.dtype))

    def velocity(self, state: State, speeds: Tensor) -> State:
        """How fast the state moves when it turns with those speeds [sample, generator], by name."""
        x = state["x"]
        if self.manifold.winds:
            return {"x": _aligned(speeds, x.ndim).expand_as(x)}
        turning = self._matrix(speeds, x.ndim)
        return {name: turning @ state[name] for name in MOVING if name in state}

    def turned(self, state: State, angles: Tensor) -> State:
        """The state turned by exp(A) of those angles [sample, generator]; phases are not wrapped."""
        x = state["x"]
        if self.manifold.winds:
            return state | {"x": x + _aligned(angles, x.ndim)}
        rotation = torch.linalg.matrix_exp(self.generator(angles))
        rotation = rotation.reshape(-1, *(1,) * (x.ndim - 3), *rotation.shape[1:])
        return state | {name: rotation @ state[name] for name in MOVING if name in state}

    def orbit(self, space: TangentSpace) -> Tensor:
        """The directions in which rotations move the states, in tangent coordinates [sample, d, generator]."""
        samples, g = len(space.state["x"]), self.dimension
        one = torch.eye(g, dtype=space.state["x"].dtype, device=space.state["x"].device)
        if not g:
            return one.new_zeros((samples, space.dimension, 0))
        columns = [space.coordinates(self.velocity(space.state, row.expand(samples, g))) for row in one]
        return torch.stack(columns, dim=-1)

    def aligned(self, state: State, onto: State) -> tuple[State, Tensor]:
        """The state turned as near as possible to another one, and the rotation matrices of what others see.

        Args:
            state: tensors [sample, ...].
            onto: the same number of samples, or one.

        Returns:
            The turned state, and [sample, component, component].
        """
        x = state["x"]
        n = self.generators.shape[-1]
        rotation = torch.eye(n, dtype=x.dtype, device=x.device).expand(len(x), n, n)
        if not self.dimension:
            return state, rotation
        names = ["x"] if self.manifold.winds else [name for name in MOVING if name in state]
        correlation = sum(
            (
                _vectors(self.manifold.embed(onto[name])) @ _vectors(self.manifold.embed(state[name])).mT
                for name in names
            ),
            start=x.new_zeros(()),
        )
        rotation = best_rotation(correlation, None if self.is_full else self.generators.to(x.dtype))
        if self.manifold.winds:
            angle = torch.atan2(rotation[:, 1, 0], rotation[:, 0, 0])
            return state | {"x": self.manifold.retract(x + _aligned(angle[:, None], x.ndim))}, rotation
        turn = rotation.reshape(-1, *(1,) * (x.ndim - 3), n, n)
        return state | {name: turn @ state[name] for name in names}, rotation

    def angles(self, state: State, after: State) -> Tensor:
        """Angles that turn states into others, as near as may be, [sample, generator].

        Of those that do, about the least: a rotation that leaves the state where it is adds nothing.

        Args:
            state: from here.
            after: to there.
        """
        x = state["x"]
        found = x.new_zeros((len(x), self.dimension))
        if self.generators.shape[-1] == 2 and self.dimension:
            rotation = self.aligned(state, after)[1]
            size = self.generators[0, 1, 0]
            return (torch.atan2(rotation[:, 1, 0], rotation[:, 0, 0]) / size)[:, None]
        names = [name for name in MOVING if name in state]
        for _ in range(_FITTING if self.dimension else 0):
            columns = []
            for row in torch.eye(self.dimension, dtype=x.dtype, device=x.device):
                turned, rates = derivative(
                    lambda moved: self.turned(state, moved["angles"]), {"angles": found},
                    {"angles": row.expand_as(found).contiguous()},
                )  # fmt: skip
                columns.append(torch.cat([rates[name].flatten(1) for name in names], dim=1))
            turned = self.turned(state, found)
            gap = torch.cat([(after[name] - turned[name]).flatten(1) for name in names], dim=1)
            fit = torch.linalg.pinv(torch.stack(columns, dim=-1), rtol=1e-6) @ gap.unsqueeze(-1)
            found = found + fit.squeeze(-1)
        return found

    def distance(self, state: State, onto: State) -> Tensor:
        """How far apart two states are, up to a rotation: the largest distance of an oscillator, [sample].

        With inertia a difference of velocities counts as a distance of its length.
        """
        turned, _ = self.aligned(state, onto)
        x, z = (one["x"] if one["x"].ndim > 2 else one["x"][:, None, :] for one in (turned, onto))
        apart = self.manifold.distance(x, z).flatten(1).amax(dim=1)
        if "v" in state:
            apart = torch.maximum(apart, (turned["v"] - onto["v"]).abs().flatten(1).amax(dim=1))
        return apart

    def _matrix(self, speeds: Tensor, axes: int) -> Tensor:
        turning = self.generator(speeds)
        return turning.reshape(-1, *(1,) * (axes - 3), *turning.shape[1:])


def symmetry_of(system: System, of: Of) -> Symmetry:
    """The common rotations that commute with the motion of the system's first sample, found by trying.

    A motion F commutes with all exp(sA) when its derivative along A x is A F(x) everywhere; that is tried at random
    states, and what is left of the rotations is the null space of the difference. Rotations are looked for where
    oscillators are phases or vectors of 2 to 32 components; reflections and exchanges of oscillators are not.

    Args:
        system: one sample or more.
        of: whether the flow is meant or a step.
    """
    manifold, x = manifold_of(system.layer), system.state["x"]
    n = 2 if manifold.winds else x.shape[-2] if x.ndim > 2 else 1
    candidates = Symmetry(manifold, _all_generators(n, x))
    if oscillators_of(system.layer) is None or not 2 <= n <= MOST_COMPONENTS:
        return candidates.without
    g = candidates.dimension
    probes = _probes(system)
    rows = torch.arange(_PROBES, device=x.device).repeat_interleave(g)
    many = probes.at(rows)
    speeds = torch.eye(g, dtype=x.dtype, device=x.device).repeat(_PROBES, 1)
    value, rates = derivative(Motion(many, of), many.state, candidates.velocity(many.state, speeds))
    moving = {name: rates.get(name, torch.zeros_like(found)) for name, found in value.items()}
    expected = candidates.velocity(value | {"x": value["x"]}, speeds)
    if manifold.winds and of == "flow":  # phases are shifted, and how fast they move is not
        expected = {"x": torch.zeros_like(value["x"])}
    gaps, sizes = [], []
    for name, rate in moving.items():
        other = expected.get(name, torch.zeros_like(rate))
        gaps.append((rate - other).reshape(_PROBES, g, -1))
        sizes.append(rate.square().sum() + other.square().sum() + value[name].square().sum())
    table = torch.cat(gaps, dim=-1).movedim(1, 0).reshape(g, -1)
    scale = torch.stack(sizes).sum().sqrt() / g**0.5
    table = torch.cat((table, table.new_zeros((g, max(0, g - table.shape[1])))), dim=1)
    left, strength, _ = torch.linalg.svd(table, full_matrices=False)
    kept = strength <= _SAME.get(x.dtype, 1e-4) * scale
    if kept.all():
        return candidates
    return Symmetry(manifold, torch.einsum("gk,gij->kij", left[:, kept], candidates.generators))


def frequencies_of(generator: Tensor) -> Tensor:
    """Angular frequencies of the planes in which a rotation turns, [plane], the fastest first.

    Of planar vectors it is one number, positive for counter-clockwise; in more dimensions planes have no sense, and the
    numbers are not negative.

    Args:
        generator: antisymmetric, [component, component].
    """
    n = generator.shape[-1]
    if n == 2:
        return generator[1, 0].reshape(1)
    turning = torch.linalg.eigvals(generator).imag if n > 1 else generator.new_zeros(0)
    return turning.sort(descending=True).values[: n // 2].clamp_min(0)


def _all_generators(n: int, like: Tensor) -> Tensor:
    """A basis of the antisymmetric matrices, [n (n - 1) / 2, n, n]; empty beyond what is looked at."""
    if not 2 <= n <= MOST_COMPONENTS:
        return like.new_zeros((0, n if n < 2 else 1, n if n < 2 else 1))
    i, j = torch.tril_indices(n, n, -1, device=like.device)
    found = like.new_zeros((len(i), n, n))
    number = torch.arange(len(i), device=like.device)
    found[number, i, j], found[number, j, i] = 1.0, -1.0
    return found


def _probes(system: System) -> System:
    """The first sample at random states."""
    x = system.state["x"]
    many = system.at(torch.zeros(_PROBES, dtype=torch.int64, device=x.device))
    source = torch.Generator().manual_seed(0)
    normals = lambda: torch.randn((_PROBES, *x.shape[1:]), generator=source, dtype=x.dtype).to(x.device)  # noqa: E731
    manifold = manifold_of(system.layer)
    state = many.state | {"x": manifold.spread(normals())}
    if "v" in state:
        state["v"] = manifold.transport(state["x"], 0.5 * normals())
    return replace(many, state=state)


def _aligned(numbers: Tensor, axes: int) -> Tensor:
    """One number for each sample, [sample, 1], as a tensor that broadcasts against states."""
    return numbers.reshape(-1, *(1,) * (axes - 1))


def _vectors(seen: Tensor) -> Tensor:
    """What others see, [sample, *sites, component, oscillator], as [sample, component, site and oscillator]."""
    return seen.movedim(-2, 1).flatten(2)
